"""A worker whose database goes away keeps its offset, ends, and does its work after the restart."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.clock import system_clock
from shared.contracts.intake import OrgUnitPublished
from shared.messaging.connection import BrokerAddress
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.testing.broker_process import ROOT, BrokerProcess
from shared.testing.postgres import PostgresProcess
from tests.integration.outages.running import Notes, eventually

MIGRATIONS = ROOT / "services" / "postal_bridge" / "migrations"


@pytest.fixture
def publish(tmp_path: Path, broker: BrokerProcess) -> Iterator[Callable[[str], None]]:
    """Publishes a unit as intake would."""
    declare_topics(BrokerAddress(broker.bootstrap))
    engine = open_engine(f"sqlite:///{tmp_path / 'intake.db'}")
    MessagingTable.metadata.create_all(engine)
    relay = Relay(Transactions(engine, "intake", system_clock), BrokerAddress(broker.bootstrap))
    transactions = Transactions(engine, "intake", system_clock, on_commit=relay.wake)
    relay.start()

    def publish_unit(unit_id: str) -> None:
        day = system_clock().date()
        with transactions.begin() as uow:
            uow.publish(
                OrgUnitPublished(
                    unit_id=unit_id, kind="xã", name=unit_id, valid_from=day, lat=15.0, lon=108.0
                )
            )

    yield publish_unit
    relay.stop()
    engine.dispose()


def heard(notes: Notes, unit_id: str) -> bool:
    """Whether the unit took effect, seen from outside."""
    engine = open_engine(notes.database)
    try:
        with engine.connect().execution_options(reading=True) as connection:
            found = connection.scalar(text("SELECT count(*) FROM gate WHERE key = :key"), {"key": unit_id})
            return bool(found)
    finally:
        engine.dispose()


@contextmanager
def working(notes: Notes) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process."""
    process = notes.start("worker")
    try:
        yield process
    except AssertionError as failure:
        failure.add_note(notes.log.read_text(errors="replace")[-3000:])
        raise
    finally:
        process.kill()
        process.wait()


def lives_through(
    notes: Notes, publish: Callable[[str], None], goes: Callable[[], None], comes: Callable[[], None]
) -> None:
    """The database goes while the worker works, an event comes meanwhile, and the database returns.

    Its units are named after the folder: a broker shared with other tests may deliver theirs again.
    """
    before, meanwhile = f"before-{notes.folder.name}", f"meanwhile-{notes.folder.name}"
    engine = open_engine(notes.database)
    migrate(engine, MIGRATIONS)
    engine.dispose()
    with working(notes) as worker:
        publish(before)
        eventually(lambda: heard(notes, before), 120, "the first event")
        goes()
        publish(meanwhile)
        eventually(lambda: worker.poll() is not None, 90, "the worker's end")
        assert worker.returncode != 0
    comes()
    assert not heard(notes, meanwhile)
    with working(notes):
        eventually(lambda: heard(notes, meanwhile), 120, "the event that came during the outage")


@pytest.mark.long
def test_on_postgres(
    tmp_path: Path,
    broker: BrokerProcess,
    database_server: PostgresProcess,
    publish: Callable[[str], None],
) -> None:
    """An event that arrives while the server is being restarted would be acknowledged and lost."""
    notes = Notes(tmp_path, database_server.server.new_database(), broker.bootstrap)
    lives_through(notes, publish, database_server.stop, lambda: void(database_server.start()))


@pytest.mark.long
def test_on_sqlite(tmp_path: Path, broker: BrokerProcess, publish: Callable[[str], None]) -> None:
    """An event that arrives while the file is away would be acknowledged and lost."""
    file = tmp_path / "notes.db"
    moved = tmp_path / "moved.db"
    notes = Notes(tmp_path, f"sqlite:///{file}", broker.bootstrap)
    lives_through(notes, publish, lambda: void(file.rename(moved)), lambda: void(moved.rename(file)))


def void(_answer: object) -> None:
    """Takes an answer that nobody asked for."""
