"""What counts as left of the faults: everything that was on its way at a moment, and nothing newer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deploy.stack import SERVICES
from shared.messaging.tables import MessagingTable
from shared.persistence.engine import open_engine
from tests.faults.evidence import Evidence, files_in
from tests.faults.quiet import Backlog, events_on_the_way

TOPIC = "intake.request.v1"
AT = "2026-11-25 01:30:00.000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three empty databases."""
    for service in SERVICES:
        engine = open_engine(f"sqlite:///{tmp_path / service}.db")
        MessagingTable.metadata.create_all(engine)
        engine.dispose()
    return tmp_path


def change(folder: Path, service: str, statement: str, *values: object) -> None:
    """Does something to one of them."""
    with closing(sqlite3.connect(folder / f"{service}.db")) as database, database:
        database.execute(statement, values)


def publish(folder: Path, sequence: int) -> None:
    """Intake writes an event of one request, not sent yet."""
    insert = (
        "INSERT INTO outbox (event_id, topic, key, sequence, body, recorded_at) VALUES (?, ?, ?, ?, ?, ?)"
    )
    row = (f"e{sequence}", TOPIC, "r1", sequence, b"{}", AT)
    change(folder, "intake", insert, *row)
    change(folder, "intake", "INSERT OR REPLACE INTO stream_head VALUES (?, 'r1', ?)", TOPIC, sequence)


def arrive(folder: Path, sequence: int) -> None:
    """Everything up to this number is sent, and applied by both consumers."""
    change(folder, "intake", "UPDATE outbox SET sent_at = ? WHERE sequence <= ?", AT, sequence)
    for service in ("routing", "postal_bridge"):
        change(folder, service, "INSERT OR REPLACE INTO gate VALUES (?, 'r1', ?)", TOPIC, sequence)


def test_what_is_on_its_way_is_left_until_it_arrived(folder: Path) -> None:
    """A run would count as drained while events wait for the relay or for a consumer."""
    evidence = Evidence(files_in(folder))
    assert Backlog.of(evidence).left(evidence) == ""
    publish(folder, 1)
    backlog = Backlog.of(evidence)
    assert backlog.left(evidence) == "intake: 1 unsent"
    change(folder, "intake", "UPDATE outbox SET sent_at = ?", AT)
    assert backlog.left(evidence) == f"routing: 1 keys to come, {TOPIC} among them"
    arrive(folder, 1)
    assert backlog.left(evidence) == ""


def test_what_came_later_is_not_left_of_the_faults(folder: Path) -> None:
    """A product that goes on working would never count as drained."""
    evidence = Evidence(files_in(folder))
    publish(folder, 1)
    backlog = Backlog.of(evidence)
    arrive(folder, 1)
    publish(folder, 2)
    assert backlog.left(evidence) == ""
    assert events_on_the_way(evidence) == "intake: 1 unsent"


def test_what_is_parked_is_left(folder: Path) -> None:
    """Events that wait for ever behind a lost one would count as arrived."""
    evidence = Evidence(files_in(folder))
    parked = (
        "INSERT INTO parked_event (event_id, topic, key, sequence, state, reason, waits_for, attempts, body,"
        " parked_at) VALUES ('e9', ?, 'r9', 2, 'early', '', '', 1, x'7b7d', ?)"
    )
    change(folder, "routing", parked, TOPIC, AT)
    backlog = Backlog.of(evidence)
    assert backlog.left(evidence) == "routing: 1 parked"
    change(folder, "routing", "DELETE FROM parked_event")
    assert backlog.left(evidence) == ""
