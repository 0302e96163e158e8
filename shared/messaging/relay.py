"""The relay: sends what the outbox holds, in order, and marks it sent only when the broker has it.

A crash between the two sends an event twice, never none; the consumers' inbox drops the second.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from kafka import KafkaProducer
from sqlalchemy import Integer, bindparam, select, update
from sqlmodel import col

from shared.messaging.connection import BrokerAddress
from shared.messaging.crash_points import reached
from shared.messaging.tables import OutboxRow
from shared.messaging.unit_of_work import Transactions
from shared.persistence.locks import Hold, sole_holder

log = structlog.get_logger(__name__)

BATCH = 500
POLL_SECONDS = 0.1
"""The outbox is looked at this often for rows that another process wrote."""
GATHER_SECONDS = 0.02
"""After a batch, so long the next one gathers: under load each costs the same however few are in it."""

_OLDEST_UNSENT = (
    select(col(OutboxRow.position), col(OutboxRow.topic), col(OutboxRow.key), col(OutboxRow.body))
    .where(col(OutboxRow.sent_at).is_(None))
    .order_by(col(OutboxRow.position))
    .limit(bindparam("limit", type_=Integer))
)
_MARK = update(OutboxRow).where(col(OutboxRow.position) == bindparam("at")).values(sent_at=bindparam("now"))


@dataclass
class Relay:
    """A thread that empties one service's outbox. Of several, the lock lets only one work."""

    transactions: Transactions
    broker: BrokerAddress
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to send in the background; a broker that is away is tried again for ever."""
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Says that there is something new to send."""
        self._wake.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finishes the batch in hand and ends."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread runs; one that died is a reason to restart the process."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with sole_holder(self.transactions.engine, "relay") as held:
                    if held:
                        self._send_while(held)
            except Exception as error:  # noqa: BLE001 - a relay that dies is found only by its silence
                log.warning("relay.interrupted", error=type(error).__name__, detail=str(error)[:200])
            self._stop.wait(0.5)

    def _send_while(self, held: Hold) -> None:
        producer = KafkaProducer(
            **self.broker.client_settings(),
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            request_timeout_ms=10_000,
            delivery_timeout_ms=25_000,
            # By default half a minute after a long outage: events would wait although the broker is back.
            reconnect_backoff_max_ms=1_000,
        )
        try:
            while held and not self._stop.is_set():
                sent = self.send_batch(producer)
                if not sent:
                    self._wake.wait(POLL_SECONDS)
                    self._wake.clear()
                elif sent < BATCH:
                    self._stop.wait(GATHER_SECONDS)
        finally:
            producer.close(timeout=2)

    def send_batch(self, producer: KafkaProducer) -> int:
        """Sends the oldest unsent rows and marks those that the broker acknowledged.

        Raises KafkaError for the first row that was refused; it and its followers stay unsent.
        """
        with self.transactions.reading() as session:
            rows = session.connection().execute(_OLDEST_UNSENT, {"limit": BATCH}).all()
        if not rows:
            return 0
        reached("relay.read")
        sending = [producer.send(row.topic, key=row.key.encode(), value=bytes(row.body)) for row in rows]
        sent: list[int] = []
        try:
            for row, future in zip(rows, sending, strict=True):
                future.get(timeout=30)
                sent.append(row.position)
            reached("relay.sent")
        finally:
            self._mark(sent)
        reached("relay.marked")
        return len(sent)

    def _mark(self, positions: Sequence[int]) -> None:
        if not positions:
            return
        with self.transactions.begin() as uow:
            marks = [{"at": position, "now": uow.now} for position in positions]
            uow.session.connection().execute(_MARK, marks)
