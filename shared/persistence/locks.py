"""A lock that one process holds per database and name, and that dies with its process."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

WAIT_SECONDS = 0.2
"""Between two tries of one who waits on PostgreSQL: a question that waits for long at the server would look
like a server that hangs."""


class Hold:
    """What `sole_holder` yields: true while the lock is held.

    Each look at it asks the database, because a lock of PostgreSQL ends with its connection, and another
    process may then have it. A loop that works under a lock looks before every round.
    """

    def __init__(self, connection: Connection | None = None, *, taken: bool) -> None:
        self._connection = connection
        self._taken = taken

    def __bool__(self) -> bool:
        """Whether the lock was taken and is still ours."""
        if self._taken and self._connection is not None:
            driver: Any = self._connection.connection.dbapi_connection
            self._taken = driver.answers()
        return self._taken


@contextmanager
def sole_holder(engine: Engine, name: str, *, wait: bool = False) -> Iterator[Hold]:
    """Tries to become the only holder of `name` (or waits for it); yields whether that worked.

    SQLite: an operating-system lock on a file beside the database. PostgreSQL: an advisory lock
    of one connection. Both are released by the system when the process is killed, so a successor
    never waits for a lease to run out. Raises the engine's errors when the database does not answer.
    """
    if engine.dialect.name != "sqlite":
        with _advisory_lock(engine, name, wait=wait) as hold:
            yield hold
        return
    database = engine.url.database or ""
    if database in ("", ":memory:"):
        yield Hold(taken=True)
        return
    with Path(f"{database}.{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield Hold(taken=False)
            return
        yield Hold(taken=True)


@contextmanager
def _advisory_lock(engine: Engine, name: str, *, wait: bool) -> Iterator[Hold]:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    take = text("SELECT pg_try_advisory_lock(:number)")
    # AUTOCOMMIT: a lock that is held all day must not hold a transaction, which would hold back vacuum.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Outside of the pool: it takes no place in it, and what ends the lock is the end of the connection.
        connection.detach()
        while not (taken := bool(connection.scalar(take, {"number": number}))) and wait:
            time.sleep(WAIT_SECONDS)
        try:
            yield Hold(connection, taken=taken)
        finally:
            if taken:
                _release(connection, number)


def _release(connection: Connection, number: int) -> None:
    """At once, for the next one; where that fails the connection's end does it."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": number})
    except DBAPIError:
        connection.invalidate()
