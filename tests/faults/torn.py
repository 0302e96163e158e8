"""Whether a backup is of one instant: looks at the copies alone, without starting a service."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from deploy.backup.sqlite import BROKER_FILE
from deploy.stack import SERVICES
from shared.contracts.topics import PARTITIONS, TOPICS, consumed_by
from shared.messaging.connection import BrokerAddress
from shared.testing.broker_process import BrokerProcess
from tests.faults.evidence import Logged, read_log

START_SECONDS = 120.0
"""Patience with a broker that starts on a machine where people are at work."""


def torn(backup: Path, scratch: Path) -> list[str]:
    """Every place where the copies of a backup contradict each other; empty when they are of one instant.

    A copy of the log is started in `scratch`; the backup itself is left as it is.
    """
    folder = scratch / "broker"
    folder.mkdir(parents=True)
    shutil.copy(backup / BROKER_FILE, folder / BROKER_FILE)
    broker = BrokerProcess(folder).start(START_SECONDS)
    try:
        log = read_log(broker.bootstrap)
        offsets = {service: committed(broker.bootstrap, service) for service in SERVICES}
    finally:
        broker.kill()
    return [*_gates(backup), *_sent(backup, log), *_offsets(backup, log, offsets)]


def committed(bootstrap: str, service: str) -> dict[tuple[str, int], int]:
    """The next offset of a service's consumer group, by topic and partition."""
    settings = BrokerAddress(bootstrap).client_settings()
    consumer = KafkaConsumer(**settings, group_id=f"tannha-{service}", enable_auto_commit=False)
    try:
        topics = consumed_by(service)  # type: ignore[arg-type]
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(PARTITIONS)]
        return {(place.topic, place.partition): consumer.committed(place) or 0 for place in places}
    finally:
        consumer.close()


def _gates(backup: Path) -> Iterator[str]:
    """No consumer knows a number that its producer has not given out."""
    for topic in TOPICS:
        query = "SELECT key, sequence FROM {} WHERE topic = ?"
        heads = dict(_rows(backup, topic.owner, query.format("stream_head"), topic.name))
        for service in topic.consumers:
            for key, sequence in _rows(backup, service, query.format("gate"), topic.name):
                if sequence > heads.get(key, 0):
                    yield f"{service} applied {topic.name} {key} #{sequence}, published: {heads.get(key, 0)}"


def _sent(backup: Path, log: tuple[Logged, ...]) -> Iterator[str]:
    """What an outbox calls sent is in the log, and the log has nothing that no outbox has."""
    logged = {record.event_id for record in log}
    published: set[str] = set()
    for service in SERVICES:
        for event_id, sent_at in _rows(backup, service, "SELECT event_id, sent_at FROM outbox"):
            published.add(event_id)
            if sent_at is not None and event_id not in logged:
                yield f"{service} calls {event_id} sent, and it is not in the log"
    yield from (f"{event_id} is in the log and in no outbox" for event_id in logged - published)


def _offsets(
    backup: Path, log: tuple[Logged, ...], offsets: dict[str, dict[tuple[str, int], int]]
) -> Iterator[str]:
    """What a group has passed by took effect in its database, or is parked there."""
    for service, places in offsets.items():
        query = "SELECT event_id FROM inbox UNION SELECT event_id FROM parked_event"
        known = {event_id for (event_id,) in _rows(backup, service, query)}
        for record in log:
            passed = record.offset < places.get((record.topic, record.partition), 0)
            if passed and record.event_id not in known:
                yield f"{service} passed by {record.topic} {record.event_id} without knowing it"


def _rows(backup: Path, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    address = f"file:{backup / service}.db?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(query, values).fetchall()
