"""PostgreSQL: a lock on the outbox holds, an exported snapshot pins, pg_dump copies.

SHARE mode lets everybody read and nobody write the outbox; it waits for the transactions that have written
to it. It is the only lock asked for, so it can wait but never be part of a deadlock.
Sources: https://www.postgresql.org/docs/current/explicit-locking.html, `pg_dump --snapshot`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL

from deploy.backup.sources import FACTS, HOLD_SECONDS, BackupFailed, DatabaseFacts, flush
from deploy.missing import NotRunnable
from deploy.postgres.server import find_programs

PROGRAMS_FROM = "TANNHA_PG_BIN"
"""Environment variable with the folder of pg_dump and pg_restore, for a server newer than those found."""


class PostgresDatabase:
    """A service's database on a server."""

    def __init__(self, name: str, url: URL) -> None:
        self.name = name
        self._url = url
        self._lock: psycopg.Connection[Any] | None = None
        self._pinned: psycopg.Connection[Any] | None = None
        self._snapshot = ""

    def hold(self) -> None:
        """Locks the outbox against writing."""
        self._lock = connect(self._url)
        try:
            self._lock.execute("BEGIN")
            self._lock.execute(f"SET LOCAL lock_timeout = '{HOLD_SECONDS:.0f}s'")
            self._lock.execute("LOCK TABLE outbox IN SHARE MODE")
        except psycopg.Error as error:
            self.release()
            raise BackupFailed(f"Không dừng được việc ghi của {self.name}: {_line(error)}") from error

    def pin(self) -> None:
        """Exports a snapshot that pg_dump can import while this connection stays."""
        self._pinned = connect(self._url)
        self._pinned.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._snapshot = str(self._ask("SELECT pg_export_snapshot()")[0][0])

    def release(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def facts(self) -> DatabaseFacts:
        """Counted in the pinned state."""
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        tables = [str(name) for (name,) in self._ask(names)]
        return DatabaseFacts(
            revision=str(self._ask(FACTS["revision"])[0][0]),
            tables={name: self._count(name) for name in tables},
            unsent=int(self._ask(FACTS["unsent"])[0][0]),
            heads={topic: int(n) for topic, n in self._ask(FACTS["heads"])},
            gates={topic: int(n) for topic, n in self._ask(FACTS["gates"])},
        )

    def copy(self, folder: Path) -> Path:
        """`<name>.dump`, in pg_dump's custom format."""
        target = folder / f"{self.name}.dump"
        run_program(
            "pg_dump",
            self._url,
            ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={self._snapshot}", f"--file={target}"],
        )
        flush(target)
        return target

    def close(self) -> None:
        """Lets go of lock and snapshot."""
        self.release()
        if self._pinned is not None:
            self._pinned.close()
            self._pinned = None

    def _ask(self, query: str) -> list[Any]:
        if self._pinned is None:
            raise RuntimeError(f"{self.name} is not pinned")
        return self._pinned.execute(query.encode()).fetchall()

    def _count(self, table: str) -> int:
        if self._pinned is None:
            raise RuntimeError(f"{self.name} is not pinned")
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        return int(self._pinned.execute(query).fetchone()[0])  # type: ignore[index]


def is_empty(url: URL) -> bool:
    """Whether a database has no table yet. Raises BackupFailed when it cannot be reached."""
    with connect(url) as connection:
        query = "SELECT NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())"
        return bool(connection.execute(query).fetchone()[0])  # type: ignore[index]


def restore_dump(dump: Path, url: URL) -> None:
    """Fills an empty database, all or nothing. Raises BackupFailed."""
    options = ["--no-owner", "--no-acl", "--single-transaction", "--exit-on-error"]
    run_program("pg_restore", url, [*options, str(dump)])


def connect(url: URL) -> psycopg.Connection[Any]:
    """An autocommit connection. Raises BackupFailed, without the password."""
    try:
        return psycopg.connect(_conninfo(url), autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        where = url.render_as_string(hide_password=True)
        raise BackupFailed(f"Không kết nối được cơ sở dữ liệu {where}: {_line(error)}") from error


def run_program(name: str, url: URL, arguments: list[str]) -> None:
    """Runs pg_dump or pg_restore against a database. Raises BackupFailed with its last words."""
    # The password goes by the environment of the child: the command line is public on the machine.
    environment = {**os.environ, "PGPASSWORD": str(url.password)} if url.password else dict(os.environ)
    command = [program(name), f"--dbname={_conninfo(url.set(password=None))}", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupFailed(f"{name}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")


def program(name: str) -> str:
    """The path of a program of PostgreSQL: where the variable says, in the wheel, on the PATH.

    Raises BackupFailed when there is none.
    """
    folder = os.environ.get(PROGRAMS_FROM)
    if folder:
        return str(Path(folder) / name)
    try:
        return str(find_programs() / name)
    except NotRunnable:
        found = shutil.which(name)
        if found is None:
            raise BackupFailed(f"Không tìm thấy {name}; đặt {PROGRAMS_FROM} là thư mục chứa nó.") from None
        return found


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
