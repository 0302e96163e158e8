"""What is there after the faults, read from outside: the databases (read-only) and the broker's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from shared.contracts.envelope import Envelope
from shared.contracts.topics import PARTITIONS, TOPICS
from shared.messaging.connection import BrokerAddress

READ_SECONDS = 15.0


@dataclass(frozen=True)
class Logged:
    """One record of the broker's log."""

    topic: str
    partition: int
    offset: int
    key: str
    sequence: int
    event_id: str


Row = Mapping[str, Any]
Databases = Callable[[str], str]
"""The address of a service's database, as SQLAlchemy writes it; `Stack.database_url` is one."""


@dataclass(frozen=True)
class Evidence:
    """The three databases, and the whole log of the broker in its order per partition."""

    databases: Databases
    log: tuple[Logged, ...] = ()

    def rows(self, service: str, query: str, **values: object) -> Sequence[Row]:
        """The answer of one service's database to plain SQL with `:names`. Raises SQLAlchemyError."""
        with reading(self.databases(service)).connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]


def files_in(folder: Path) -> Databases:
    """SQLite databases named after their services."""
    return lambda service: f"sqlite:///{folder / service}.db"


@lru_cache(maxsize=64)
def reading(address: str) -> Engine:
    """A way to look at a database from outside, without changing it and without keeping it open."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        url = make_url(f"sqlite:///file:{url.database}?mode=ro&uri=true")
        return create_engine(url, poolclass=NullPool, connect_args={"timeout": 10})
    return create_engine(url, poolclass=NullPool, execution_options={"postgresql_readonly": True})


def read_log(bootstrap: str) -> tuple[Logged, ...]:
    """Every record of every registered topic from the beginning. Raises TimeoutError when it does not end."""
    consumer = KafkaConsumer(**BrokerAddress(bootstrap).client_settings(), auto_offset_reset="earliest")
    try:
        return tuple(_records(consumer))
    finally:
        consumer.close()


def _records(consumer: KafkaConsumer) -> Iterator[Logged]:
    partitions = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    missing = {partition for partition, end in ends.items() if end > 0}
    empty_polls = 0
    while missing:
        batches = consumer.poll(timeout_ms=500)
        empty_polls = 0 if batches else empty_polls + 1
        if empty_polls * 0.5 > READ_SECONDS:
            raise TimeoutError(f"the log does not go on: {sorted(missing)[:3]}")
        for place, records in batches.items():
            for record in records:
                envelope = Envelope.from_bytes(record.value)
                yield Logged(
                    record.topic,
                    record.partition,
                    record.offset,
                    (record.key or b"").decode(),
                    envelope.sequence,
                    envelope.id,
                )
            if consumer.position(place) >= ends[place]:
                missing.discard(place)
