"""Events that do not leave and events that are not applied are found; those whose turn has come go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select, update

from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import CalendarDayPublished, RequestCancelled, RequestClosed
from shared.contracts.topics import topic_of
from shared.ids import new_id
from shared.messaging.guard import Guard, Outcome, Waiting
from shared.messaging.stuck import UNAPPLIED_AFTER, UNSENT_AFTER, messaging_rules
from shared.messaging.tables import MessagingTable, OutboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine
from shared.reconciling import Reconciler

START = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
LITTLE = timedelta(seconds=1)


class World:
    """A service that hears cancelled requests, and applies a closed one only after a calendar day."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.day_known = False
        self.poisoned = False
        self.engine = open_engine(f"sqlite:///{folder}/stuck.db")
        MessagingTable.metadata.create_all(self.engine)
        self.transactions = Transactions(self.engine, "routing", lambda: self.now)
        self.guard = Guard(
            self.transactions,
            {RequestCancelled: self._cancel, RequestClosed: self._close, CalendarDayPublished: self._nothing},
        )
        self.reconciler = Reconciler(self.transactions, messaging_rules(self.transactions, self.guard))

    def _nothing(self, _event: object, _uow: UnitOfWork) -> None:
        pass

    def _cancel(self, _event: RequestCancelled, _uow: UnitOfWork) -> None:
        if self.poisoned:
            raise ValueError("poison")

    def _close(self, _event: RequestClosed, _uow: UnitOfWork) -> None:
        if not self.day_known:
            raise Waiting("intake.calendar.v1", "2026-11-24")

    def hear(self, event: Event, sequence: int) -> Outcome:
        """An event of intake."""
        topic = topic_of(type(event)).name
        envelope = Envelope(
            id=new_id(), type=event.KIND, version=1, source="intake", topic=topic, subject=event.key,
            key=event.key, sequence=sequence, occurred_at=self.now, recorded_at=self.now,
            actor=ActorRef.system("intake"), data=event.model_dump(mode="json"),
        )  # fmt: skip
        return self.guard.receive(topic, envelope.to_bytes())

    def found(self) -> dict[str, list[str]]:
        """What each rule finds now: the states, or the subject where there is none."""
        return {
            report.rule.name: [finding.ids.get("state", finding.subject) for finding in report.findings]
            for report in self.reconciler.look()
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh one."""
    made = World(tmp_path)
    yield made
    made.engine.dispose()


def publish(world: World) -> None:
    """Writes an event to the outbox that no relay will send."""
    with world.transactions.begin() as uow:
        body = b"{}"
        uow.session.add(
            OutboxRow(event_id=new_id(), topic="t", key="k", sequence=1, body=body, recorded_at=uow.now)
        )


def test_an_event_that_does_not_leave_is_found_after_a_minute(world: World) -> None:
    """A dead relay would be noticed by the grandmother at her door."""
    publish(world)
    world.now += UNSENT_AFTER
    assert world.found()["outbox_stuck"] == []
    world.now += LITTLE
    assert world.found()["outbox_stuck"] == ["outbox"]
    with world.transactions.begin() as uow:
        uow.session.exec(update(OutboxRow).values(sent_at=uow.now))
    assert world.found()["outbox_stuck"] == []


def test_each_kind_of_parked_event_is_found_after_a_while(world: World) -> None:
    """A parked event that no person and no rule looks at is a lost one."""
    world.poisoned = True
    assert world.hear(RequestCancelled(request_id="r-1", reason="x"), 1) is Outcome.FAILED
    assert world.hear(RequestCancelled(request_id="r-2", reason="x"), 2) is Outcome.EARLY
    assert world.hear(RequestClosed(request_id="r-3", outcome="delivered"), 1) is Outcome.WAITING
    assert world.found()["inbox_stuck"] == []
    world.now += UNAPPLIED_AFTER + LITTLE
    assert sorted(world.found()["inbox_stuck"]) == ["early", "failed", "waiting"]


def test_an_event_whose_turn_has_come_goes_on_by_itself(world: World) -> None:
    """A wake-up that was missed would hold a citizen's request for ever, with nobody to blame."""
    world.hear(RequestClosed(request_id="r-3", outcome="delivered"), 1)
    holiday = CalendarDayPublished(
        entry_id="2026-11-24", day=date(2026, 11, 24), kind="holiday", scope="all", name=""
    )
    assert world.hear(holiday, 1) is Outcome.APPLIED
    world.now += UNAPPLIED_AFTER + LITTLE
    world.reconciler.sweep()
    assert world.found()["inbox_stuck"] == ["waiting"]
    world.day_known = True
    world.reconciler.sweep()
    world.reconciler.sweep()
    assert world.found()["inbox_stuck"] == []


def test_an_early_event_is_tried_only_once_its_forerunner_was_applied(world: World) -> None:
    """Jumping the gate would apply events out of order."""
    world.hear(RequestCancelled(request_id="r-2", reason="x"), 2)
    world.now += UNAPPLIED_AFTER + LITTLE
    world.reconciler.sweep()
    assert world.found()["inbox_stuck"] == ["early"]
    with world.transactions.reading() as session:
        assert [row.attempts for row in session.exec(select(ParkedEvent))] == [1]


def test_a_failed_event_is_never_replayed_unasked(world: World) -> None:
    """Whether a poisoned event may run is a person's decision."""
    world.poisoned = True
    world.hear(RequestCancelled(request_id="r-1", reason="x"), 1)
    world.poisoned = False
    world.now += UNAPPLIED_AFTER + LITTLE
    world.reconciler.sweep()
    assert world.found()["inbox_stuck"] == ["failed"]
