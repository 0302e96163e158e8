"""Engines for SQLite (default) and PostgreSQL (by address), set up so that a commit is durable."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, DateTime, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

BUSY_SECONDS = 15
"""How long a SQLite writer waits for another one before it gives up."""


def open_engine(url: str | URL) -> Engine:
    """An engine whose commits survive a power cut.

    Transactions behave as if they ran one after the other. SQLite runs in WAL mode with
    `synchronous=FULL`, and every transaction starts with `BEGIN IMMEDIATE`, so writers queue. PostgreSQL
    runs them SERIALIZABLE: of two that contradict each other one is refused, and repeated by whoever
    began it (`can_be_repeated`).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, isolation_level="SERIALIZABLE")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver must not open transactions on its own: we say BEGIN IMMEDIATE below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def can_be_repeated(error: DBAPIError) -> bool:
    """Whether a transaction lost against another one and will succeed when it is tried again.

    SQLSTATE 40001 (serialization failure) and 40P01 (deadlock) of PostgreSQL, `database is locked` of SQLite.
    """
    state = getattr(error.orig, "sqlstate", None)
    return state in {"40001", "40P01"} or "database is locked" in str(error.orig)


class Utc(TypeDecorator[datetime]):
    """A column for aware instants: stored in UTC, read back aware on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuses a naive instant."""
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant needs its offset from UTC")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """SQLite forgets the offset; it was UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)
