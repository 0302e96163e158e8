"""Whether a database takes writes at this moment: what `/readyz` asks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, text

PROBE_BUSY_SECONDS = 1.0
"""How long the probe queues for the write lock of SQLite; `/readyz` has to answer within two seconds."""


class Unwritable(Exception):
    """The database answers, but takes no writes."""


def check_writable(engine: Engine) -> None:
    """Returns when reading works and writing should. Raises the engine's errors, sqlite3.Error, Unwritable.

    SQLite is really written to (one page, nothing changes), because only that shows a full disk. A server of
    PostgreSQL is asked whether it is a standby or was set to take no writes.
    """
    with engine.connect().execution_options(reading=True) as connection:
        connection.execute(text("SELECT version_num FROM alembic_version"))
        if engine.dialect.name == "postgresql":
            # A standby says "on" here, too.
            if connection.scalar(text("SHOW transaction_read_only")) == "on":
                raise Unwritable("the server takes no writes")
            return
    if engine.url.database not in (None, "", ":memory:"):
        _write_a_page(Path(str(engine.url.database)))


def _write_a_page(file: Path) -> None:
    """A connection of its own, whose patience is shorter than that of people's transactions."""
    address = f"{file.resolve().as_uri()}?mode=rw"
    with closing(
        sqlite3.connect(address, uri=True, timeout=PROBE_BUSY_SECONDS, isolation_level=None)
    ) as connection:
        before = _commits_seen(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            if _commits_seen(connection) != before:
                return  # busy, not stuck: others wrote while we queued
            raise
        connection.execute("UPDATE alembic_version SET version_num = version_num")
        connection.execute("COMMIT")


def _commits_seen(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
