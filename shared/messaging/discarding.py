"""A person's decision that a parked event, or one that never came, is not to be applied.

One transaction: the event enters the inbox, the gate of its key passes its number, what waited behind it is
applied as always, and a row is kept that says who decided, when and why.

Reference data (gate `latest`) goes the same way: the gate passes the discarded number, for a record that is
older still must not come into force because a newer one was bad. A number that only a broken record tells
moves no such gate: from a wild one on, all that is good would be old.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.contracts.envelope import ActorRef, Envelope
from shared.contracts.topics import topic_named
from shared.errors import NotFound, RuleBroken
from shared.messaging.guard import Arrival, Batch, Guard, Outcome
from shared.messaging.tables import DiscardedEvent, GatePosition, ParkedEvent
from shared.messaging.unit_of_work import UnitOfWork
from shared.persistence.engine import is_outage

HIGHEST = 2**31 - 1
"""The highest sequence number that the databases hold."""


def discard(guard: Guard, event_id: str, why: str, by: ActorRef) -> DiscardedEvent:
    """Settles a parked event without applying it, and lets its successors go on.

    Repeating it answers the same. Raises NotFound when none has this id, RuleBroken when it is not its turn.
    """
    return _patiently(lambda: _discard(guard, event_id, why, by))


def discard_gap(guard: Guard, event_id: str, why: str, by: ActorRef) -> DiscardedEvent:
    """Settles the numbers that should have come before an early event; that one is applied.

    Raises NotFound when none has this id, RuleBroken when it is not early or a predecessor is parked.
    """
    return _patiently(lambda: _discard_gap(guard, event_id, why, by))


def not_parked(event_id: str) -> NotFound:
    """The refusal for an event that is not, or no longer, parked here."""
    return NotFound(
        f"Không có sự kiện {event_id[:80]} nào đang gác lại ở dịch vụ này.",
        code="parked.missing",
        hints=("Có thể sự kiện vừa được áp dụng xong; xem lại danh sách.",),
    )


def envelope_of(body: bytes) -> Envelope | None:
    """The envelope of a parked record; None when it is none, or of a shape that this version cannot read."""
    try:
        return Envelope.from_bytes(body)
    except ValidationError:
        return None


class _Decision(Batch):
    """One of the guard's transactions, with a person's decision in the place of the handler."""

    def pass_over(self, envelope: Envelope) -> Outcome:
        """Lets the gate go past an event as if it had been applied. EARLY means that it did not."""
        admitted = self.progress.admit(envelope)
        if admitted is Outcome.APPLIED:
            self.progress.settle(envelope)
        if admitted is not Outcome.EARLY:
            self.go_on_after(envelope)
        return admitted

    def go_on_after(self, envelope: Envelope) -> None:
        """Applies what waited for this place of the gate."""
        self.drain(envelope)
        self.progress.write()


def _discard(guard: Guard, event_id: str, why: str, by: ActorRef) -> DiscardedEvent:
    with guard.transactions.begin(by) as uow:
        row = uow.session.get(ParkedEvent, event_id)
        if row is None:
            if (earlier := uow.session.get(DiscardedEvent, event_id)) is not None:
                return earlier
            raise not_parked(event_id)
        settled = _settlement(row, why, by, uow.now)
        envelope = envelope_of(row.body)
        certain = envelope is not None
        envelope = envelope or _salvaged(row, by)
        uow.session.delete(row)
        uow.session.flush()
        if envelope is not None and _pass(guard, uow, envelope, row.body, certain=certain):
            settled.key, settled.sequence, settled.passed = envelope.key, envelope.sequence, True
        uow.session.add(settled)
        return settled


def _pass(guard: Guard, uow: UnitOfWork, envelope: Envelope, body: bytes, *, certain: bool) -> bool:
    """Whether the gate went past the event. Raises RuleBroken when it is not its turn.

    Numbers that were guessed from a broken record (not `certain`) may be nonsense. When nothing parked of
    their key explains why they should be early, the record settles nothing but itself.
    """
    decision = _Decision(uow, guard.handlers, [Arrival(envelope.topic, body, envelope)])
    if decision.pass_over(envelope) is not Outcome.EARLY:
        return True
    blocker = _first_parked(uow.session, envelope)
    if certain or blocker is not None:
        raise _not_its_turn(blocker)
    return False


def _discard_gap(guard: Guard, event_id: str, why: str, by: ActorRef) -> DiscardedEvent:
    with guard.transactions.begin(by) as uow:
        row = uow.session.get(ParkedEvent, event_id)
        if row is None:
            raise not_parked(event_id)
        envelope = envelope_of(row.body)
        if envelope is None or row.state != Outcome.EARLY:
            raise RuleBroken("Sự kiện này không chờ sự kiện nào trước nó.", code="parked.no_gap")
        if (blocker := _first_parked(uow.session, envelope)) is not None:
            raise _not_its_turn(blocker)
        position = uow.session.get(GatePosition, (envelope.topic, envelope.key))
        position = position or GatePosition(topic=envelope.topic, key=envelope.key, sequence=0)
        settled = _gap(row, position.sequence, why, by, uow.now)
        position.sequence = envelope.sequence - 1
        uow.session.add_all([position, settled])
        uow.session.flush()
        decision = _Decision(uow, guard.handlers, [Arrival(envelope.topic, row.body, envelope)])
        decision.go_on_after(envelope)
        return settled


def _patiently(decide: Callable[[], DiscardedEvent]) -> DiscardedEvent:
    """A worker may be writing the same rows: the one that lost begins again."""
    retrying = Retrying(
        retry=retry_if_exception(is_outage),
        stop=stop_after_attempt(5),
        wait=wait_random_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    return retrying(decide)


def _not_its_turn(blocker: ParkedEvent | None) -> RuleBroken:
    hint = (
        f"Xử lý trước sự kiện {blocker.event_id} (số {blocker.sequence}, {blocker.state})."
        if blocker is not None
        else "Sự kiện trước nó chưa đến: kiểm tra dịch vụ gửi; nếu chắc chắn không đến nữa, bỏ khoảng trống."
    )
    return RuleBroken(
        "Chưa đến lượt sự kiện này: sự kiện trước nó của cùng khoá chưa xong.",
        code="parked.not_its_turn",
        hints=(hint,),
    )


def _salvaged(row: ParkedEvent, by: ActorRef) -> Envelope | None:
    """The key and number of a record that is no valid envelope, if it still tells them: a newer schema does.

    The topic is the one it came on, whatever the record says. A gate that takes only the next number bounds
    what may be believed; one that takes the latest would believe anything, so that nothing is told there.
    """
    if topic_named(row.topic).gate == "latest":
        return None
    try:
        told = json.loads(row.body)
        key, sequence = told["key"], told["sequence"]
    except (ValueError, TypeError, KeyError):
        return None
    if not (isinstance(key, str) and key and type(sequence) is int and 1 <= sequence <= HIGHEST):
        return None
    event_id = told.get("id")
    event_id = event_id if isinstance(event_id, str) and 0 < len(event_id) <= 100 else row.event_id
    known: dict[str, Any] = {
        "id": event_id,
        "topic": row.topic,
        "key": key,
        "sequence": sequence,
        "actor": by,
    }
    return Envelope.model_construct(**known)


def _first_parked(session: Session, envelope: Envelope) -> ParkedEvent | None:
    """The event of the same key that everything later stands behind."""
    earlier = select(ParkedEvent).where(
        ParkedEvent.topic == envelope.topic,
        ParkedEvent.key == envelope.key,
        col(ParkedEvent.sequence) < envelope.sequence,
    )
    return session.exec(earlier.order_by(col(ParkedEvent.sequence)).limit(1)).first()


def _settlement(row: ParkedEvent, why: str, by: ActorRef, now: datetime) -> DiscardedEvent:
    return DiscardedEvent(
        event_id=row.event_id,
        topic=row.topic,
        key=row.key,
        sequence=row.sequence,
        reason=row.reason,
        attempts=row.attempts,
        body=row.body,
        parked_at=row.parked_at,
        passed=False,
        discarded_at=now,
        discarded_by=by.account,
        why=why,
    )


def _gap(row: ParkedEvent, applied: int, why: str, by: ActorRef, now: datetime) -> DiscardedEvent:
    missing = f"{applied + 1}-{row.sequence - 1}"
    settled = _settlement(row, why, by, now)
    settled.event_id, settled.sequence = f"gap-{row.topic}-{row.key}-{missing}", row.sequence - 1
    settled.reason, settled.attempts, settled.body, settled.passed = f"never came: {missing}", 0, b"", True
    return settled
