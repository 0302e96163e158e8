"""What people do with parked events: look, try again, or decide that one is never to be applied.

Trying again is the guard's own work. Discarding is the guard's work without the handler: the event enters
the inbox, the gate of its key passes its number, and what waited behind it is applied, in one transaction
with a row that says who decided, when and why. Nothing parked ever vanishes without one of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session, col, func, select

from shared.contracts.envelope import ActorRef
from shared.errors import Invalid, NotFound
from shared.messaging.discarding import discard, discard_gap, envelope_of, not_parked
from shared.messaging.guard import Guard, Outcome
from shared.messaging.masking import masked, masked_raw
from shared.messaging.progress import unreadable_id
from shared.messaging.tables import DiscardedEvent, ParkedEvent

log = structlog.get_logger(__name__)

DISCARDED = "discarded"
STATES = {
    Outcome.FAILED.value: "cần xem",
    Outcome.WAITING.value: "chờ dữ liệu",
    Outcome.EARLY.value: "chờ sự kiện trước",
    DISCARDED: "đã bỏ",
}
"""`failed` needs a person, `waiting` and `early` go on by themselves, `discarded` is settled."""

OUTCOMES = {
    Outcome.APPLIED: "đã áp dụng",
    Outcome.DUPLICATE: "đã áp dụng từ trước",
    Outcome.STALE: "đã cũ, không còn tác dụng",
    Outcome.EARLY: "vẫn chờ sự kiện trước",
    Outcome.WAITING: "vẫn chờ dữ liệu",
    Outcome.FAILED: "vẫn không áp dụng được",
}
"""What became of an event that was tried again."""

STILL_PARKED = frozenset({Outcome.EARLY, Outcome.WAITING, Outcome.FAILED})

UNREADABLE = unreadable_id(b"")[:4]
"""How the id of a record begins that could not be read."""

MOST = 500
"""Rows of one look at the list."""

SHORTEST_REASON = 5


@dataclass(frozen=True)
class Discard:
    """Who decided never to apply an event, when and why; `passed`: whether the gate went on past it."""

    by: str
    at: datetime
    why: str
    passed: bool


@dataclass(frozen=True)
class Parked:
    """One event that is parked, or was. `behind` counts the events of its key that wait for it."""

    event_id: str
    topic: str
    key: str
    sequence: int
    state: str
    reason: str
    waits_for: str
    attempts: int
    parked_at: datetime
    behind: int = 0
    discard: Discard | None = None

    def to_json(self) -> dict[str, Any]:
        """As the API answers it."""
        told = {**vars(self), "parked_at": self.parked_at.isoformat()}
        if self.discard is not None:
            told["discard"] = {**vars(self.discard), "at": self.discard.at.isoformat()}
        return told


@dataclass(frozen=True)
class Opened:
    """An event laid open. `envelope` without its data is None for a record that is none; then `raw` tells
    what there is. Unless `unmasked`, personal values are masked."""

    parked: Parked
    envelope: dict[str, Any] | None
    data: dict[str, Any] | None
    raw: str
    unmasked: bool


@dataclass(frozen=True)
class Wanted:
    """Which parked events: all that are not settled, or those of a state, topic, or part of a reason."""

    state: str = ""
    topic: str = ""
    reason: str = ""


class ParkedEvents:
    """The parked events of one service, for operators. `guard` is the service's own."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._transactions = guard.transactions

    def list(self, wanted: Wanted | None = None, limit: int = MOST) -> Sequence[Parked]:
        """What is parked, the oldest first; settled ones only when their state is asked for."""
        with self._transactions.reading() as session:
            return parked_in(session, wanted, limit)

    def find(self, event_id: str) -> Parked:
        """One that is parked or was discarded, without its body. Raises NotFound."""
        return self._look(event_id)[0]

    def open(self, event_id: str, reader: ActorRef, *, unmasked: bool = False) -> Opened:
        """One event with its body; who looked is logged. Raises NotFound."""
        told, body = self._look(event_id)
        log.info("parked.read", event_id=event_id, topic=told.topic, by=reader.account, unmasked=unmasked)
        return _opened(told, body, unmasked=unmasked)

    def replay(self, event_id: str, by: ActorRef) -> Outcome:
        """Tries one again, now, and then what waited behind it. Raises NotFound."""
        try:
            outcome = self._guard.replay(event_id)
        except KeyError:
            raise not_parked(event_id) from None
        if event_id.startswith(UNREADABLE):
            self._forget_if_readable(event_id)
        log.info("parked.replayed", event_id=event_id, by=by.account, outcome=outcome.value)
        return outcome

    def replay_all(self, by: ActorRef, wanted: Wanted | None = None) -> dict[Outcome, int]:
        """Tries every failed and every waiting event again, in the order of their keys; counts outcomes.

        Early ones are left alone: they follow by themselves as soon as the one before them is applied.
        """
        tried = (Outcome.FAILED, Outcome.WAITING)
        rows = [row for row in self.list(wanted, limit=100_000) if row.state in tried]
        outcomes: Counter[Outcome] = Counter()
        for row in sorted(rows, key=lambda row: (row.topic, row.key, row.sequence)):
            try:
                outcomes[self.replay(row.event_id, by)] += 1
            except NotFound:
                continue  # an earlier one took it along
        return dict(outcomes)

    def discard(self, event_id: str, why: str, by: ActorRef) -> Parked:
        """Decides that an event is never applied here; its successors go on. Repeating it changes nothing.

        An event whose key cannot be told settles nothing but itself (`passed` is False). Raises NotFound,
        Invalid without a reason, RuleBroken for one whose predecessors are not settled.
        """
        settled = discard(self._guard, event_id, _reason_given(why), by)
        log.warning(
            "parked.discarded", event_id=event_id, topic=settled.topic, by=by.account, passed=settled.passed
        )
        return _told(settled)

    def discard_gap(self, event_id: str, why: str, by: ActorRef) -> Parked:
        """Decides that what should have come before an early event never will; that event is applied.

        Should a missing one come after all, it is dropped as stale. Raises NotFound, Invalid without a
        reason, RuleBroken when the event is not early or its predecessor is parked itself.
        """
        settled = discard_gap(self._guard, event_id, _reason_given(why), by)
        log.warning("parked.gap_discarded", event_id=event_id, topic=settled.topic, by=by.account)
        return _told(settled)

    def _look(self, event_id: str) -> tuple[Parked, bytes]:
        with self._transactions.reading() as session:
            row = session.get(ParkedEvent, event_id) or session.get(DiscardedEvent, event_id)
            if row is None:
                raise not_parked(event_id)
            told, body = _told(row), row.body
            if isinstance(row, ParkedEvent) and row.state != Outcome.EARLY:
                told = replace(told, behind=_behind(session).get((row.topic, row.key), 0))
        return told, body

    def _forget_if_readable(self, event_id: str) -> None:
        """A record that could not be read is parked under a name of our own. Once this version of the
        program can read it, the guard has decided about it under its real id, and the old row may go."""
        with self._transactions.begin() as uow:
            row = uow.session.get(ParkedEvent, event_id)
            envelope = envelope_of(row.body) if row is not None else None
            if envelope is not None and envelope.id != event_id:
                uow.session.delete(row)


def parked_in(session: Session, wanted: Wanted | None = None, limit: int = MOST) -> Sequence[Parked]:
    """What is parked as one session sees it, so that it agrees with whatever else is read there.

    The oldest first; settled ones only when their state is asked for.
    """
    wanted = wanted or Wanted()
    if wanted.state == DISCARDED:
        return _discarded(session, wanted, limit)
    return _parked(session, wanted, limit)


def _reason_given(why: str) -> str:
    why = " ".join(why.split())
    if len(why) < SHORTEST_REASON:
        message = "Cần ghi lý do bỏ sự kiện để người khác hiểu về sau."
        raise Invalid(message, code="parked.reason_missing", fields={"reason": message})
    return why[:500]


def _behind(session: Session) -> dict[tuple[str, str], int]:
    """How many early events stand behind each key's first one."""
    counted = select(ParkedEvent.topic, ParkedEvent.key, func.count()).where(
        ParkedEvent.state == Outcome.EARLY
    )
    rows = session.exec(counted.group_by(col(ParkedEvent.topic), col(ParkedEvent.key)))
    return {(topic, key): count for topic, key, count in rows}


def _parked(session: Session, wanted: Wanted, limit: int) -> Sequence[Parked]:
    rows = select(ParkedEvent).where(col(ParkedEvent.reason).contains(wanted.reason, autoescape=True))
    if wanted.state:
        rows = rows.where(ParkedEvent.state == wanted.state)
    if wanted.topic:
        rows = rows.where(ParkedEvent.topic == wanted.topic)
    behind = _behind(session)
    return [
        told if told.state == Outcome.EARLY else replace(told, behind=behind.get((told.topic, told.key), 0))
        for told in map(_told, session.exec(rows.order_by(col(ParkedEvent.parked_at)).limit(limit)))
    ]


def _discarded(session: Session, wanted: Wanted, limit: int) -> Sequence[Parked]:
    rows = select(DiscardedEvent).where(col(DiscardedEvent.reason).contains(wanted.reason, autoescape=True))
    if wanted.topic:
        rows = rows.where(DiscardedEvent.topic == wanted.topic)
    return [_told(row) for row in session.exec(rows.order_by(col(DiscardedEvent.discarded_at)).limit(limit))]


def _told(row: ParkedEvent | DiscardedEvent) -> Parked:
    return Parked(
        event_id=row.event_id,
        topic=row.topic,
        key=row.key,
        sequence=row.sequence,
        state=DISCARDED if isinstance(row, DiscardedEvent) else row.state,
        reason=row.reason,
        waits_for="" if isinstance(row, DiscardedEvent) else row.waits_for,
        attempts=row.attempts,
        parked_at=row.parked_at,
        discard=Discard(row.discarded_by, row.discarded_at, row.why, row.passed)
        if isinstance(row, DiscardedEvent)
        else None,
    )


def _opened(told: Parked, body: bytes, *, unmasked: bool) -> Opened:
    envelope = envelope_of(body)
    if envelope is None:
        raw = body.decode("utf-8", "replace") if unmasked else masked_raw(body)
        return Opened(told, None, None, raw, unmasked)
    data = envelope.data if unmasked else masked(envelope.topic, envelope.data)
    return Opened(told, envelope.model_dump(mode="json", exclude={"data"}), data, "", unmasked)
