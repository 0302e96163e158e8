"""What a unit of work, a reading and a lock promise, held on both databases by the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import groupby
from threading import Thread
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, func, insert, select, text
from sqlalchemy.exc import InternalError, StatementError
from sqlmodel import Session, col

from shared.clock import FixedClock
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import RequestClosed
from shared.messaging.commands import Command, CommandBus
from shared.messaging.tables import Answer, MessagingTable, OutboxRow
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import Utc, open_engine
from shared.persistence.locks import sole_holder
from tests.contract.persistence.conftest import together
from tests.contract.persistence.processes import Doing

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
SOMEBODY = ActorRef(account="a", role="operator")

own = MetaData()
NOTE = Table("note", own, Column("id", Integer, primary_key=True), Column("said", String), Column("at", Utc))
"""State of an imaginary service."""


class Write(Command):
    """Writes a note and publishes; `trouble` makes it fail after all writing."""

    said: str
    trouble: bool = False


class Trouble(Exception):
    """Something that goes wrong in a handler."""


def write(command: Write, uow: UnitOfWork, _ports: Any) -> dict[str, Any]:
    """State and event together."""
    uow.session.connection().execute(insert(NOTE).values(said=command.said, at=uow.now))
    uow.publish(RequestClosed(request_id=command.said, outcome="done"))
    uow.session.flush()
    if command.trouble:
        raise Trouble
    return {"said": command.said}


class AddWhenFew(Command):
    """Writes a note when there are fewer than `most`: a rule over rows that others may be adding."""

    most: int


def add_when_few(command: AddWhenFew, uow: UnitOfWork, _ports: Any) -> dict[str, Any]:
    """Looks, then writes what the look allows."""
    connection = uow.session.connection()
    there = int(connection.scalar(select(func.count()).select_from(NOTE)) or 0)
    if there < command.most:
        connection.execute(insert(NOTE).values(said="one more", at=uow.now))
    return {"there": there}


@pytest.fixture
def transactions(engine: Engine) -> Transactions:
    """Transactions on a database with the messaging tables and one of a service."""
    MessagingTable.metadata.create_all(engine)
    own.create_all(engine)
    return Transactions(engine, "intake", FixedClock(NOW))


@pytest.fixture
def bus(transactions: Transactions) -> CommandBus:
    """A bus for the two commands."""
    return CommandBus(transactions, {Write: write, AddWhenFew: add_when_few}, None)


def counted(engine: Engine) -> tuple[int, int, int]:
    """How many notes, outbox rows and answers there are."""
    with Session(engine) as session:
        counts = [session.scalar(select(func.count()).select_from(t)) for t in (NOTE, OutboxRow, Answer)]
    return tuple(int(count or 0) for count in counts)  # type: ignore[return-value]


# --- together or not at all -------------------------------------------------------------------------


def test_state_event_and_answer_are_kept_together(bus: CommandBus) -> None:
    """An event without its state, or a state that nobody hears of, is what the outbox is there to prevent."""
    bus.execute(Write(said="r1"), SOMEBODY, "key-1")
    assert counted(bus.transactions.engine) == (1, 1, 1)


def test_a_failure_after_all_writing_leaves_none_of_them(bus: CommandBus) -> None:
    """Half an effect would be published, or a key answered for something that never happened."""
    with pytest.raises(Trouble):
        bus.execute(Write(said="r1", trouble=True), SOMEBODY, "key-1")
    assert counted(bus.transactions.engine) == (0, 0, 0)


WRITE_AND_WAIT = """
import sys, time
from sqlalchemy import text
from shared.persistence.engine import open_engine
with open_engine(sys.argv[1]).begin() as connection:
    connection.execute(text("INSERT INTO note (id, said) VALUES (1, 'never committed')"))
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_before_its_commit_leaves_nothing_and_blocks_nobody(
    database: str, bus: CommandBus
) -> None:
    """Half a transaction would survive a crash, or its lock would keep everybody else out."""
    doing = Doing(WRITE_AND_WAIT, database)
    assert doing.said == "written"
    doing.kill()
    bus.execute(Write(said="after"), SOMEBODY)
    assert counted(bus.transactions.engine) == (1, 1, 0)


# --- readers and writers ----------------------------------------------------------------------------


def test_a_reader_and_a_writer_never_wait_for_each_other(bus: CommandBus) -> None:
    """A long list on a page would keep people from booking; a long import would empty the pages."""
    with bus.transactions.reading() as session:
        before = session.scalar(select(func.count()).select_from(NOTE))
        bus.execute(Write(said="r1"), SOMEBODY)
        with bus.transactions.begin() as uow:
            uow.session.connection().execute(insert(NOTE).values(said="r2"))
            with bus.transactions.reading() as another:
                seen_meanwhile = another.scalar(select(func.count()).select_from(NOTE))
        again = session.scalar(select(func.count()).select_from(NOTE))
    assert (before, seen_meanwhile, again) == (0, 1, 0), "each reading sees one moment"
    assert counted(bus.transactions.engine)[0] == 2


def test_a_reading_that_writes_by_mistake_changes_nothing(transactions: Transactions) -> None:
    """A page that is only looked at would change what it shows."""
    # PostgreSQL refuses at once; on SQLite the end of the reading takes it back.
    with suppress(InternalError), transactions.reading() as session:
        session.connection().execute(insert(NOTE).values(said="by mistake"))
    assert counted(transactions.engine) == (0, 0, 0)


def test_of_rules_that_race_none_is_broken(bus: CommandBus) -> None:
    """Two that look at the same moment would both see room for one more."""
    for most in range(1, 9):
        together(*[partial(bus.execute, AddWhenFew(most=most), SOMEBODY)] * 4)
        assert counted(bus.transactions.engine)[0] == most


def test_events_of_a_key_stand_in_the_outbox_in_their_order(bus: CommandBus) -> None:
    """The relay sends by position: a later event of a key would overtake an earlier one."""

    def several(name: str) -> None:
        for _ in range(10):
            bus.execute(Write(said=name), SOMEBODY)

    together(*[partial(several, name) for name in ("r1", "r1", "r2", "r2", "r3", "r3")])
    with Session(bus.transactions.engine) as session:
        rows = session.execute(
            select(col(OutboxRow.key), col(OutboxRow.sequence)).order_by(
                col(OutboxRow.key), col(OutboxRow.position)
            )
        ).all()
    found = {key: [row[1] for row in group] for key, group in groupby(rows, lambda row: row[0])}
    assert found == {name: list(range(1, 21)) for name in ("r1", "r2", "r3")}


# --- instants ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "instant",
    [
        NOW,
        NOW.replace(microsecond=123456),
        datetime(2026, 11, 25, 8, 0, tzinfo=timezone(timedelta(hours=7))),
        datetime(1970, 1, 1, tzinfo=UTC),
    ],
)
def test_an_instant_comes_back_aware_and_the_same(transactions: Transactions, instant: datetime) -> None:
    """A promise would move by seven hours, or lose its offset and be compared with nothing."""
    with transactions.engine.begin() as connection:
        connection.execute(insert(NOTE).values(said="x", at=instant))
        back = connection.scalar(select(NOTE.c.at))
    assert back == instant
    assert back is not None
    assert back.utcoffset() == timedelta(0)


def test_a_naive_instant_is_refused(transactions: Transactions) -> None:
    """Nobody could say later which morning was meant."""
    with pytest.raises(StatementError, match="offset"), transactions.engine.begin() as connection:
        connection.execute(insert(NOTE).values(said="x", at=datetime(2026, 11, 25)))  # noqa: DTZ001 - the point


def test_instants_are_ordered_as_they_happened(transactions: Transactions) -> None:
    """What is due first would not be done first."""
    early, late = datetime(2026, 11, 25, 9, 0, tzinfo=timezone(timedelta(hours=7))), NOW + timedelta(hours=2)
    with transactions.engine.begin() as connection:
        connection.execute(insert(NOTE), [{"said": "late", "at": late}, {"said": "early", "at": early}])
        assert list(connection.scalars(select(NOTE.c.said).order_by(NOTE.c.at))) == ["early", "late"]
        assert list(connection.scalars(select(NOTE.c.said).where(NOTE.c.at < late))) == ["early"]


# --- locks ------------------------------------------------------------------------------------------

HOLD_AND_WAIT = """
import sys, time
from shared.persistence.engine import open_engine
from shared.persistence.locks import sole_holder
with sole_holder(open_engine(sys.argv[1]), "relay") as held:
    print("held" if held else "not held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(database: str) -> Iterator[Doing]:
    """A process that holds the lock `relay`."""
    doing = Doing(HOLD_AND_WAIT, database)
    yield doing
    doing.kill()


def test_a_lock_is_held_by_one_and_falls_with_its_process(holder: Doing, engine: Engine) -> None:
    """Two relays would send at once; or after a crash none, until a lease has run out."""
    assert holder.said == "held"
    with sole_holder(engine, "relay") as held, sole_holder(engine, "notices") as other:
        assert (bool(held), bool(other)) == (False, True)
    holder.kill()
    with sole_holder(engine, "relay", wait=True) as held:
        assert held


def test_who_waits_for_a_lock_gets_it_when_it_is_let_go(engine: Engine) -> None:
    """Two processes that start at once would migrate at once, or the second would give up."""
    order: list[str] = []

    def second() -> None:
        with sole_holder(engine, "migrate", wait=True) as held:
            order.append(f"second {bool(held)}")

    with sole_holder(engine, "migrate") as held:
        thread = Thread(target=second)
        thread.start()
        order.append(f"first {bool(held)}")
    thread.join(20)
    assert order == ["first True", "second True"]


def test_a_lock_that_the_server_took_back_is_noticed(on_postgres: str) -> None:
    """A relay whose connection broke would go on sending beside its successor."""
    engine = open_engine(on_postgres)
    with sole_holder(engine, "relay") as held:
        assert held
        with psycopg.connect(on_postgres.replace("+psycopg", ""), autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert not held
        with sole_holder(engine, "relay") as successor:
            assert successor
    engine.dispose()


def test_locks_take_no_connection_from_the_pool(engine: Engine) -> None:
    """What is held all day would be missing for people's requests."""
    with sole_holder(engine, "relay"), engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
        assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
