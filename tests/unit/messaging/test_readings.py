"""What the metrics tell of events under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from shared.clock import FixedClock
from shared.messaging.guard import Outcome
from shared.messaging.readings import SHARE, DatabaseReadings, GuardReadings
from shared.messaging.tables import OutboxRow, StreamHead
from shared.messaging.unit_of_work import Transactions
from shared.observability.metrics import REGISTRY
from tests.unit.messaging.listening import NOW, Listener, handover, poisoned, visit


def value(name: str, **labels: str) -> float:
    """A reading as Prometheus would see it."""
    told = REGISTRY.get_sample_value(f"tannha_{name}", labels)
    assert told is not None, f"{name} {labels} is not told"
    return told


class Stopwatch:
    """A stopwatch that moves a second with each look, and when told to."""

    def __init__(self) -> None:
        self.shows = 0.0

    def __call__(self) -> float:
        """One second later."""
        self.shows += 1
        return self.shows


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A listener on a fresh database."""
    made = Listener(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def readings(listener: Listener) -> DatabaseReadings:
    """Readings ten minutes after the listener's events."""
    later = Transactions(listener.engine, "intake", FixedClock(NOW + timedelta(minutes=10)))
    return DatabaseReadings(later, Stopwatch())


def unsent(listener: Listener, *, sent: bool = False) -> None:
    """An event in the outbox since NOW."""
    with Session(listener.engine) as session:
        session.add(
            OutboxRow(event_id=f"e-{sent}", topic="intake.notice.v1", key="n1", sequence=1, body=b"",
                      recorded_at=NOW, sent_at=NOW if sent else None)
        )  # fmt: skip
        session.add(StreamHead(topic="intake.notice.v1", key=f"n-{sent}", sequence=3))
        session.commit()


def test_the_outbox_is_counted_and_its_age_told(listener: Listener, readings: DatabaseReadings) -> None:
    """A relay that stands still would be noticed by citizens first."""
    unsent(listener, sent=True)
    readings.take()
    assert (value("outbox_unsent", service="intake"), value("outbox_oldest_seconds", service="intake")) == (
        0,
        0,
    )
    unsent(listener)
    readings.take()
    assert value("outbox_unsent", service="intake") == 1
    assert value("outbox_oldest_seconds", service="intake") == 600


def test_parked_events_are_counted_by_state_and_fall_back_to_zero(
    listener: Listener, readings: DatabaseReadings
) -> None:
    """An alarm would never begin, or never end."""
    event_id = poisoned(listener)
    readings.take()
    assert value("parked_events", service="intake", state="failed") == 1
    assert value("parked_events", service="intake", state="early") == 2
    assert value("gate_waiting", service="intake", topic="postal.visit.v1") == 2
    assert value("gate_wait_seconds", service="intake", topic="postal.visit.v1") == 600
    listener.poison.clear()
    listener.guard.replay(event_id)
    readings.take()
    assert value("parked_events", service="intake", state="failed") == 0
    assert value("gate_waiting", service="intake", topic="postal.visit.v1") == 0
    assert value("gate_wait_seconds", service="intake", topic="postal.visit.v1") == 0


def test_waiting_for_another_key_counts_as_a_gate_wait(
    listener: Listener, readings: DatabaseReadings
) -> None:
    """A hand-over whose visit never comes would wait unseen."""
    listener.receive(handover(), 1)
    readings.take()
    assert value("gate_waiting", service="intake", topic="postal.custody.v1") == 1


def test_published_and_applied_sums_are_told(listener: Listener, readings: DatabaseReadings) -> None:
    """Nobody could tell how far a consumer is behind."""
    unsent(listener)
    for number in (1, 2, 3):
        listener.receive(visit(number), number)
    readings.take()
    assert value("events_published", service="intake", topic="intake.notice.v1") == 3
    assert value("events_applied", service="intake", topic="postal.visit.v1") == 3


def test_a_service_that_has_applied_nothing_says_so(readings: DatabaseReadings) -> None:
    """Of two numbers one would be missing, and no alert tells that a recalled sign-in was never heard of."""
    readings.take()
    assert value("events_applied", service="intake", topic="routing.office.v1") == 0


def test_the_sums_take_a_bounded_share_of_the_time(listener: Listener, readings: DatabaseReadings) -> None:
    """Asking every fifteen seconds would keep a database of a million keys busy with nothing else."""
    stopwatch = readings.monotonic
    assert isinstance(stopwatch, Stopwatch)
    listener.receive(visit(1), 1)
    readings.take()
    listener.receive(visit(2), 2)
    readings.take()
    assert value("events_applied", service="intake", topic="postal.visit.v1") == 1
    stopwatch.shows += SHARE
    readings.take()
    assert value("events_applied", service="intake", topic="postal.visit.v1") == 2


def test_a_database_that_is_away_is_told_and_nothing_raised(tmp_path: Path, listener: Listener) -> None:
    """The metrics would be silent in the very moment they are for."""
    readings = DatabaseReadings(listener.guard.transactions)
    readings.take()
    assert value("database_up", service="intake") == 1
    with listener.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
        connection.exec_driver_sql("COMMIT")
    readings.take()
    assert value("database_up", service="intake") == 0


def test_counts_of_the_guard_are_carried_over_once() -> None:
    """Outcomes would be counted again with every heartbeat."""
    before = REGISTRY.get_sample_value("tannha_events_received_total", {"outcome": "stale"}) or 0
    counts: Counter[Outcome] = Counter({Outcome.STALE: 2})
    readings = GuardReadings(counts)
    readings.take()
    readings.take()
    counts[Outcome.STALE] += 1
    readings.take()
    assert value("events_received_total", outcome="stale") == before + 3
    assert value("worker_heartbeat_seconds") > 1_700_000_000
