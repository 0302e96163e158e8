"""What each idempotent producer sent last to each partition: tells a repetition from news.

Kafka's rule: a batch of n records takes n sequence numbers; the broker remembers the last five
batches of a producer in a partition, answers a repetition with the offset of the first time, and
refuses a gap. Here the memory is a row beside the log, written in the same transaction as the batch,
so it knows after a crash exactly what the log knows.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from shared.broker.batches import RecordBatch
from shared.broker.codes import Code

REMEMBERED = 5
"""Batches a client may have on the way at once and still repeat any of them safely."""
_SEQUENCES = 1 << 31


class Sent(NamedTuple):
    """A batch that is in the log: its sequence numbers (both included) and where it begins."""

    first: int
    last: int
    base_offset: int


@dataclass(frozen=True)
class Verdict:
    """What to do with a numbered batch: NONE appends it, or answers `repeats` if that is an offset."""

    code: Code
    repeats: int | None = None


@dataclass(frozen=True)
class ProducerState:
    """The memory of one producer in one partition, oldest batch first; none: never heard of."""

    epoch: int = -1
    recent: tuple[Sent, ...] = ()

    def judge(self, batch: RecordBatch) -> Verdict:
        """Whether `batch` is the next one, a repetition, or out of order.

        A producer that is not known must begin at 0. (Apache Kafka takes any number then; but if the
        first of several batches on the way met a full disk, the second would overtake it.)
        """
        if batch.producer_epoch < self.epoch:
            return Verdict(Code.INVALID_PRODUCER_EPOCH)
        if batch.producer_epoch > self.epoch:
            if batch.first_sequence == 0:
                return Verdict(Code.NONE)
            return Verdict(Code.OUT_OF_ORDER_SEQUENCE_NUMBER if self.recent else Code.UNKNOWN_PRODUCER_ID)
        last = _last_sequence(batch)
        for sent in self.recent:
            if (sent.first, sent.last) == (batch.first_sequence, last):
                return Verdict(Code.NONE, repeats=sent.base_offset)
        if batch.first_sequence != (self.recent[-1].last + 1) % _SEQUENCES:
            return Verdict(Code.OUT_OF_ORDER_SEQUENCE_NUMBER)
        return Verdict(Code.NONE)

    def after(self, batch: RecordBatch, base_offset: int) -> ProducerState:
        """The memory once `batch` is in the log at `base_offset`."""
        kept = self.recent if batch.producer_epoch == self.epoch else ()
        sent = Sent(batch.first_sequence, _last_sequence(batch), base_offset)
        return ProducerState(batch.producer_epoch, (*kept, sent)[-REMEMBERED:])


def _last_sequence(batch: RecordBatch) -> int:
    return (batch.first_sequence + batch.records - 1) % _SEQUENCES


def load(connection: sqlite3.Connection, producer_id: int, partition_id: int) -> ProducerState:
    """The memory of a producer in a partition; empty when there is none."""
    row = connection.execute(
        "select epoch, recent from producer where producer_id = ? and partition_id = ?",
        (producer_id, partition_id),
    ).fetchone()
    if row is None:
        return ProducerState()
    return ProducerState(row[0], tuple(Sent(*sent) for sent in json.loads(row[1])))


def keep(
    connection: sqlite3.Connection, producer_id: int, partition_id: int, state: ProducerState, now: float
) -> None:
    """Write the memory, in the transaction that appends the batch."""
    connection.execute(
        "insert or replace into producer values (?, ?, ?, ?, ?)",
        (producer_id, partition_id, state.epoch, json.dumps(state.recent), now),
    )


def forget_silent(connection: sqlite3.Connection, before: float) -> int:
    """Drop the memory of producers that sent nothing since `before`; answers how many."""
    return connection.execute("delete from producer where touched_at < ?", (before,)).rowcount


def new_producer_id(connection: sqlite3.Connection) -> int:
    """A number no producer had before, also not before a crash."""
    row = connection.execute("select value from meta where name = 'last_producer_id'").fetchone()
    producer_id = int(row[0]) + 1 if row else 1
    connection.execute("insert or replace into meta values ('last_producer_id', ?)", (str(producer_id),))
    return producer_id
