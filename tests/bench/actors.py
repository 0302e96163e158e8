"""Processes to measure: `python -m tests.bench.actors ROLE BROKER FOLDER DATABASE EVENTS [OPTION]`

Every consumer writes `done` into its folder when it has all events: the instants (seconds since the epoch)
of its first and its last durable one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust
import kafka
from sqlalchemy import insert
from sqlmodel import Field

from shared.clock import system_clock
from shared.contracts.envelope import ActorRef, Envelope
from shared.contracts.postal import VisitStarted
from shared.contracts.topics import topic_named
from shared.ids import new_id
from shared.messaging import worker
from shared.messaging.connection import BrokerAddress
from shared.messaging.guard import Guard, Outcome
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import Utc, open_engine

TOPIC = "postal.visit.v1"
EVENTS_PER_KEY = 5
NETWORK_SECONDS = 0.01


class Effect(MessagingTable, table=True):
    """The one row that a handler writes."""

    event_number: str = Field(primary_key=True)
    key: str
    happened_at: datetime = Field(sa_type=Utc)


WRITE = insert(Effect)


@dataclass
class Given:
    """What the command line says."""

    broker: BrokerAddress
    folder: Path
    database: str
    events: int
    option: str = ""

    @classmethod
    def of(cls, words: Sequence[str]) -> Given:
        """Reads it."""
        broker, folder, database, events, *option = words
        return cls(BrokerAddress(broker), Path(folder), database, int(events), *option)


@dataclass
class Progress:
    """Counts durable events and says when all are there."""

    given: Given
    count: int = 0
    began: float = 0.0

    def add(self, number: int) -> None:
        """So many more are durable."""
        if self.count == 0 and not self.began:
            self.began = time.time()
        self.count += number
        if self.count >= self.given.events:
            draft = self.given.folder / "done.draft"
            draft.write_text(f"{self.began} {time.time()}")
            draft.rename(self.given.folder / "done")


def visit(number: int) -> VisitStarted:
    """Event `number`; five share a key."""
    return VisitStarted(
        visit_id=f"v{number // EVENTS_PER_KEY}",
        request_id="r1",
        worker_id=str(number),
        purpose="pickup",
        started_at=datetime.now(UTC),
    )


def wrapped(number: int) -> Envelope:
    """Event `number` as it is on the wire."""
    event, now = visit(number), datetime.now(UTC)
    return Envelope(
        id=new_id(),
        type=event.KIND,
        version=1,
        source="postal_bridge",
        topic=TOPIC,
        subject=f"visit/{event.key}",
        key=event.key,
        sequence=number % EVENTS_PER_KEY + 1,
        occurred_at=now,
        recorded_at=now,
        actor=ActorRef(account="bench", role="system"),
        data=event.model_dump(mode="json"),
    )


def fill(given: Given) -> None:
    """Bare kafka-python: sends all events and waits for their acknowledgements."""
    producer = kafka.KafkaProducer(
        **given.broker.client_settings(), acks="all", enable_idempotence=True, linger_ms=2
    )
    envelopes = [wrapped(number) for number in range(given.events)]
    progress = Progress(given, began=time.time())
    sending = [producer.send(TOPIC, key=e.key.encode(), value=e.to_bytes()) for e in envelopes]
    for future in sending:
        future.get(60)
    progress.add(given.events)


def publish(given: Given) -> None:
    """Outbox and relay; `option` events share a transaction. Ends when the outbox is empty."""
    engine = open_engine(given.database)
    MessagingTable.metadata.create_all(engine)
    relay = Relay(Transactions(engine, "postal_bridge", system_clock), given.broker)
    transactions = Transactions(engine, "postal_bridge", system_clock, on_commit=relay.wake)
    together = int(given.option)
    relay.start()
    with transactions.begin() as uow:
        uow.publish(visit(-1))
    time.sleep(3)  # the relay has its connection by then
    (given.folder / "published").write_text(str(time.time()))
    for first in range(0, given.events, together):
        with transactions.begin() as uow:
            for number in range(first, min(first + together, given.events)):
                uow.publish(visit(number))
    while not (given.folder / "done").exists():
        time.sleep(0.05)
    relay.stop()


def consume(given: Given) -> None:
    """The product's worker and guard, with a handler that writes one row. `option`: events a batch.

    `slow` instead of a number: one event a batch, and each handler waits as long as a database at the other
    end of a city's network would make it wait.
    """
    progress = Progress(given)

    class Watched(Guard):
        def receive_many(self, records: Sequence[tuple[str, bytes]]) -> list[Outcome]:
            outcomes = super().receive_many(records)
            progress.add(len(outcomes))
            return outcomes

    slow = given.option == "slow"

    def hear(event: VisitStarted, uow: UnitOfWork) -> None:
        if slow:
            time.sleep(NETWORK_SECONDS)
        row = {"event_number": event.worker_id, "key": event.visit_id, "happened_at": uow.now}
        uow.session.connection().execute(WRITE, row)

    if given.option:
        worker.BATCH = 1 if slow else int(given.option)
    engine = open_engine(given.database)
    MessagingTable.metadata.create_all(engine)
    guard = Watched(Transactions(engine, "intake", system_clock), {VisitStarted: hear})
    worker.run_worker(
        worker.build_worker(
            f"bench{given.option}", given.broker, [topic_named(TOPIC)], guard, given.folder / "faust"
        )
    )


def consume_bare_sql(given: Given) -> None:
    """What one would write first: a Faust agent that writes one row per event and commits it."""
    progress = Progress(given)
    if given.database.startswith("sqlite"):
        connection: Any = sqlite3.connect(given.database.removeprefix("sqlite:///"), check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        insert = "INSERT INTO plain VALUES (?, ?, ?)"
    else:
        import psycopg

        connection = psycopg.connect(given.database.replace("postgresql+psycopg", "postgresql"))
        insert = "INSERT INTO plain VALUES (%s, %s, %s)"
    connection.execute("CREATE TABLE IF NOT EXISTS plain (number TEXT PRIMARY KEY, key TEXT, at TEXT)")
    connection.commit()

    def write(raw: bytes) -> None:
        event = VisitStarted.model_validate(Envelope.from_bytes(raw).data)
        connection.execute(insert, (event.worker_id, event.visit_id, datetime.now(UTC).isoformat()))
        connection.commit()

    async def agent(stream: Any) -> None:
        async for raw in stream:
            await asyncio.to_thread(write, raw)
            progress.add(1)

    _bare_app(given, agent)


def consume_bare(given: Given) -> None:
    """A Faust agent that only counts."""
    progress = Progress(given)

    async def agent(stream: Any) -> None:
        async for _raw in stream:
            progress.add(1)

    _bare_app(given, agent)


def _bare_app(given: Given, agent: Any) -> None:
    app = faust.App(
        given.folder.name,
        broker=given.broker.faust_url(),
        datadir=str(given.folder / "faust"),
        store="memory://",
        value_serializer="raw",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    app.agent(app.topic(TOPIC, value_type=bytes, value_serializer="raw"))(agent)
    worker.run_worker(app)


def consume_kafka_python(given: Given) -> None:
    """Bare kafka-python: polls and commits the offsets."""
    progress = Progress(given)
    consumer = kafka.KafkaConsumer(
        TOPIC,
        **given.broker.client_settings(),
        group_id="kafka-python",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    while progress.count < given.events:
        polled = consumer.poll(timeout_ms=500)
        if polled:
            consumer.commit()
            progress.add(sum(map(len, polled.values())))


ROLES = {
    function.__name__: function
    for function in (fill, publish, consume, consume_bare_sql, consume_bare, consume_kafka_python)
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](Given.of(sys.argv[2:]))
