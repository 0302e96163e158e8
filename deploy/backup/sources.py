"""What can be photographed, and how: the port that a database or a log fulfils."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

HOLD_SECONDS = 5.0
"""How long a source may wait for the writers in front of it; all others wait as long."""


class BackupFailed(Exception):
    """No backup was made, or none can be restored; the text is one Vietnamese line for a person."""


@dataclass(frozen=True)
class DatabaseFacts:
    """What a pinned database holds: its schema revision, rows by table, and how far its streams are.

    `heads` and `gates` are the sums of sequence numbers by topic, given out and applied.
    """

    revision: str
    tables: Mapping[str, int]
    unsent: int
    heads: Mapping[str, int] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)


class Database(Protocol):
    """One service's database. `hold` and `release` enclose the moment; then `copy` takes its time."""

    name: str

    def hold(self) -> None:
        """Lets no event be published any more, once those under way are. Raises BackupFailed."""

    def pin(self) -> None:
        """Fixes what `facts` and `copy` will see, whatever is written afterwards."""

    def release(self) -> None:
        """Lets publishing go on; harmless when nothing is held."""

    def facts(self) -> DatabaseFacts:
        """What the pinned state holds."""

    def copy(self, folder: Path) -> Path:
        """Writes the pinned state into a new file of `folder`. Raises BackupFailed."""

    def close(self) -> None:
        """Lets go of everything."""


class EventLog(Protocol):
    """The broker's side: a log that can be copied, or one of which only the ends are noted."""

    kind: str

    def pin(self) -> None:
        """Fixes what `copy` will see. Raises BackupFailed."""

    def facts(self) -> Mapping[str, Any]:
        """Records by topic at the pinned moment, and where the groups are."""

    def copy(self, folder: Path) -> Path | None:
        """Writes the log into a new file of `folder`; None where only a note can be made."""

    def close(self) -> None:
        """Lets go of everything."""


FACTS = {
    "unsent": "SELECT count(*) FROM outbox WHERE sent_at IS NULL",
    "revision": "SELECT version_num FROM alembic_version",
    "heads": "SELECT topic, sum(sequence) FROM stream_head GROUP BY topic",
    "gates": "SELECT topic, sum(sequence) FROM gate GROUP BY topic",
}
"""The questions that `facts` asks, the same in both dialects."""

MARK_UNSENT = "UPDATE outbox SET sent_at = NULL"
"""What makes a relay send everything again, the same in both dialects."""


def one_line(error: BaseException) -> str:
    """What an error says, for a person who wants one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def flush(file: Path) -> None:
    """Waits until the file and its name are on the disk."""
    for path in (file, file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
