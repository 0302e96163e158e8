"""What is there after the faults, read from outside: the databases (read-only) and the broker's log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

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


@dataclass(frozen=True)
class Evidence:
    """The folder with the three databases, and the whole log of the broker in its order per partition."""

    folder: Path
    log: tuple[Logged, ...]

    def rows(self, service: str, query: str, *values: object) -> list[sqlite3.Row]:
        """The answer of one service's database."""
        return ask_database(self.folder, service, query, *values)


def ask_database(folder: Path, service: str, query: str, *values: object) -> list[sqlite3.Row]:
    """Reads a service's database without being able to change it. Raises sqlite3.Error."""
    address = f"file:{folder / service}.db?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()


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
