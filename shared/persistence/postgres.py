"""How PostgreSQL is spoken to: no answer is waited for without end, on either side.

Sessions must belong to us for as long as we hold them, because locks and settings live in them: a pooler in
between has to work by session. Encryption is a matter of the address: `?sslmode=verify-full&sslrootcert=…`
(and `sslcert`, `sslkey`) reach libpq as they stand, as do several hosts (`?host=a:5432&host=b:5432&
target_session_attrs=read-write`) and each of the parameters set here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

POOL_SIZE = 5
"""Connections kept open by each process: what an office's ordinary morning needs."""
MAX_OVERFLOW = 20
"""More in a rush. 25 in each of three APIs, with workers and locks beside them, stay below the 100 that a
server allows unless told otherwise."""
POOL_SECONDS = 3
"""Wait for a connection of the pool, so that people are told that it is busy instead of seeing nothing."""
RECYCLE_SECONDS = 1800
"""A connection is renewed after this time: memory of a backend grows, and a moved address is found again."""

CONNECT_SECONDS = 2
"""Per address, the least that libpq knows. A server that does not answer within it will not soon."""
PING_SECONDS = 1.0
"""A pooled connection has this long to show that its server is alive, each time before it is used."""
STATEMENT_SECONDS = 8
"""The server gives a statement up after this: ours take milliseconds, a person does not wait longer."""
LOCK_SECONDS = 5
"""Wait for a row lock; transactions hold theirs for milliseconds."""
IDLE_IN_TRANSACTION_SECONDS = 30
"""A transaction whose process forgot it is ended, for it holds back vacuum and holds locks."""
HUNG_SECONDS = 10.0
"""Our own limit for one exchange, a little above the server's: a server that is stopped, or a machine that
went away in silence, enforces none of its limits, and its network stack may go on acknowledging."""
KEEPALIVE_IDLE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_COUNT = 3
"""A peer that vanished is noticed within 25 s (by default two hours) by both sides: its locks come free."""


class _FirstErrorOnly(logging.Filter):
    """Keeps warnings about the followers of a refused row out of the log.

    psycopg sends many rows in one pipeline; those behind the row that was refused are aborted with it. The
    refusal itself is raised, so that nothing new is said.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record says something."""
        told = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(each, psycopg.errors.PipelineAborted) for each in told)


logging.getLogger("psycopg").addFilter(_FirstErrorOnly())


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no exchange lasts longer than `patience` seconds (None: without end).

    psycopg waits for a server that says nothing as long as the connection stands. Here the connection is
    closed instead and OperationalError raised, which SQLAlchemy takes as a disconnection.
    """

    patience: float | None = HUNG_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """One exchange with the server. Raises OperationalError when it takes longer than allowed."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError as error:
            if error.sqlstate is None and not self.closed:
                self.pgconn.finish()  # in the middle of an exchange: of no use any more
            raise

    @contextmanager
    def patient(self, seconds: float | None) -> Iterator[None]:
        """Another patience for the length of the block."""
        usual, self.patience = self.patience, seconds
        try:
            yield
        finally:
            self.patience = usual

    def answers(self) -> bool:
        """Whether the server answers within PING_SECONDS. Leaves no transaction behind."""
        autocommit = self.autocommit
        try:
            with self.patient(PING_SECONDS):
                self.autocommit = True
                self.execute("")
                self.autocommit = autocommit
        except psycopg.Error:
            return False
        return True


def open_postgres(url: URL, application: str) -> Engine:
    """An engine whose transactions are SERIALIZABLE: of two that contradict each other one is refused.

    What the address says has priority over the limits above. `application` is what `pg_stat_activity` shows.
    """
    engine = create_engine(
        url,
        isolation_level="SERIALIZABLE",
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
    )
    defaults = _connection_defaults(application)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: list[Any], given: dict[str, Any]) -> Any:
        return BoundedConnection.connect(*args, **{**defaults, **given})

    @event.listens_for(engine, "checkout")
    def _before_use(connection: BoundedConnection, _record: object, _proxy: object) -> None:
        if not connection.answers():
            # Its sisters were made on the same server: one by one they would cost a wait each.
            raise InvalidatePoolError

    return engine


def _connection_defaults(application: str) -> dict[str, Any]:
    at_the_server = {
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
        "tcp_keepalives_idle": KEEPALIVE_IDLE_SECONDS,
        "tcp_keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
        "tcp_keepalives_count": KEEPALIVE_COUNT,
    }
    return {
        "application_name": application,
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": KEEPALIVE_IDLE_SECONDS,
        "keepalives_interval": KEEPALIVE_INTERVAL_SECONDS,
        "keepalives_count": KEEPALIVE_COUNT,
        "tcp_user_timeout": int(HUNG_SECONDS * 1000),
        "options": " ".join(f"-c {name}={value}" for name, value in at_the_server.items()),
    }
