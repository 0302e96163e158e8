"""Engines for SQLite (default) and PostgreSQL (by address), set up so that a commit is durable."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import URL, DateTime, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.types import TypeDecorator

READ_ONLY_POSTGRES = "25006"
"""SQLSTATE of a write on a server that became a standby, or was told to take none."""
LOST_RACE_POSTGRES = {"40001", "40P01"}
"""SQLSTATE of a serialization failure and of a deadlock."""
LOST_RACE_SQLITE = {sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_LOCKED}
"""Answers that SQLite gives without having waited. Plain SQLITE_BUSY comes after the whole wait for a writer
that does not end: to wait as long again and again would only keep people waiting."""


def open_engine(url: str | URL, application: str = "tannha") -> Engine:
    """An engine whose commits survive a power cut.

    Transactions behave as if they ran one after the other: on SQLite because writers queue, on PostgreSQL
    because of two that contradict each other one is refused, and repeated by whoever began it
    (`can_be_repeated`). `application` is the name under which the server shows our connections.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        from shared.persistence.sqlite import open_sqlite  # noqa: PLC0415 - each process loads one of the two

        return open_sqlite(parsed)
    from shared.persistence.postgres import open_postgres  # noqa: PLC0415 - as above

    return open_postgres(parsed, application)


def address_of(url: str | URL) -> str:
    """Where a database is, for one line to a person: no password, no parameters that may hold one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ":memory:"
    listed = parsed.query.get("host", ())
    hosts = (listed,) if isinstance(listed, str) else listed
    if parsed.host:
        hosts = (f"{parsed.host}:{parsed.port}" if parsed.port else parsed.host,)
    return f"{','.join(hosts) or 'localhost'}/{parsed.database or ''}"


def can_be_repeated(error: BaseException) -> bool:
    """Whether a transaction lost against another one and will succeed when it is tried again."""
    if not isinstance(error, DBAPIError):
        return False
    if getattr(error.orig, "sqlstate", None) in LOST_RACE_POSTGRES:
        return True
    return getattr(error.orig, "sqlite_errorcode", None) in LOST_RACE_SQLITE


def is_outage(error: BaseException) -> bool:
    """Whether the database is away, locked, full or has no connection free: nothing was changed, and the same
    will work later. Anything else is a defect of ours."""
    if isinstance(error, OperationalError | InterfaceError | NoConnectionFree):
        # SQLite says "operational" of a wrong statement too.
        code: int | None = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        return code is None or code & 0xFF != sqlite3.SQLITE_ERROR
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == READ_ONLY_POSTGRES


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
