"""Writers of one process take turns in the order in which they came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from shared.persistence import sqlite
from shared.persistence.engine import open_engine
from shared.persistence.turns import Turns

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


def test_transactions_are_begun_in_the_order_in_which_they_were_asked_for(engine: Engine) -> None:
    """The file's own way to wait lets a late writer overtake one that has waited long."""
    begun = list[int]()

    def write(number: int) -> None:
        with engine.begin() as connection:
            begun.append(number)
            connection.execute(text("INSERT INTO note VALUES (:n)"), {"n": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    with engine.begin():
        for thread in threads:
            thread.start()
            thread.join(0.05)  # so long that the file's way of waiting has become rare
    for thread in threads:
        thread.join(PATIENCE)
    assert begun == [0, 1, 2, 3]


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


def test_who_waits_too_long_hears_that_the_database_is_busy(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person would look at a page that hangs."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    with engine.begin(), pytest.raises(OperationalError, match="locked"):
        engine.connect().execute(text("INSERT INTO note VALUES (1)"))


def test_readers_need_no_turn(engine: Engine) -> None:
    """The pages would stand still whenever somebody writes."""
    with engine.begin() as writer:
        writer.execute(text("INSERT INTO note VALUES (1)"))
        with engine.connect().execution_options(reading=True) as reader:
            assert reader.scalar(text("SELECT count(*) FROM note")) == 0
