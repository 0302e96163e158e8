"""Writers of one process take turns in the order in which they came."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from shared.persistence import sqlite
from shared.persistence.engine import open_engine
from shared.persistence.turns import Turns

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


def until(holds: Callable[[], bool]) -> None:
    """Waits for what another thread is about to do."""
    tick = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if holds():
            return
        tick.wait(0.005)
    raise AssertionError("it did not come to that")


def test_the_one_that_waits_longest_is_next() -> None:
    """Under load some would be overtaken until they give up, and people told to try again."""
    turns, served = Turns(), list[int]()

    def writer(number: int) -> None:
        assert turns.take(PATIENCE)
        served.append(number)
        turns.pass_on()

    assert turns.take(0)
    threads = [threading.Thread(target=writer, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda n=number: turns.waiting == n + 2)  # type: ignore[misc]
    turns.pass_on()
    for thread in threads:
        thread.join(PATIENCE)
    assert served == [0, 1, 2, 3, 4]
    assert turns.waiting == 0


def test_who_gave_up_is_not_waited_for() -> None:
    """After one that gave up nobody would ever write again."""
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.pass_on()
    assert turns.take(0)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A file with one table."""
    engine = open_engine(f"sqlite:///{tmp_path / 'notes.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (n INTEGER)"))
    return engine


def test_transactions_are_begun_in_the_order_in_which_they_were_asked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's own way to wait lets a late writer overtake one that has waited long."""
    begun, turns = list[int](), Turns()
    monkeypatch.setattr(sqlite, "Turns", lambda: turns)
    queued = open_engine(engine.url)

    def write(number: int) -> None:
        with queued.begin() as connection:
            begun.append(number)
            connection.execute(text("INSERT INTO note VALUES (:n)"), {"n": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    with queued.begin():
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda n=number: turns.waiting == n + 2)  # type: ignore[misc]
    for thread in threads:
        thread.join(PATIENCE)
    assert begun == [0, 1, 2, 3]


OTHER_PROCESS = """
import sys, time
from sqlalchemy import text
from shared.persistence.engine import open_engine
engine = open_engine(sys.argv[1])
print("begins", flush=True)
while time.monotonic() < float(sys.argv[2]):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES (-1)"))
        time.sleep(0.02)
"""


def test_a_process_that_writes_without_pause_makes_nobody_give_up(engine: Engine) -> None:
    """While a worker catches up people would be told to try again, although nothing is stuck."""
    refused = list[Exception]()

    def write() -> None:
        for number in range(5):
            try:
                with engine.begin() as connection:
                    connection.execute(text("INSERT INTO note VALUES (:n)"), {"n": number})
            except OperationalError as error:
                refused.append(error)

    until_then = time.monotonic() + 120  # the other one ends when we do
    words = [sys.executable, "-c", OTHER_PROCESS, str(engine.url), str(until_then)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout is not None
        other.stdout.readline()
        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        other.kill()
    assert refused == []


def test_a_transaction_that_failed_ends_its_turn(engine: Engine) -> None:
    """One refused request, and nothing could be written until the process is started again."""
    for _ in range(3):
        with pytest.raises(OperationalError), engine.begin() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM note")) == 0


def test_a_connection_that_was_thrown_away_ends_its_turn(engine: Engine) -> None:
    """A database that went and came back would stay closed to writers."""
    connection = engine.connect()
    connection.execute(text("INSERT INTO note VALUES (1)"))
    connection.invalidate()
    connection.close()
    with engine.begin() as another:
        assert another.scalar(text("SELECT count(*) FROM note")) == 0


def test_all_who_wait_for_another_program_give_up_in_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind one who waits for the file the next would wait as long again, and so on: a page that hangs."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 2.0)
    waited = list[float]()

    def write() -> None:
        began = time.monotonic()
        with pytest.raises(OperationalError, match="locked"), engine.begin():
            pass
        waited.append(time.monotonic() - began)

    with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=write) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert len(waited) == 6
    assert max(waited) < 3.5


def test_who_waits_too_long_hears_that_the_database_is_busy(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person would look at a page that hangs."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    with engine.begin(), pytest.raises(OperationalError, match="others of this process"):
        engine.connect().execute(text("INSERT INTO note VALUES (1)"))


def test_a_connection_that_leaves_the_pool_keeps_no_turn(engine: Engine) -> None:
    """One lock that is held outside of the pool, and nobody of this process would ever write again."""
    connection = engine.connect()
    connection.execute(text("INSERT INTO note VALUES (1)"))
    connection.detach()
    connection.commit()
    connection.close()
    with engine.begin() as another:
        assert another.scalar(text("SELECT count(*) FROM note")) == 1


def test_readers_need_no_turn(engine: Engine) -> None:
    """The pages would stand still whenever somebody writes."""
    with engine.begin() as writer:
        writer.execute(text("INSERT INTO note VALUES (1)"))
        with engine.connect().execution_options(reading=True) as reader:
            assert reader.scalar(text("SELECT count(*) FROM note")) == 0
