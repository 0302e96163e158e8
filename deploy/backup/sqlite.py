"""SQLite: the write lock holds, an open read transaction pins, the online backup copies.

In WAL mode a read transaction goes on seeing the state in which it began while others write, and
`sqlite3_backup` reads through it (https://www.sqlite.org/c3ref/backup_finish.html: an open read transaction
of the source connection is used). Only the write-ahead log grows until the copy is done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from deploy.backup.sources import FACTS, HOLD_SECONDS, MARK_UNSENT, BackupFailed, DatabaseFacts, flush

BROKER_FILE = "broker.sqlite3"
REPLAYED = ("-wal", "-shm", "-journal")
"""Ends of the names of what SQLite reads together with a file, and replays into it if it is still there
(https://www.sqlite.org/tempfiles.html)."""


class SqliteFile:
    """A file that can be pinned and copied while others write."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._pinned: sqlite3.Connection | None = None

    def pin(self) -> None:
        """Begins the read transaction that `copy` and `ask` look through. Raises BackupFailed."""
        self._pinned = _open(self.file)
        self._pinned.execute("BEGIN")
        # The snapshot is taken by the first read, not by BEGIN.
        self._pinned.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def ask(self, query: str) -> list[Any]:
        """The answer of the pinned state. Raises RuntimeError before `pin`."""
        return self._connection().execute(query).fetchall()

    def copy_to(self, target: Path) -> Path:
        """The pinned state as a file of its own, checked and on the disk. Raises BackupFailed."""
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            self._connection().backup(copy)
            # A copy is one file: without this it would ask for a write-ahead log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
        check_file(target)
        flush(target)
        return target

    def close(self) -> None:
        """Ends the read transaction; the write-ahead log may be folded in again."""
        if self._pinned is not None:
            self._pinned.close()
            self._pinned = None

    def _connection(self) -> sqlite3.Connection:
        if self._pinned is None:
            raise RuntimeError(f"{self.file} is not pinned")
        return self._pinned


class SqliteDatabase:
    """A service's database in a file."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = SqliteFile(file)
        self._lock: sqlite3.Connection | None = None

    def hold(self) -> None:
        """Takes the one write lock; writers queue behind it as they do behind each other."""
        self._lock = _open(self._file.file)
        try:
            self._lock.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self.release()
            raise BackupFailed(f"Không dừng được việc ghi của {self.name}: {error}") from error

    def pin(self) -> None:
        """See SqliteFile."""
        self._file.pin()

    def release(self) -> None:
        """Gives the write lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def facts(self) -> DatabaseFacts:
        """Counted in the pinned state."""
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        tables = [str(name) for (name,) in self._file.ask(names)]
        return DatabaseFacts(
            revision=str(self._file.ask(FACTS["revision"])[0][0]),
            tables=_counts(self._file, tables),
            unsent=int(self._file.ask(FACTS["unsent"])[0][0]),
            heads=dict(self._file.ask(FACTS["heads"])),
            gates=dict(self._file.ask(FACTS["gates"])),
        )

    def copy(self, folder: Path) -> Path:
        """`<name>.db`."""
        return self._file.copy_to(folder / f"{self.name}.db")

    def close(self) -> None:
        """Lets go of lock and pin."""
        self.release()
        self._file.close()


class EmbeddedLog:
    """The embedded broker's file: records, committed offsets, producers, group generations."""

    kind = "embedded"

    def __init__(self, folder: Path) -> None:
        self._file = SqliteFile(folder / BROKER_FILE)

    def pin(self) -> None:
        """See SqliteFile."""
        self._file.pin()

    def facts(self) -> Mapping[str, Any]:
        """Records ever appended, by topic."""
        records = "SELECT topic, sum(next_offset) FROM partition GROUP BY topic ORDER BY topic"
        return {"records": dict(self._file.ask(records))}

    def copy(self, folder: Path) -> Path:
        """`broker.sqlite3`."""
        return self._file.copy_to(folder / BROKER_FILE)

    def close(self) -> None:
        """Lets go of the pin."""
        self._file.close()


def files_beside(file: Path) -> list[Path]:
    """Where the files would be that SQLite takes for a part of this one."""
    return [file.with_name(file.name + end) for end in REPLAYED]


def mark_unsent(file: Path) -> int:
    """Marks every event of an outbox as unsent; returns how many. Raises BackupFailed."""
    with closing(_open(file)) as connection:
        try:
            return connection.execute(MARK_UNSENT).rowcount
        except sqlite3.Error as error:
            raise BackupFailed(f"{file.name}: {error}") from error


def check_file(file: Path) -> None:
    """Raises BackupFailed when SQLite finds a fault in the file."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupFailed(f"{file.name} không phải là cơ sở dữ liệu đọc được: {error}") from error
    if verdict != "ok":
        raise BackupFailed(f"{file.name} hỏng: {verdict}")


def _open(file: Path) -> sqlite3.Connection:
    """A connection to a file that is there. Raises BackupFailed for one that is not."""
    try:
        return sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=HOLD_SECONDS, isolation_level=None
        )
    except sqlite3.Error as error:
        raise BackupFailed(f"Không mở được {file}: {error}") from error


def _counts(file: SqliteFile, tables: Iterable[str]) -> dict[str, int]:
    return {name: int(file.ask(f'SELECT count(*) FROM "{name}"')[0][0]) for name in tables}  # noqa: S608 - from sqlite_master
