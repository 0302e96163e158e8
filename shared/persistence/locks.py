"""A lock that one process holds per database and name, and that dies with its process."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text


@contextmanager
def sole_holder(engine: Engine, name: str, *, wait: bool = False) -> Iterator[bool]:
    """Tries to become the only holder of `name` (or waits for it); yields whether that worked.

    SQLite: an operating-system lock on a file beside the database. PostgreSQL: an advisory lock
    of one connection. Both are released by the system when the process is killed, so a successor
    never waits for a lease to run out.
    """
    if engine.dialect.name == "sqlite":
        database = engine.url.database or ""
        if database in ("", ":memory:"):
            yield True
            return
        with Path(f"{database}.{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    # AUTOCOMMIT: a lock that is held all day must not hold a transaction, which would hold back vacuum.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        take = "SELECT pg_advisory_lock(:n) IS NOT NULL" if wait else "SELECT pg_try_advisory_lock(:n)"
        held = bool(connection.scalar(text(take), {"n": number}))
        try:
            yield held
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": number})
