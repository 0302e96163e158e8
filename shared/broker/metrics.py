"""What the broker tells about itself, in Prometheus' words; each metric says what to make of it.

Counters grow from the start of the process. Gauges about topics and groups are read when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.broker.codes import Code
from shared.broker.groups import Group
from shared.broker.offsets import Committed
from shared.broker.topics import Topics

_FSYNC_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
ENDED = ("too many", "silent", "not the protocol", "fault of the broker")
"""Why the broker ends connections."""
STORING = ("Produce", "Fetch", "ListOffsets", "CreateTopics", "DeleteTopics", "CreatePartitions",
           "DeleteRecords", "AlterConfigs", "IncrementalAlterConfigs")  # fmt: skip
"""The APIs that answer KAFKA_STORAGE_ERROR when the disk is full or broken."""
_SHARED_BY = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The meters of one broker, in a registry of their own."""

    def __init__(self) -> None:
        # Long, for it is the list of all meters with their meaning.
        self.registry = CollectorRegistry()
        self.records = Counter(
            "tannha_broker_records",
            "Records taken in (after the fsync) and handed out. In without out: consumers stand still.",
            ["direction"],
            registry=self.registry,
        )
        self.bytes = Counter(
            "tannha_broker_record_bytes",
            "Bytes of record batches taken in and handed out.",
            ["direction"],
            registry=self.registry,
        )
        self.requests = Counter(
            "tannha_broker_requests",
            "Requests by API and error code in the answer. KAFKA_STORAGE_ERROR: the disk is full or broken.",
            ["api", "error"],
            registry=self.registry,
        )
        self.refused = Counter(
            "tannha_broker_connections_ended",
            "Connections the broker ended: refused for their number, silent, or not speaking the protocol.",
            ["reason"],
            registry=self.registry,
        )
        self.fsync = Histogram(
            "tannha_broker_commit_seconds",
            "Time of one commit, its fsync included. Every acknowledged send waits for one: slow disk.",
            buckets=_FSYNC_SECONDS,
            registry=self.registry,
        )
        self.shared_by = Histogram(
            "tannha_broker_commit_works",
            "Writes that shared one commit. Many is good under load: one fsync serves them all.",
            buckets=_SHARED_BY,
            registry=self.registry,
        )
        self.connections = Gauge(
            "tannha_broker_connections",
            "Open connections. Near --max-connections newcomers are refused.",
            registry=self.registry,
        )

        self._records_in, self._records_out = self.records.labels("in"), self.records.labels("out")
        self._bytes_in, self._bytes_out = self.bytes.labels("in"), self.bytes.labels("out")
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Shows what alerts watch before it happens: a series that begins at 1 has not increased."""
        for reason in ENDED:
            self.refused.labels(reason)
        for api in STORING:
            self.requests.labels(api, Code.KAFKA_STORAGE_ERROR.name)

    def committed(self, seconds: float, works: int) -> None:
        """A transaction has reached the disk. Called from the writing thread."""
        self.fsync.observe(seconds)
        self.shared_by.observe(works)

    def answered(self, api: str, codes: Iterable[int]) -> None:
        """A request has its answer; an answer with several errors counts each kind once."""
        for code in set(codes) or {0}:
            self.requests.labels(api, _NAMES.get(code, str(code))).inc()

    def took(self, records: int, size: int) -> None:
        """A batch was appended."""
        self._records_in.inc(records)
        self._bytes_in.inc(size)

    def gave(self, records: int, size: int) -> None:
        """Batches were handed to a reader."""
        self._records_out.inc(records)
        self._bytes_out.inc(size)


_NAMES = {code.value: code.name for code in Code}


@dataclass(frozen=True, eq=False)
class Holdings(Collector):
    """Topics, groups and places as they are at one moment."""

    topics: Topics
    groups: dict[str, Group]
    places: Sequence[tuple[str, Committed]]
    file_bytes: int
    free_bytes: int

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges about what is kept."""
        yield from self._partitions()
        yield from self._groups()
        yield GaugeMetricFamily(
            "tannha_broker_file_bytes",
            "Size of the database file. It never shrinks; see free bytes.",
            value=self.file_bytes,
        )
        yield GaugeMetricFamily(
            "tannha_broker_file_free_bytes",
            "Room inside the file that deleted records left and new ones will take.",
            value=self.free_bytes,
        )

    def _partitions(self) -> Iterator[GaugeMetricFamily]:
        place = ["topic", "partition"]
        size = GaugeMetricFamily(
            "tannha_broker_partition_bytes",
            "Bytes of a partition's batches; retention bounds it.",
            labels=place,
        )
        start = GaugeMetricFamily(
            "tannha_broker_partition_log_start_offset", "The oldest offset that can be read.", labels=place
        )
        end = GaugeMetricFamily(
            "tannha_broker_partition_end_offset", "The offset the next record gets.", labels=place
        )
        for topic in self.topics.all():
            for partition in topic.partitions:
                labels = [topic.name, str(partition.number)]
                size.add_metric(labels, partition.size)
                start.add_metric(labels, partition.log_start)
                end.add_metric(labels, partition.high_watermark)
        yield from (size, start, end)

    def _groups(self) -> Iterator[GaugeMetricFamily]:
        members = GaugeMetricFamily(
            "tannha_broker_group_members",
            "Members of a consumer group by its state. 0 members of a working service: it is down.",
            labels=["group", "state"],
        )
        for group in self.groups.values():
            members.add_metric([group.name, str(group.state)], len(group.members))
        lag = GaugeMetricFamily(
            "tannha_broker_group_lag",
            "Records after a group's committed place. Growing: it is slower than its senders, or stuck.",
            labels=["group", "topic", "partition"],
        )
        for name, place in self.places:
            partition = self.topics.partition(place.topic, place.partition)
            if partition is not None:
                behind = partition.high_watermark - max(place.next_offset, partition.log_start)
                lag.add_metric([name, place.topic, str(place.partition)], max(0, behind))
        yield from (members, lag)


def exposition(metrics: Metrics, holdings: Holdings) -> bytes:
    """Everything in Prometheus' text form."""
    now = CollectorRegistry()
    now.register(holdings)
    return generate_latest(metrics.registry) + generate_latest(now)
