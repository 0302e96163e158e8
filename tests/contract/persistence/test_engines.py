"""With which limits a database is opened, and what its errors mean."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from shared.persistence import postgres, sqlite
from shared.persistence.engine import address_of, can_be_repeated, is_outage, open_engine
from shared.persistence.readiness import Unwritable, check_writable


def told(engine: Engine, question: str) -> Any:
    """The one value that a question is answered with."""
    with engine.connect() as connection:
        return connection.scalar(text(question))


def test_the_limits_of_postgresql_are_in_force(on_postgres: str) -> None:
    """A statement, a lock or a forgotten transaction without end would keep everybody waiting."""
    engine = open_engine(on_postgres, application="tannha-intake")
    shown = {
        name: told(engine, f"SHOW {name}")
        for name in (
            "application_name",
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "transaction_isolation",
            "tcp_keepalives_idle",
        )
    }
    engine.dispose()
    assert shown == {
        "application_name": "tannha-intake",
        "statement_timeout": f"{postgres.STATEMENT_SECONDS}s",
        "lock_timeout": f"{postgres.LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{postgres.IDLE_IN_TRANSACTION_SECONDS}s",
        "transaction_isolation": "serializable",
        "tcp_keepalives_idle": str(postgres.KEEPALIVE_IDLE_SECONDS),
    }


def test_our_own_limit_is_above_the_servers() -> None:
    """A slow statement would be taken for a dead server, and its connection thrown away."""
    assert postgres.HUNG_SECONDS > postgres.STATEMENT_SECONDS > postgres.LOCK_SECONDS


def test_the_address_has_the_last_word(on_postgres: str) -> None:
    """Encryption and limits could not be set where the server is known."""
    engine = open_engine(f"{on_postgres}?application_name=report&options=-c%20statement_timeout%3D7s")
    assert told(engine, "SHOW application_name") == "report"
    assert told(engine, "SHOW statement_timeout") == "7s"
    engine.dispose()
    refused = open_engine(f"{on_postgres}?sslmode=verify-full&sslrootcert=/nowhere.pem&connect_timeout=2")
    with pytest.raises(OperationalError, match=r"SSL|certificate"):
        refused.connect()


def test_the_followers_of_a_refused_row_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Each lost race would fill the log with warnings that name no cause, or a lost connection go unsaid."""
    log = logging.getLogger("psycopg")
    log.warning("error ignored: %s", psycopg.errors.PipelineAborted("aborted"))
    log.warning("error ignored: %s", psycopg.OperationalError("the connection is lost"))
    assert [record.getMessage() for record in caplog.records] == ["error ignored: the connection is lost"]


def test_a_statement_without_end_is_ended_by_the_server(on_postgres: str) -> None:
    """One bad query would hold its connection until the process is restarted."""
    engine = open_engine(f"{on_postgres}?options=-c%20statement_timeout%3D200ms")
    with pytest.raises(OperationalError) as ended:
        told(engine, "SELECT pg_sleep(30)")
    assert is_outage(ended.value)
    assert told(engine, "SELECT 1") == 1
    engine.dispose()


def test_sqlite_is_durable_and_checks_references(tmp_path: Any) -> None:
    """An acknowledged request would be gone after a power cut."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    shown = [told(engine, f"PRAGMA {pragma}") for pragma in pragmas]
    engine.dispose()
    assert shown == ["wal", 2, 1, sqlite.BUSY_SECONDS * 1000]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:////data/intake.db", "/data/intake.db"),
        ("postgresql+psycopg://tannha:geheim@db:5432/intake", "db:5432/intake"),
        ("postgresql+psycopg://tannha@db/intake?password=geheim&sslpassword=geheim", "db/intake"),
        ("postgresql+psycopg://tannha:geheim@/intake?host=a:5432&host=b:5433", "a:5432,b:5433/intake"),
        ("postgresql+psycopg://tannha:geheim@/intake?host=/run/postgres", "/run/postgres/intake"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, shown: str) -> None:
    """The password would stand in the log of every failed start."""
    assert address_of(address) == shown


def failed(original: Exception, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    """The error as SQLAlchemy hands it on."""
    return kind("SELECT", {}, original)


def of_sqlite(code: int) -> sqlite3.OperationalError:
    """An error with a code."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "repeat", "outage"),
    [
        (failed(psycopg.errors.SerializationFailure()), True, True),
        (failed(psycopg.errors.DeadlockDetected()), True, True),
        (failed(of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT)), True, True),
        (failed(of_sqlite(sqlite3.SQLITE_BUSY)), False, True),
        (failed(of_sqlite(sqlite3.SQLITE_FULL)), False, True),
        (failed(psycopg.errors.LockNotAvailable()), False, True),
        (failed(psycopg.errors.DiskFull()), False, True),
        (failed(psycopg.errors.ReadOnlySqlTransaction(), InternalError), False, True),
        (failed(psycopg.errors.NumericValueOutOfRange(), DataError), False, False),
    ],
)
def test_what_an_error_means(error: DBAPIError, repeat: bool, outage: bool) -> None:
    """A lost race would be told to people, a full disk tried eight times, a defect called an outage."""
    assert (can_be_repeated(error), is_outage(error)) == (repeat, outage)


def test_a_pool_without_a_free_connection_is_an_outage() -> None:
    """People would read of a crash where they only have to wait."""
    assert is_outage(NoConnectionFree("QueuePool limit"))
    assert not is_outage(ValueError("a defect"))


def test_a_database_that_takes_writes_is_ready(engine: Engine) -> None:
    """Nobody would be let in although all is well."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    check_writable(engine)
    assert told(engine, "SELECT version_num FROM alembic_version") == "0001"


def test_a_database_without_our_tables_is_not_ready(engine: Engine) -> None:
    """A wrong address would be found out by the first citizen."""
    with pytest.raises(DBAPIError):
        check_writable(engine)


def test_a_server_that_became_a_standby_is_not_ready(on_postgres: str) -> None:
    """After a change of roles everybody would be sent to a server that refuses every request."""
    engine = open_engine(f"{on_postgres}?options=-c%20default_transaction_read_only%3Don")
    writable = open_engine(on_postgres)
    with writable.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
    with pytest.raises(Unwritable):
        check_writable(engine)
    check_writable(writable)
    writable.dispose()
    engine.dispose()
