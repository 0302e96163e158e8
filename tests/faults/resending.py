"""Somebody who has read the log and sends its records again, in any order: the worst of at-least-once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, KafkaProducer
from kafka.consumer.fetcher import ConsumerRecord

from shared.contracts.topics import TOPICS
from shared.messaging.connection import BrokerAddress

REPEATED = 0.3
"""The part of all records that is sent once more."""
KEPT = 200
"""So many records wait to be sent again; of them some are picked at a time."""


@contextmanager
def resending(bootstrap: str, seed: int) -> Iterator[None]:
    """Sends records of all topics again while the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_resend, args=(bootstrap, random.Random(seed), stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=20)


def _resend(bootstrap: str, dice: random.Random, stop: threading.Event) -> None:
    settings = BrokerAddress(bootstrap).client_settings()
    consumer = KafkaConsumer(*(topic.name for topic in TOPICS), **settings, auto_offset_reset="earliest")
    producer = KafkaProducer(**settings)
    waiting: list[ConsumerRecord] = []
    seen: set[bytes] = set()
    while not stop.is_set():
        for records in consumer.poll(timeout_ms=200).values():
            fresh = [record for record in records if record.value not in seen]
            seen.update(record.value for record in fresh)
            waiting.extend(record for record in fresh if dice.random() < REPEATED)
        dice.shuffle(waiting)
        for record in waiting[KEPT // 4 :] if len(waiting) > KEPT else waiting[: dice.randint(0, 5)]:
            producer.send(record.topic, key=record.key, value=record.value)
            waiting.remove(record)
    producer.flush(timeout=10)
    producer.close(timeout=5)
    consumer.close()
