"""A service that listens, for tests of what happens to events that it cannot apply."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from shared.clock import FixedClock
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import AppointmentConfirmed, OrgUnitPublished, Place, Window
from shared.contracts.postal import HandoverAccepted, Holder, VisitStarted
from shared.contracts.topics import topic_of
from shared.errors import RuleBroken
from shared.ids import new_id
from shared.messaging.guard import EventHandler, Guard, Outcome, Waiting
from shared.messaging.parked import ParkedEvents, Wanted
from shared.messaging.tables import GatePosition, MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
WHO = ActorRef(account="quan-tri-01", role="administrator")
WHY = "Bản ghi thử của ngày tập huấn, không có thật"


def visit(number: int, key: str = "v1") -> Event:
    """The event number `number` of one visit; the worker id carries the number."""
    return VisitStarted(
        visit_id=key, request_id="r1", worker_id=f"w{number}", purpose="pickup", started_at=NOW
    )


def unit(name: str) -> Event:
    """A version of one reference record."""
    return OrgUnitPublished(
        unit_id="u1", kind="commune", name=name, valid_from=NOW.date(), lat=15.0, lon=108.0
    )


def handover() -> Event:
    """An event that makes sense only once visit v1 is known."""
    citizen, worker = Holder(kind="citizen", id="r1"), Holder(kind="worker", id="w1")
    return HandoverAccepted(parcel_id="p1", dossier_id="d1", request_id="r1", giver=citizen, receiver=worker)


def wrap(event: Event, sequence: int, **changes: Any) -> bytes:
    """The event as it comes off the wire; `changes` break the envelope."""
    topic = topic_of(type(event))
    envelope = Envelope(
        id=new_id(),
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
    )
    return json.dumps(envelope.model_dump(mode="json") | changes).encode()


class Listener:
    """A service that writes down what it hears and refuses what `poison` names."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.engine = open_engine(address or f"sqlite:///{folder / 'listener.db'}")
        MessagingTable.metadata.create_all(self.engine)
        self.heard: list[str] = []
        self.poison: set[str] = set()
        heard: tuple[type[Event], ...] = (VisitStarted, OrgUnitPublished, AppointmentConfirmed)
        handlers: dict[type[Event], EventHandler] = dict.fromkeys(heard, self._hear)
        transactions = Transactions(self.engine, "intake", FixedClock(NOW))
        self.guard = Guard(transactions, {**handlers, HandoverAccepted: self._hear_after_visit}, patience=0.1)
        self.parked = ParkedEvents(self.guard)

    def _hear(self, event: Any, uow: UnitOfWork) -> None:
        word = getattr(event, "worker_id", "") or getattr(event, "name", "") or event.key
        if word in self.poison:
            raise RuleBroken("không áp dụng được")
        self.heard.append(word)

    def _hear_after_visit(self, event: Any, uow: UnitOfWork) -> None:
        if uow.session.get(GatePosition, ("postal.visit.v1", "v1")) is None:
            raise Waiting("postal.visit.v1", "v1")
        self._hear(event, uow)

    def receive(self, event: Event, sequence: int, **changes: Any) -> Outcome:
        """Delivers one event."""
        return self.guard.receive(topic_of(type(event)).name, wrap(event, sequence, **changes))

    def only(self, **wanted: str) -> str:
        """The id of the one parked event that is wanted."""
        (row,) = self.parked.list(Wanted(**wanted))
        return row.event_id

    def gate(self, topic: str, key: str) -> int:
        """How far a key has come."""
        with Session(self.engine) as session:
            position = session.get(GatePosition, (topic, key))
            return position.sequence if position else 0


def poisoned(listener: Listener) -> str:
    """Visit v1 whose second event fails while the third and fourth stand behind it."""
    listener.poison.add("w2")
    for number in (1, 2, 3, 4):
        listener.receive(visit(number), number)
    return listener.only(state="failed")


def confirmed() -> Event:
    """An event full of personal data."""
    return AppointmentConfirmed(
        request_id="r1", code="BCGH2345", appointment_id="a1", purpose="pickup",
        window=Window(start=NOW, end=NOW), procedure_code="1.001193", applicant_name="Nguyễn Thị Mẫu",
        phone="0900000123", office_id="o1", note="chó dữ",
        place=Place(text="12 Đường Thử", unit_id="u", lat=15.5, lon=108.25, precision="pin", landmark="chợ"),
    )  # fmt: skip


PRIVATE = ("Nguyễn", "0900000123", "chó dữ", "Đường Thử", "chợ", "15.5", "108.25", "BCGH2345")
