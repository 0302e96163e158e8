"""The guard around every consumer: each event takes effect once, in order, or is parked in sight.

For every record, in one transaction: inbox check, sequence gate, handler, new state and outbox rows.
Only after the commit does the caller acknowledge. What cannot be applied is parked in the same
database, so nothing that the broker may forget is lost.

Records that arrive together share one transaction, for a commit waits for the disk and a statement for the
database: first all of them in a row, hoping that none fails; if one does, all is rolled back and each is
tried behind a savepoint of its own.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from shared.contracts.envelope import Envelope, Event
from shared.contracts.topics import body_class
from shared.errors import Problem
from shared.messaging.crash_points import reached
from shared.messaging.progress import Outcome, Progress, unreadable_id
from shared.messaging.tables import ParkedEvent
from shared.messaging.unit_of_work import CommitUnknown, Transactions, UnitOfWork
from shared.observability.tracing import traced
from shared.persistence.engine import can_be_repeated, is_outage

__all__ = ["EventHandler", "Guard", "Outcome", "TooManyFailures", "Waiting"]

log = structlog.get_logger(__name__)

EventHandler = Callable[[Any, UnitOfWork], None]
"""Applies one event body inside the unit of work it is given."""

FAILURES_IN_A_ROW = 20
"""So many events of one topic may fail for good, one after the other; at the next the consumer stops."""
ATTEMPTS = 3
"""So often a database is asked at least, however long it takes to refuse."""
PATIENCE_SECONDS = 1.0
"""So long a database may be away where a person waits for the answer."""
RACES = 30
"""So often a transaction may lose against another worker's before the database counts as away."""


class Waiting(Exception):
    """Raised by a handler: this event makes sense only after another one of `topic` and `key`."""

    def __init__(self, topic: str, key: str) -> None:
        super().__init__(f"waits for {topic} {key}")
        self.waits_for = (topic, key)


class TooManyFailures(Exception):
    """A topic does nothing but fail: the fault is likely ours, and parking all of it would hide that.

    Nothing was decided about the event that would have been one too many, nor about those after it.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(f"more than {FAILURES_IN_A_ROW} events of {topic} failed in a row")
        self.topic = topic


@dataclass(frozen=True)
class Arrival:
    """A record as it came: `envelope` is None when it is no event, `reason` tells why."""

    topic: str
    raw: bytes
    envelope: Envelope | None
    reason: str = ""

    @classmethod
    def of(cls, topic: str, raw: bytes) -> Arrival:
        """Reads a record. What says that it belongs elsewhere than where it came is no event either."""
        try:
            envelope = Envelope.from_bytes(raw)
        except ValidationError as error:
            return cls(topic, raw, None, _reason(error))
        if envelope.topic != topic:
            return cls(topic, raw, None, f"it says that its topic is {envelope.topic[:80]}")
        return cls(topic, raw, envelope)


def is_away(error: BaseException) -> bool:
    """Whether the database did not answer. If it was a commit that it left unanswered, what it did keep comes
    back as a duplicate."""
    return is_outage(error) or isinstance(error, CommitUnknown)


@dataclass(frozen=True)
class Guard:
    """Applies foreign events to one service.

    `handlers` maps event classes to handlers; an event of a subscribed topic without a handler is
    remembered and passed over. Raises only what `is_away` names, after `patience` seconds and some attempts,
    and TooManyFailures.
    """

    transactions: Transactions
    handlers: Mapping[type[Event], EventHandler]
    patience: float = PATIENCE_SECONDS
    counts: Counter[Outcome] = field(default_factory=Counter)

    def receive(self, topic: str, raw: bytes) -> Outcome:
        """Decides about one record, durably. When this returns the record may be acknowledged."""
        return self.receive_many([(topic, raw)])[0]

    def receive_many(self, records: Sequence[tuple[str, bytes]]) -> list[Outcome]:
        """Decides about records (topic and value) in the order given, durably, in one transaction.

        When this returns all of them may be acknowledged; when it raises, none may: what was decided is
        kept, and all of it comes again.
        """
        arrivals = [Arrival.of(topic, raw) for topic, raw in records]
        outcomes = self._decide_patiently(arrivals)
        self.counts.update(outcomes)
        reached("guard.committed")
        if len(outcomes) < len(arrivals):
            raise TooManyFailures(arrivals[len(outcomes)].topic)
        return outcomes

    def replay(self, event_id: str) -> Outcome:
        """Tries a parked event again, now. Raises KeyError when none has this id."""
        with self.transactions.reading() as session:
            parked = session.get(ParkedEvent, event_id)
            if parked is None:
                raise KeyError(event_id)
            topic, raw = parked.topic, parked.body
        return self.receive(topic, raw)

    def _decide_patiently(self, arrivals: Sequence[Arrival], races: int = 0) -> list[Outcome]:
        """Waits for a database that is away; after a lost race tries smaller parts, which lose less often."""
        retrying = Retrying(
            retry=retry_if_exception(lambda error: is_away(error) and not can_be_repeated(error)),
            stop=stop_after_delay(self.patience) & stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        try:
            return retrying(self._decide, arrivals)
        except DBAPIError as error:
            if not can_be_repeated(error) or races >= RACES:
                raise
        time.sleep(random.uniform(0, 0.01 * min(races + 1, 20)))  # noqa: S311 - not a secret
        half = (len(arrivals) + 1) // 2
        outcomes = self._decide_patiently(arrivals[:half], races + 1)
        if len(outcomes) < half or half == len(arrivals):
            return outcomes
        return outcomes + self._decide_patiently(arrivals[half:], races + 1)

    def _decide(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """What became of each; fewer outcomes than arrivals mean that the next one failed once too often."""
        if any(arrival.envelope is None for arrival in arrivals):
            return self._decide_one_by_one(arrivals)
        try:
            with self.transactions.begin() as uow:
                outcomes = Batch(uow, self.handlers, arrivals).apply_all()
                reached("guard.applied")
        except Exception as error:
            if is_away(error):
                raise
            return self._decide_one_by_one(arrivals)
        return outcomes

    def _decide_one_by_one(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        with self.transactions.begin() as uow:
            outcomes = Batch(uow, self.handlers, arrivals).apply_or_park_each()
            reached("guard.applied")
        return outcomes


@dataclass
class Batch:
    """Records that are decided in one transaction."""

    uow: UnitOfWork
    handlers: Mapping[type[Event], EventHandler]
    arrivals: Sequence[Arrival]
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.progress = Progress(self.uow, [a.envelope for a in self.arrivals if a.envelope is not None])

    def apply_all(self) -> list[Outcome]:
        """Applies one after the other. Raises whatever one of them raises: nothing may be kept then."""
        outcomes = [self._receive(arrival, self._apply) for arrival in self.arrivals]
        self.progress.write()
        self.uow.session.flush()
        return outcomes

    def apply_or_park_each(self) -> list[Outcome]:
        """Applies each behind a savepoint or parks it; ends early before a failure too many."""
        outcomes: list[Outcome] = []
        try:
            for arrival in self.arrivals:
                outcomes.append(self._receive(arrival, self._apply_or_park))
        except TooManyFailures as error:
            log.critical("consumer.stopped", topic=error.topic, failures=FAILURES_IN_A_ROW)
        self.progress.write()
        return outcomes

    def _receive(self, arrival: Arrival, apply: Callable[[Arrival, Envelope], Outcome]) -> Outcome:
        envelope = arrival.envelope
        if envelope is None:
            return self._park_unreadable(arrival)
        outcome = self.progress.admit(envelope)
        if outcome is Outcome.EARLY:
            return self.progress.park(envelope, arrival.raw, outcome, "an earlier one has not come yet")
        if outcome is Outcome.APPLIED:
            with traced(envelope.traceparent):
                outcome = apply(arrival, envelope)
        if outcome is Outcome.APPLIED:
            self.drain(envelope)
        return outcome

    def _apply(self, _arrival: Arrival, envelope: Envelope) -> Outcome:
        self._handle(envelope)
        self.progress.settle(envelope)
        return Outcome.APPLIED

    def _handle(self, envelope: Envelope) -> None:
        event_class = body_class(envelope.topic, envelope.type)
        if event_class is None:
            raise Problem(f"unknown event {envelope.topic} {envelope.type}", code="event.unknown")
        handler = self.handlers.get(event_class)
        if handler is not None:
            self.uow.actor = envelope.actor
            handler(event_class.model_validate(envelope.data), self.uow)

    def _apply_or_park(self, arrival: Arrival, envelope: Envelope) -> Outcome:
        """Applies an event whose turn it is, or parks it with the reason."""
        try:
            with self.uow.attempt():
                self._handle(envelope)
        except Waiting as waiting:
            return self.progress.park(envelope, arrival.raw, Outcome.WAITING, str(waiting), waiting.waits_for)
        except Exception as error:
            if is_outage(error):
                raise
            self._count_failure(envelope.topic, again=self.progress.is_parked(envelope.id))
            why = type(error).__name__
            log.warning("event.parked", event_id=envelope.id, topic=envelope.topic, error=why)
            return self.progress.park(envelope, arrival.raw, Outcome.FAILED, _reason(error))
        self.progress.settle(envelope)
        # The next handler may ask the gate whether this one has come.
        self.progress.write()
        return Outcome.APPLIED

    def _park_unreadable(self, arrival: Arrival) -> Outcome:
        again = self.progress.is_parked(unreadable_id(arrival.raw))
        self._count_failure(arrival.topic, again=again)
        return self.progress.park_unreadable(arrival.topic, arrival.raw, arrival.reason)

    def _count_failure(self, topic: str, *, again: bool) -> None:
        """Raises TooManyFailures when this one, unless it is known, would be too many."""
        if again:
            return
        if self.progress.failures_in_a_row(topic) >= FAILURES_IN_A_ROW:
            raise TooManyFailures(topic)
        self.progress.count_failure(topic)

    def drain(self, applied: Envelope) -> None:
        """Applies what was parked for an event: the next number of its key, and what waited for it."""
        ready = [applied]
        while ready:
            for parked in self.progress.unblocked_by(ready.pop()):
                arrival = Arrival.of(parked.topic, parked.body)
                envelope = Envelope.from_bytes(parked.body)
                if self.progress.admit(envelope) is not Outcome.APPLIED:
                    continue
                with traced(envelope.traceparent):
                    if self._apply_or_park(arrival, envelope) is Outcome.APPLIED:
                        ready.append(envelope)


def _reason(error: Exception) -> str:
    """What operators read: never the values, which may be personal, nor signs that a database refuses."""
    return _plain_reason(error).replace("\x00", "")[:500]


def _plain_reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5])
    if isinstance(error, Problem):
        return f"{error.problem_code}: {error.message}"
    return type(error).__name__
