"""The guard around every consumer: each event takes effect once, in order, or is parked in sight.

For one record, in one transaction: inbox check, sequence gate, handler, new state and outbox rows.
Only after the commit does the caller acknowledge. What cannot be applied is parked in the same
database, so nothing that the broker may forget is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session, col, select
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared.contracts.envelope import Envelope, Event
from shared.contracts.topics import body_class, topic_named
from shared.errors import Problem
from shared.messaging.tables import GatePosition, InboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.observability.tracing import traced

log = structlog.get_logger(__name__)

EventHandler = Callable[[Any, UnitOfWork], None]
"""Applies one event body inside the unit of work it is given."""

DATABASE_AWAY = (OperationalError, InterfaceError)
"""Errors of the infrastructure, not of the event: retried, then the worker has to stop."""


class Outcome(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    EARLY = "early"
    WAITING = "waiting"
    FAILED = "failed"


class Waiting(Exception):
    """Raised by a handler: this event makes sense only after another one of `topic` and `key`."""

    def __init__(self, topic: str, key: str) -> None:
        super().__init__(f"waits for {topic} {key}")
        self.waits_for = f"{topic}:{key}"


@dataclass(frozen=True)
class Guard:
    """Applies foreign events to one service.

    `handlers` maps event classes to handlers; an event of a subscribed topic without a handler is
    remembered and passed over. Raises only the errors in `DATABASE_AWAY`, after bounded retries.
    """

    transactions: Transactions
    handlers: Mapping[type[Event], EventHandler]
    attempts: int = 5
    counts: dict[Outcome, int] = field(default_factory=dict)

    def receive(self, topic: str, raw: bytes) -> Outcome:
        """Decides about one record, durably. When this returns the record may be acknowledged."""
        try:
            envelope = Envelope.from_bytes(raw)
        except ValidationError as error:
            why = _reason(error)
            outcome = self._retrying(lambda: self._park_unreadable(topic, raw, why))
        else:
            with traced(envelope.traceparent):
                outcome = self._retrying(lambda: self._receive(envelope, raw))
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        return outcome

    def replay(self, event_id: str) -> Outcome:
        """Tries a parked event again, now. Raises KeyError when none has this id."""
        with self.transactions.begin() as uow:
            parked = uow.session.get(ParkedEvent, event_id)
            if parked is None:
                raise KeyError(event_id)
            raw, topic = parked.body, parked.topic
        return self.receive(topic, raw)

    def _retrying(self, work: Callable[[], Outcome]) -> Outcome:
        retrying = Retrying(
            retry=retry_if_exception_type(DATABASE_AWAY),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            reraise=True,
        )
        return retrying(work)

    def _receive(self, envelope: Envelope, raw: bytes) -> Outcome:
        """One transaction decides. What cannot be applied is parked in it too: between looking for what an
        event waits for and parking it, nothing else may happen, or its wake-up is missed."""
        with self.transactions.begin(envelope.actor) as uow:
            outcome = self._admit(uow, envelope)
            if outcome is Outcome.EARLY:
                _write_parked(uow, envelope, raw, state=outcome, reason="an earlier one has not come yet")
            elif outcome is Outcome.APPLIED:
                outcome = self._attempt(uow, envelope, raw)
                if outcome is Outcome.APPLIED:
                    self._drain(uow, envelope)
            return outcome

    def _attempt(self, uow: UnitOfWork, envelope: Envelope, raw: bytes) -> Outcome:
        """Applies an event whose turn it is, or parks it with the reason."""
        published = len(uow.published)
        try:
            with uow.session.begin_nested():
                self._handle(uow, envelope)
                self._settle(uow, envelope)
        except DATABASE_AWAY:
            raise
        except Waiting as waiting:
            del uow.published[published:]
            _write_parked(
                uow, envelope, raw, state=Outcome.WAITING, reason=str(waiting), waits_for=waiting.waits_for
            )
            return Outcome.WAITING
        except Exception as error:  # noqa: BLE001 - whatever a handler raises must not lose the event
            del uow.published[published:]
            why = type(error).__name__
            log.warning("event.parked", event_id=envelope.id, topic=envelope.topic, error=why)
            _write_parked(uow, envelope, raw, state=Outcome.FAILED, reason=_reason(error))
            return Outcome.FAILED
        return Outcome.APPLIED

    def _admit(self, uow: UnitOfWork, envelope: Envelope) -> Outcome:
        """The inbox and the gate: APPLIED means that it is this event's turn."""
        if uow.session.get(InboxRow, envelope.id) is not None:
            _forget_parked(uow.session, envelope.id)
            return Outcome.DUPLICATE
        position = uow.session.get(GatePosition, (envelope.topic, envelope.key))
        applied = position.sequence if position else 0
        if envelope.sequence <= applied:
            uow.session.add(InboxRow(event_id=envelope.id, received_at=uow.now))
            _forget_parked(uow.session, envelope.id)
            return Outcome.STALE
        if _in_strict_order(envelope.topic) and envelope.sequence > applied + 1:
            return Outcome.EARLY
        return Outcome.APPLIED

    def _handle(self, uow: UnitOfWork, envelope: Envelope) -> None:
        event_class = body_class(envelope.topic, envelope.type)
        if event_class is None:
            raise Problem(f"unknown event {envelope.topic} {envelope.type}", code="event.unknown")
        handler = self.handlers.get(event_class)
        if handler is not None:
            handler(event_class.model_validate(envelope.data), uow)

    def _settle(self, uow: UnitOfWork, envelope: Envelope) -> None:
        """Remembers that the event took effect: inbox, gate, and no longer parked."""
        position = uow.session.get(GatePosition, (envelope.topic, envelope.key))
        if position is None:
            position = GatePosition(topic=envelope.topic, key=envelope.key, sequence=0)
        position.sequence = envelope.sequence
        uow.session.add(position)
        uow.session.add(InboxRow(event_id=envelope.id, received_at=uow.now))
        _forget_parked(uow.session, envelope.id)
        uow.session.flush()

    def _drain(self, uow: UnitOfWork, applied: Envelope) -> None:
        """Applies what was parked for an event: the next number of its key, and what waited for it."""
        ready = [applied]
        while ready:
            last = ready.pop()
            for parked in _unblocked(uow.session, last.topic, last.key):
                envelope = Envelope.from_bytes(parked.body)
                if self._admit(uow, envelope) is not Outcome.APPLIED:
                    continue
                uow.actor = envelope.actor
                if self._attempt(uow, envelope, parked.body) is Outcome.APPLIED:
                    ready.append(envelope)

    def _park_unreadable(self, topic: str, raw: bytes, reason: str) -> Outcome:
        event_id = "raw-" + hashlib.sha256(raw).hexdigest()[:40]
        with self.transactions.begin() as uow:
            if uow.session.get(ParkedEvent, event_id) is None:
                uow.session.add(
                    ParkedEvent(
                        event_id=event_id,
                        topic=topic,
                        key="",
                        sequence=0,
                        state=Outcome.FAILED,
                        reason=reason,
                        body=raw,
                        parked_at=uow.now,
                    )
                )
        return Outcome.FAILED


def _in_strict_order(topic: str) -> bool:
    return topic_named(topic).gate == "every"


def _unblocked(session: Session, topic: str, key: str) -> list[ParkedEvent]:
    """What may have been waiting for the last event of this key."""
    position = session.get(GatePosition, (topic, key))
    early = select(ParkedEvent).where(
        ParkedEvent.state == Outcome.EARLY,
        ParkedEvent.topic == topic,
        ParkedEvent.key == key,
        ParkedEvent.sequence == (position.sequence if position else 0) + 1,
    )
    waiting = select(ParkedEvent).where(
        ParkedEvent.state == Outcome.WAITING, ParkedEvent.waits_for == f"{topic}:{key}"
    )
    return [*session.exec(early), *session.exec(waiting.order_by(col(ParkedEvent.sequence)))]


def _forget_parked(session: Session, event_id: str) -> None:
    parked = session.get(ParkedEvent, event_id)
    if parked is not None:
        session.delete(parked)


def _write_parked(
    uow: UnitOfWork, envelope: Envelope, raw: bytes, *, state: Outcome, reason: str, waits_for: str = ""
) -> None:
    parked = uow.session.get(ParkedEvent, envelope.id) or ParkedEvent(
        event_id=envelope.id,
        topic=envelope.topic,
        key=envelope.key,
        sequence=envelope.sequence,
        state=state,
        body=raw,
        parked_at=uow.now,
    )
    parked.state, parked.reason, parked.waits_for = state, reason, waits_for
    parked.attempts += 1
    uow.session.add(parked)


def _park_failed(uow: UnitOfWork, envelope: Envelope, raw: bytes, error: Exception) -> Outcome:
    log.warning("event.parked", event_id=envelope.id, topic=envelope.topic, error=type(error).__name__)
    _write_parked(uow, envelope, raw, state=Outcome.FAILED, reason=_reason(error))
    return Outcome.FAILED


def _reason(error: Exception) -> str:
    """What operators read: never the values, which may be personal."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5])
    if isinstance(error, Problem):
        return f"{error.problem_code}: {error.message}"
    return type(error).__name__
