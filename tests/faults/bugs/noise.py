"""Not bugs: what the outside world may do to events, at its worst. The sound code has to bear it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from shared.messaging.relay import Relay
from tests.faults.bugs.seams import replace

REPEATED = 0.25
"""The part of all records that is sent twice."""


FULL_MARK = ".full"
"""Beside a database file this mark says that it may not grow."""
AS_EVER = 2**30


def limit_the_database() -> None:
    """While a file `<database>.full` exists, SQLite may not add a page to that database."""

    @event.listens_for(Engine, "begin")
    def limit(connection: Connection) -> None:
        url = connection.engine.url
        if url.get_backend_name() == "sqlite" and url.database:
            pages = 1 if Path(f"{url.database}{FULL_MARK}").exists() else AS_EVER
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def shuffle_the_relay() -> None:
    """Each batch of the outbox reaches the wire out of order and partly twice."""
    dice = random.Random(7)
    send_batch = Relay.send_batch

    def send_shuffled(relay: Relay, producer: Any) -> int:
        return send_batch(relay, _ShufflingProducer(producer, dice))

    replace(Relay, "send_batch", send_shuffled)


class _ShufflingProducer:
    """Takes a batch in order and sends it out of order when its first answer is waited for."""

    def __init__(self, producer: Any, dice: random.Random) -> None:
        self._producer = producer
        self._dice = dice
        self._waiting: list[_Promise] = []

    def send(self, topic: str, **record: Any) -> _Promise:
        promise = _Promise(self, topic, record)
        self._waiting.append(promise)
        return promise

    def flush_shuffled(self) -> None:
        twice = [promise for promise in self._waiting if self._dice.random() < REPEATED]
        batch = [*self._waiting, *twice]
        for promise in self._dice.sample(batch, len(batch)):
            promise.future = self._producer.send(promise.topic, **promise.record)
        self._waiting = []


class _Promise:
    """Stands for the future of a record that is not sent yet."""

    def __init__(self, producer: _ShufflingProducer, topic: str, record: dict[str, Any]) -> None:
        self._producer = producer
        self.topic = topic
        self.record = record
        self.future: Any = None

    def get(self, timeout: float | None = None) -> Any:
        """The broker's answer. Raises KafkaError."""
        if self.future is None:
            self._producer.flush_shuffled()
        return self.future.get(timeout=timeout)
