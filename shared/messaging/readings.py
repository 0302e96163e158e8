"""What a service's database tells about events under way, put into the metrics when somebody asks.

Two sums go over all keys; they are read again only after a while that is long against what they took, so
that asking often costs little however much is stored.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from shared.contracts.topics import consumed_by
from shared.messaging.progress import Outcome
from shared.messaging.tables import GatePosition, OutboxRow, ParkedEvent, StreamHead
from shared.messaging.unit_of_work import Transactions
from shared.observability import metrics

log = structlog.get_logger(__name__)

SHARE = 50
"""Summing may take one part in so many of the time."""

WAITING_STATES = (Outcome.EARLY, Outcome.WAITING)


@dataclass
class DatabaseReadings:
    """Sets the gauges of one service from its database. `monotonic` is the machine's stopwatch."""

    transactions: Transactions
    monotonic: Callable[[], float] = time.monotonic
    _sums_due: float = field(default=0.0, init=False)

    def take(self) -> None:
        """Reads once. A database that is away is itself a reading: `database_up` 0, the rest unchanged."""
        service = self.transactions.service
        try:
            with self.transactions.reading() as session:
                now = self.transactions.clock()
                self._outbox(session, now)
                self._parked(session)
                self._gate(session, now)
                self._sums(session)
        except SQLAlchemyError as error:
            metrics.database_up.labels(service).set(0)
            log.warning("metrics.database_away", error=type(error).__name__)
        else:
            metrics.database_up.labels(service).set(1)

    def _outbox(self, session: Session, now: datetime) -> None:
        unsent = select(func.count(), func.min(OutboxRow.recorded_at)).where(col(OutboxRow.sent_at).is_(None))
        number, oldest = session.exec(unsent).one()
        metrics.outbox_unsent.labels(self.transactions.service).set(number)
        metrics.outbox_oldest_seconds.labels(self.transactions.service).set(_age(oldest, now))

    def _parked(self, session: Session) -> None:
        counted = select(ParkedEvent.state, func.count()).group_by(col(ParkedEvent.state))
        numbers: dict[str, int] = dict(session.exec(counted).all())
        for state in (Outcome.FAILED, *WAITING_STATES):
            metrics.parked_events.labels(self.transactions.service, state.value).set(numbers.get(state, 0))

    def _gate(self, session: Session, now: datetime) -> None:
        waiting = (
            select(ParkedEvent.topic, func.count(), func.min(ParkedEvent.parked_at))
            .where(col(ParkedEvent.state).in_(WAITING_STATES))
            .group_by(col(ParkedEvent.topic))
        )
        found = {topic: (number, oldest) for topic, number, oldest in session.exec(waiting)}
        for topic in consumed_by(self.transactions.service):
            number, oldest = found.get(topic.name, (0, None))
            metrics.gate_waiting.labels(self.transactions.service, topic.name).set(number)
            metrics.gate_wait_seconds.labels(self.transactions.service, topic.name).set(_age(oldest, now))

    def _sums(self, session: Session) -> None:
        began = self.monotonic()
        if began < self._sums_due:
            return
        service = self.transactions.service
        # A service that has applied nothing is the furthest behind: it has to be seen, too.
        nothing = {topic.name: 0 for topic in consumed_by(service)}
        for gauge, totals in (
            (metrics.events_published, sequence_sums(session, StreamHead)),
            (metrics.events_applied, nothing | sequence_sums(session, GatePosition)),
        ):
            for topic, total in totals.items():
                gauge.labels(service, topic).set(total)
        ended = self.monotonic()
        self._sums_due = ended + SHARE * (ended - began)


@dataclass
class GuardReadings:
    """Carries the counts of a worker's guard over into the metrics."""

    counts: Mapping[Outcome, int]
    _carried: Counter[Outcome] = field(default_factory=Counter, init=False)

    def take(self) -> None:
        """Adds what came since the last time, and says that the worker's loop turns."""
        for outcome, count in list(self.counts.items()):
            metrics.events_received.labels(outcome.value).inc(count - self._carried[outcome])
            self._carried[outcome] = count
        metrics.worker_heartbeat_seconds.set_to_current_time()


def sequence_sums(session: Session, table: type[StreamHead] | type[GatePosition]) -> dict[str, int]:
    """Sums of the sequence numbers of all keys by topic: how many events were published, or applied."""
    rows = session.exec(select(table.topic, func.sum(table.sequence)).group_by(col(table.topic)))
    return {topic: int(total) for topic, total in rows}


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since is not None else 0.0
