"""What goes away during work is said so, hurts nothing else, and is found again without a restart."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from shared.ids import new_id
from shared.persistence.engine import is_outage, open_engine
from shared.persistence.postgres import CONNECT_SECONDS, HUNG_SECONDS, PING_SECONDS
from shared.persistence.sqlite import BUSY_SECONDS
from shared.testing.broker_process import BrokerProcess
from shared.testing.postgres import PostgresProcess
from shared.web import health
from tests.integration.outages.running import SEEN_SECONDS, SLACK_SECONDS, Notes, eventually, refused_politely


def file_of(notes: Notes) -> Path:
    """The file of SQLite."""
    return Path(notes.database.removeprefix("sqlite:///"))


def written(notes: Notes) -> str:
    """The key of a note that was acknowledged."""
    key = new_id()
    answer = notes.write(key)
    assert answer.status_code == 200, answer.text
    return key


def is_seen(notes: Notes) -> None:
    """`/readyz` turns red in time."""
    eventually(lambda: not notes.ready(), SEEN_SECONDS + SLACK_SECONDS, "red")


def all_is_well_again(notes: Notes, *keys: str) -> None:
    """Green by itself, writes are taken, nothing acknowledged is missing, and the relay catches up."""
    eventually(notes.ready, 15, "green")
    after = written(notes)
    assert {*keys, after} <= set(notes.read().json()["keys"])
    eventually(notes.sent, 30, "everything sent")


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """SIGSTOP for the length of the block: alive for the machine, deaf for everybody."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def test_readiness_never_waits_longer_than_an_outage_may_stay_unseen() -> None:
    """A load balancer would send people to a service whose check is still thinking."""
    assert health.PATIENCE_SECONDS < SEEN_SECONDS


# --- SQLite -----------------------------------------------------------------------------------------


def test_a_file_that_somebody_keeps_locked(on_sqlite: Notes) -> None:
    """A forgotten tool with an open transaction would hang every page instead of only refusing writes."""
    before = written(on_sqlite)
    with closing(sqlite3.connect(file_of(on_sqlite), isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        is_seen(on_sqlite)
        start = time.monotonic()
        refused_politely(on_sqlite.write("locked out"))
        assert time.monotonic() - start < BUSY_SECONDS + SLACK_SECONDS
        assert before in on_sqlite.read().json()["keys"]
        tool.execute("ROLLBACK")
    all_is_well_again(on_sqlite, before)
    assert "locked out" not in on_sqlite.read().json()["keys"]


def test_writers_that_wait_do_not_keep_readers_out(on_sqlite: Notes) -> None:
    """Twenty people who press a button would empty the connections, and nobody could look at a page."""
    with closing(sqlite3.connect(file_of(on_sqlite), isolation_level=None)) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(20) as people:
            waiting = [people.submit(on_sqlite.write, f"waits {number}") for number in range(20)]
            start = time.monotonic()
            assert on_sqlite.read().status_code == 200
            assert time.monotonic() - start < BUSY_SECONDS - 1
            for answer in waiting:
                refused_politely(answer.result())
        tool.execute("ROLLBACK")
    all_is_well_again(on_sqlite)


def test_a_file_that_was_moved_away(on_sqlite: Notes) -> None:
    """Writes to a file that no path leads to are acknowledged and never found again."""
    before, file = written(on_sqlite), file_of(on_sqlite)
    elsewhere = file.with_suffix(".moved")
    file.rename(elsewhere)
    try:
        is_seen(on_sqlite)
        refused_politely(on_sqlite.write("into nothing"))
        refused_politely(on_sqlite.read())
        assert not file.exists(), "an empty database in its place would look like a loss of everything"
    finally:
        elsewhere.rename(file)
    all_is_well_again(on_sqlite, before)


def test_a_full_disk(on_sqlite: Notes) -> None:
    """Half a write would be acknowledged, or nobody could look up what is already known."""
    before = written(on_sqlite)
    usual = resource.prlimit(on_sqlite.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(on_sqlite.pid, resource.RLIMIT_FSIZE, (1, usual[1]))
    try:
        is_seen(on_sqlite)
        refused_politely(on_sqlite.write("no room"))
        assert before in on_sqlite.read().json()["keys"]
    finally:
        resource.prlimit(on_sqlite.pid, resource.RLIMIT_FSIZE, usual)
    all_is_well_again(on_sqlite, before)
    assert "no room" not in on_sqlite.read().json()["keys"]


# --- PostgreSQL -------------------------------------------------------------------------------------


def asked_at_once(notes: Notes) -> tuple[list[httpx.Response], float]:
    """The answers to thirty people at once, and how long the last one waited."""
    start = time.monotonic()
    with ThreadPoolExecutor(30) as people:
        asked = [people.submit(notes.read) for _ in range(15)]
        asked += [people.submit(notes.write, f"hung {number}") for number in range(15)]
        answers = [answer.result() for answer in asked]
    return answers, time.monotonic() - start


def test_a_server_that_hangs(on_postgres: Notes, database_server: PostgresProcess) -> None:
    """A server that is alive but says nothing would hang every request until somebody restarts us."""
    before = written(on_postgres)
    server = psutil.Process(database_server.pid)
    with stopped(server, *server.children(recursive=True)):
        is_seen(on_postgres)
        answers, seconds = asked_at_once(on_postgres)
        for answer in answers:
            refused_politely(answer)
        # One exchange may have been under way; who comes later finds out before it is used.
        assert seconds < HUNG_SECONDS + PING_SECONDS + CONNECT_SECONDS + SLACK_SECONDS
        assert on_postgres.http.get("/livez").status_code == 200
    all_is_well_again(on_postgres, before)


def test_a_server_that_is_restarted(on_postgres: Notes, database_server: PostgresProcess) -> None:
    """After an update of the server every pooled connection would fail one request each."""
    before = written(on_postgres)
    database_server.stop()
    is_seen(on_postgres)
    refused_politely(on_postgres.write("nobody there"))
    refused_politely(on_postgres.read())
    database_server.start()
    all_is_well_again(on_postgres, before)


def test_connections_that_were_cut_are_not_noticed_by_people(
    on_postgres: Notes, database_server: PostgresProcess
) -> None:
    """A restart in a quiet minute would refuse the next requests although the server is back."""
    eventually(lambda: on_postgres.read().status_code == 200, 15, "an answer")
    database_server.stop()
    database_server.start()
    assert on_postgres.read().status_code == 200
    written(on_postgres)


# --- the broker -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["on_sqlite", "on_postgres"])
def test_without_the_broker_everything_goes_on(
    request: pytest.FixtureRequest, broker: BrokerProcess, kind: str
) -> None:
    """Nobody could ask for a visit while another part is repaired."""
    notes: Notes = request.getfixturevalue(kind)
    all_is_well_again(notes)
    broker.kill()
    is_seen(notes)
    key = written(notes)
    assert notes.read().json()["unsent"] >= 1
    broker.start()
    all_is_well_again(notes, key)


def test_a_broker_that_hangs_is_seen(on_sqlite: Notes, broker: BrokerProcess) -> None:
    """The machine accepts connections for a process that is stopped: that alone is no sign of life."""
    all_is_well_again(on_sqlite)
    with stopped(psutil.Process(broker.pid)):
        is_seen(on_sqlite)
        key = written(on_sqlite)
    all_is_well_again(on_sqlite, key)


# --- a connection -----------------------------------------------------------------------------------


def test_an_exchange_under_way_ends_when_the_server_falls_silent(database_server: PostgresProcess) -> None:
    """The thread would wait for an answer that never comes, and hold what it holds."""
    engine = open_engine(database_server.server.new_database())
    server = psutil.Process(database_server.pid)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        driver: Any = connection.connection.dbapi_connection
        with driver.patient(1.0), stopped(server, *server.children(recursive=True)):
            start = time.monotonic()
            with pytest.raises(OperationalError) as silence:
                connection.execute(text("SELECT 2"))
            assert time.monotonic() - start < 1.0 + SLACK_SECONDS
        assert is_outage(silence.value)
        assert silence.value.connection_invalidated, "what comes late must not be taken for the next answer"
    with engine.connect() as again:
        assert again.scalar(text("SELECT 3")) == 3
    engine.dispose()
