"""The guard: each event once, in order, or parked in sight."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from shared.clock import FixedClock
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import OrgUnitPublished
from shared.contracts.postal import HandoverAccepted, Holder, VisitStarted
from shared.contracts.topics import topic_of
from shared.errors import RuleBroken
from shared.ids import new_id
from shared.messaging import unit_of_work
from shared.messaging.guard import Guard, Outcome, Waiting
from shared.messaging.tables import GatePosition, InboxRow, MessagingTable, OutboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


def visit(number: int, key: str = "v1") -> Event:
    """The event number `number` of one visit; the worker id carries the number."""
    return VisitStarted(
        visit_id=key, request_id="r1", worker_id=f"w{number}", purpose="pickup", started_at=NOW
    )


def wrap(event: Event, sequence: int, event_id: str | None = None) -> bytes:
    """The event as it comes off the wire."""
    topic = topic_of(type(event))
    return Envelope(
        id=event_id or new_id(),
        type=event.KIND,
        version=1,
        source=topic.owner,
        topic=topic.name,
        subject=f"x/{event.key}",
        key=event.key,
        sequence=sequence,
        occurred_at=NOW,
        recorded_at=NOW,
        actor=ActorRef(account="a", role="worker"),
        data=event.model_dump(mode="json"),
    ).to_bytes()


class Listener:
    """A consumer that writes down what it hears, inside the transaction, and can be told to fail."""

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions
        self.trouble: Exception | None = None
        self.guard = Guard(
            transactions,
            {
                VisitStarted: self.hear,
                OrgUnitPublished: self.hear,
                HandoverAccepted: self.hear_after_visit,
            },
            patience=0.1,
        )

    def hear(self, event: Event, uow: UnitOfWork) -> None:
        """An effect that is visible in the same database: a row in the outbox of effects."""
        if self.trouble is not None:
            raise self.trouble
        number = str(getattr(event, "worker_id", "") or getattr(event, "name", ""))
        uow.session.add(
            OutboxRow(
                event_id=new_id(),
                topic="effect",
                key=event.key,
                sequence=0,
                body=number.encode(),
                recorded_at=NOW,
            )
        )

    def hear_after_visit(self, event: HandoverAccepted, uow: UnitOfWork) -> None:
        """A hand-over that makes sense only once its visit is known."""
        if uow.session.get(GatePosition, ("postal.visit.v1", "v1")) is None:
            raise Waiting("postal.visit.v1", "v1")
        self.hear(event, uow)

    def receive(self, event: Event, sequence: int, event_id: str | None = None) -> Outcome:
        """Delivers one event."""
        return self.guard.receive(topic_of(type(event)).name, wrap(event, sequence, event_id))

    def effects(self, key: str = "v1") -> list[str]:
        """What took effect for a key, in order."""
        with Session(self.transactions.engine) as session:
            rows = session.exec(select(OutboxRow).where(OutboxRow.key == key).order_by(OutboxRow.position))  # type: ignore[arg-type]
            return [row.body.decode() for row in rows]

    def parked(self) -> list[ParkedEvent]:
        """What is parked."""
        with Session(self.transactions.engine) as session:
            return list(session.exec(select(ParkedEvent)))


def listener_in(folder: Path) -> Listener:
    """A listener on a database of its own."""
    engine = open_engine(f"sqlite:///{folder / 'listener.db'}")
    MessagingTable.metadata.create_all(engine)
    return Listener(Transactions(engine, "intake", FixedClock(NOW)))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A listener on a fresh database."""
    made = listener_in(tmp_path)
    yield made
    made.transactions.engine.dispose()


def test_an_event_takes_effect(listener: Listener) -> None:
    """Without this nothing would ever happen."""
    assert listener.receive(visit(1), 1) is Outcome.APPLIED
    assert listener.effects() == ["w1"]


def test_a_second_delivery_has_no_effect(listener: Listener) -> None:
    """A fee would be taken twice."""
    event_id = new_id()
    listener.receive(visit(1), 1, event_id)
    assert listener.receive(visit(1), 1, event_id) is Outcome.DUPLICATE
    assert listener.effects() == ["w1"]


def test_an_early_event_waits_for_its_predecessor(listener: Listener) -> None:
    """An aggregate would end in the wrong state when the wire reorders."""
    assert listener.receive(visit(3), 3) is Outcome.EARLY
    assert listener.receive(visit(2), 2) is Outcome.EARLY
    assert listener.effects() == []
    assert listener.receive(visit(1), 1) is Outcome.APPLIED
    assert listener.effects() == ["w1", "w2", "w3"]
    assert listener.parked() == []


def test_a_stale_event_is_dropped(listener: Listener) -> None:
    """An old fact under a new id would overwrite a newer one."""
    listener.receive(visit(1), 1)
    assert listener.receive(visit(1), 1) is Outcome.STALE
    assert listener.effects() == ["w1"]


def test_reference_data_may_be_overtaken(listener: Listener) -> None:
    """A late joiner could never catch up when old versions are gone from the log."""

    def unit(name: str) -> Event:
        return OrgUnitPublished(unit_id="u", kind="xã", name=name, valid_from=NOW.date(), lat=15.0, lon=108.0)

    assert listener.receive(unit("seven"), 7) is Outcome.APPLIED
    assert listener.receive(unit("five"), 5) is Outcome.STALE
    assert listener.effects("u") == ["seven"]


def test_a_failing_handler_parks_the_event_and_holds_its_successors(listener: Listener) -> None:
    """A raised exception would lose the event, or let later ones overtake it."""
    listener.trouble = RuleBroken("không được")
    event_id = new_id()
    assert listener.receive(visit(1), 1, event_id) is Outcome.FAILED
    listener.trouble = None
    assert listener.receive(visit(2), 2) is Outcome.EARLY
    assert listener.receive(visit(1, "other"), 1) is Outcome.APPLIED
    assert listener.effects() == []
    assert listener.guard.replay(event_id) is Outcome.APPLIED
    assert listener.effects() == ["w1", "w2"]
    assert listener.parked() == []


def test_rubbish_is_parked_once_and_readable_by_operators(listener: Listener) -> None:
    """A broken payload would be lost, or stop the topic for ever."""
    assert listener.guard.receive("postal.visit.v1", b"\x00not json") is Outcome.FAILED
    assert listener.guard.receive("postal.visit.v1", b"\x00not json") is Outcome.FAILED
    parked = listener.parked()
    assert [row.body for row in parked] == [b"\x00not json"]
    assert parked[0].reason


@pytest.mark.parametrize("topic", ["postal.custody.v1", "nobody.knows.v1"])
def test_an_event_that_belongs_elsewhere_is_parked(listener: Listener, topic: str) -> None:
    """A strange topic would end the worker again and again, or the record pass another topic's gate."""
    raw = wrap(visit(1), 1).replace(b"postal.visit.v1", topic.encode())
    assert listener.guard.receive("postal.visit.v1", raw) is Outcome.FAILED
    assert [(row.topic, row.event_id[:4]) for row in listener.parked()] == [("postal.visit.v1", "raw-")]


def test_an_event_that_waits_for_another_topic_is_applied_when_it_comes(listener: Listener) -> None:
    """Two topics have no common order: the second to arrive must complete the first."""
    handover = HandoverAccepted(
        parcel_id="p1",
        dossier_id="d",
        request_id="r1",
        giver=Holder(kind="citizen", id="r1"),
        receiver=Holder(kind="worker", id="w1"),
    )
    assert listener.receive(handover, 1) is Outcome.WAITING
    listener.receive(visit(1), 1)
    assert listener.effects("p1") == [""]
    assert listener.parked() == []


def test_a_database_that_is_away_stops_the_worker_and_keeps_nothing(listener: Listener) -> None:
    """Acknowledging an event that could not be stored would lose it."""
    listener.trouble = OperationalError("insert", {}, Exception("disk I/O error"))
    with pytest.raises(OperationalError):
        listener.receive(visit(1), 1)
    listener.trouble = None
    assert listener.parked() == []
    assert listener.receive(visit(1), 1) is Outcome.APPLIED


def test_a_database_that_soon_returns_is_waited_for(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each restart of a server would end every worker, and its start costs more than the wait."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    away = iter([OperationalError("insert", {}, Exception("the database is starting up"))] * 20)
    heard: list[Event] = []

    def hear(event: Event, _uow: UnitOfWork) -> None:
        for trouble in away:
            raise trouble
        heard.append(event)

    guard = Guard(listener.transactions, {VisitStarted: hear}, patience=20)
    assert guard.receive("postal.visit.v1", wrap(visit(1), 1)) is Outcome.APPLIED
    assert heard == [visit(1)]


def test_a_commit_without_an_answer_is_asked_about_again(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that restarts in the middle of a commit would count as a defect of ours."""
    commit, cuts = unit_of_work._commit, iter([True])

    def cut(session: Session) -> None:
        commit(session)
        if next(cuts, False):
            raise unit_of_work.CommitUnknown

    monkeypatch.setattr(unit_of_work, "_commit", cut)
    records = [("postal.visit.v1", b"rubbish"), ("postal.visit.v1", wrap(visit(1), 1))]
    assert listener.guard.receive_many(records)[1] is Outcome.DUPLICATE
    assert len(listener.effects()) == 1
    assert len(listener.parked()) == 1


def test_an_unknown_kind_is_parked(listener: Listener) -> None:
    """An event of a newer version would vanish instead of waiting for the upgrade."""
    raw = wrap(visit(1), 1).replace(b'"type":"started"', b'"type":"teleported"')
    assert listener.guard.receive("postal.visit.v1", raw) is Outcome.FAILED


def test_an_effect_and_its_inbox_row_share_a_transaction(listener: Listener) -> None:
    """A handler that raises after writing must leave no half effect behind."""
    real = listener.hear

    def write_then_raise(event: Event, uow: UnitOfWork) -> None:
        real(event, uow)
        raise RuleBroken("sau khi ghi")

    Guard(listener.transactions, {VisitStarted: write_then_raise}).receive(
        "postal.visit.v1", wrap(visit(1), 1)
    )
    assert listener.effects() == []
    with Session(listener.transactions.engine) as session:
        assert session.exec(select(InboxRow)).all() == []


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_with_any_duplicates_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the wire does, each event takes effect once and in order per key."""
    events = [(key, number, new_id()) for key in ("a", "b") for number in range(1, 5)]
    deliveries = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=6))))
    listener = listener_in(tmp_path_factory.mktemp("order"))
    for key, number, event_id in deliveries:
        listener.receive(visit(number, key), number, event_id)
    for key in ("a", "b"):
        assert listener.effects(key) == ["w1", "w2", "w3", "w4"]
    assert listener.parked() == []
    listener.transactions.engine.dispose()


def test_a_wake_up_is_never_missed(tmp_path: Path) -> None:
    """An event parked while what it waits for is being applied would wait for ever, and hold its key."""
    listener = listener_in(tmp_path)
    keys = [f"v{number}" for number in range(60)]

    def hear_after_own_visit(event: HandoverAccepted, uow: UnitOfWork) -> None:
        if uow.session.get(GatePosition, ("postal.visit.v1", event.request_id)) is None:
            raise Waiting("postal.visit.v1", event.request_id)
        listener.hear(event, uow)

    guard = Guard(
        listener.transactions, {VisitStarted: listener.hear, HandoverAccepted: hear_after_own_visit}
    )

    def handovers() -> None:
        for key in keys:
            event = HandoverAccepted(
                parcel_id=f"p-{key}",
                dossier_id="d",
                request_id=key,
                giver=Holder(kind="citizen", id="r1"),
                receiver=Holder(kind="worker", id="w1"),
            )
            guard.receive("postal.custody.v1", wrap(event, 1))

    def visits() -> None:
        for key in keys:
            guard.receive("postal.visit.v1", wrap(visit(1, key), 1))

    threads = [threading.Thread(target=handovers), threading.Thread(target=visits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listener.parked() == []
    assert all(listener.effects(f"p-{key}") for key in keys)
    listener.transactions.engine.dispose()


def test_a_long_queue_of_early_events_is_applied_at_once(listener: Listener) -> None:
    """A consumer that was away while hundreds of events of one key overtook each other must catch up."""
    for number in range(400, 1, -1):
        listener.receive(visit(number), number)
    assert listener.receive(visit(1), 1) is Outcome.APPLIED
    assert listener.effects() == [f"w{number}" for number in range(1, 401)]


def test_a_parked_reference_record_that_was_overtaken_is_forgotten(listener: Listener) -> None:
    """An old version would stay in the operators' list for ever, or come back over a newer one."""

    def unit(name: str) -> Event:
        return OrgUnitPublished(unit_id="u", kind="xã", name=name, valid_from=NOW.date(), lat=15.0, lon=108.0)

    listener.trouble = RuleBroken("không được")
    event_id = new_id()
    listener.receive(unit("one"), 1, event_id)
    listener.trouble = None
    listener.receive(unit("two"), 2)
    assert listener.guard.replay(event_id) is Outcome.STALE
    assert listener.parked() == []
    assert listener.effects("u") == ["two"]
