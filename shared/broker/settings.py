"""What can be set about a broker, with the values that suit one office on one machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """Bounds and places of one broker. Sizes in bytes, times in seconds.

    The bounds exist so that no client, clumsy or hostile, can make memory or disk grow without end.
    """

    data: Path
    """Folder of the database file and the lock; made when missing."""
    host: str = "127.0.0.1"
    """Loopback unless told otherwise: the broker knows neither passwords nor encryption."""
    port: int = 19092
    """0 lets the system choose; the first line of output says which."""
    metrics_port: int | None = None
    """Where GET /metrics is answered, on loopback only; 0 lets the system choose. None: nowhere."""
    default_partitions: int = 4
    """For a topic created without a number of partitions."""
    max_partitions_per_topic: int = 256
    max_topics: int = 2_000
    max_frame: int = 4 * MEBIBYTE
    """Largest request that brings records; a longer one closes its connection before it is read."""
    max_plain_frame: int = MEBIBYTE // 2
    """Largest request of any other kind: many small fields take far more memory than their bytes."""
    max_batch: int = 2 * MEBIBYTE
    """Largest record batch (Kafka's `message.max.bytes`)."""
    max_fetch: int = 8 * MEBIBYTE
    """Largest answer to one fetch, whatever the client asks for."""
    max_requests_in_memory: int = 64 * MEBIBYTE
    """Bytes of large requests being read or answered, over all connections; the others wait their turn."""
    max_connections: int = 500
    max_file: int | None = None
    """Largest database file; a full one refuses sends with KAFKA_STORAGE_ERROR. None: the disk's size."""
    max_group_members: int = 200
    frame_timeout: float = 30.0
    """To finish sending a request once its length was announced, and to take an answer."""
    idle_timeout: float = 600.0
    """After this silence a connection is closed, as Kafka does."""
    min_session_timeout: float = 1.0
    max_session_timeout: float = 1_800.0
    first_rebalance_delay: float = 0.2
    """How long an empty group waits for more members before its first generation."""
    stop_grace: float = 2.0
    """How long requests in hand may take to be answered at a stop."""
    retention_sweep: float = 60.0
    """Between two sweeps for records past retention, for compaction and for forgotten producers."""
    producer_memory: float = 7 * 24 * 3600.0
    """How long the last sequence numbers of a silent producer are kept."""

    @property
    def max_records(self) -> int | None:
        """What the file may take before sends are refused: a little less than `max_file`, so that
        consumers of a full broker can still commit, join and read it empty."""
        return None if self.max_file is None else self.max_file - min(MEBIBYTE, self.max_file // 8)
