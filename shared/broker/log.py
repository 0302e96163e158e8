"""The log: append with idempotence, read, find by time, forget by age."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.broker import producers
from shared.broker.batches import RecordBatch, first_at
from shared.broker.codes import Code
from shared.broker.store import StorageFailure, Store
from shared.broker.topics import Partition, Topics

_FROM_OFFSET = """
select records from batch
where partition_id = ?1 and base_offset < ?3 and base_offset >= coalesce(
    (select max(base_offset) from batch where partition_id = ?1 and base_offset <= ?2), ?2)
order by base_offset
"""
"""Batches of partition ?1 from the one that holds offset ?2 on, below ?3."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The outcome of one append: where the batch begins, or why it was refused."""

    code: Code
    base_offset: int = -1
    next_offset: int = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records asked for: from `offset` of a partition, visible below `end`, about `max_bytes` of them."""

    partition_id: int
    offset: int
    end: int
    max_bytes: int


class Log:
    """The records of all partitions. What it acknowledges has been fsynced."""

    def __init__(self, store: Store, topics: Topics) -> None:
        self._store = store
        self._topics = topics
        self._grown = asyncio.Event()

    async def append(self, partition: Partition, batch: RecordBatch) -> Appended:
        """Add a batch, once: a repetition is answered with the offset of the first time.

        Never raises for a full or broken disk but answers KAFKA_STORAGE_ERROR.
        """
        now = time.time()
        try:
            outcome: Appended = await self._store.write(
                lambda connection: _append(connection, partition.id, batch, now)
            )
        except StorageFailure:
            return Appended(Code.KAFKA_STORAGE_ERROR)
        if outcome.next_offset > partition.high_watermark:
            partition.high_watermark = outcome.next_offset
            self.wake_readers()
        return outcome

    async def read(self, wanted: Sequence[Wanted], max_bytes: int) -> list[bytes]:
        """Whole batches for each of `wanted`; the first may exceed the bounds, so that readers advance.

        Raises StorageFailure.
        """
        records: list[bytes] = await self._store.read(lambda connection: _read(connection, wanted, max_bytes))
        return records

    @property
    def growth(self) -> asyncio.Event:
        """Is set at the next append to any partition; to be taken before looking at what there is."""
        return self._grown

    def wake_readers(self) -> None:
        """Let all who wait for growth look again."""
        self._grown.set()
        self._grown = asyncio.Event()

    async def find_time(self, partition: Partition, timestamp: int) -> tuple[int, int] | None:
        """Offset and time (ms) of the first record at or after `timestamp`. Raises StorageFailure."""
        found: tuple[int, int] | None = await self._store.read(
            lambda connection: _find_time(connection, partition.id, timestamp)
        )
        return found

    async def forget_old(self) -> int:
        """Delete batches past their topic's `retention.ms`, oldest first; answers how many.

        The newest batch of a partition stays, so that its place in time is kept. Raises StorageFailure.
        """
        gone = 0
        for topic in self._topics.all():
            if topic.retention_ms < 0:
                continue
            limit = int(time.time() * 1000) - topic.retention_ms
            for partition in topic.partitions:
                count, start = await self._store.write(
                    partial(_forget, partition_id=partition.id, limit=limit)
                )
                gone += count
                partition.log_start = max(partition.log_start, start)
        return gone

    async def new_producer_id(self) -> int:
        """A producer id that was never given out before. Raises StorageFailure."""
        producer_id: int = await self._store.write(producers.new_producer_id)
        return producer_id

    async def forget_producers(self, older_than: float) -> int:
        """Drop the sequence memory of producers silent for `older_than` seconds. Raises StorageFailure."""
        before = time.time() - older_than
        gone: int = await self._store.write(lambda connection: producers.forget_silent(connection, before))
        return gone


def _append(connection: sqlite3.Connection, partition_id: int, batch: RecordBatch, now: float) -> Appended:
    row = connection.execute("select next_offset from partition where id = ?", (partition_id,)).fetchone()
    if row is None:
        return Appended(Code.UNKNOWN_TOPIC_OR_PARTITION)
    (base,) = row
    if batch.is_idempotent:
        state = producers.load(connection, batch.producer_id, partition_id)
        verdict = state.judge(batch)
        if verdict.code is not Code.NONE:
            return Appended(verdict.code)
        if verdict.repeats is not None:
            return Appended(Code.NONE, verdict.repeats, base)
        producers.keep(connection, batch.producer_id, partition_id, state.after(batch, base), now)
    after = base + batch.records
    connection.execute(
        "insert into batch values (?, ?, ?, ?, ?)",
        (partition_id, base, after - 1, batch.max_timestamp, batch.stamped(base)),
    )
    connection.execute("update partition set next_offset = ? where id = ?", (after, partition_id))
    return Appended(Code.NONE, base, after)


def _read(connection: sqlite3.Connection, wanted: Sequence[Wanted], max_bytes: int) -> list[bytes]:
    answers = []
    total = 0
    for want in wanted:
        pieces: list[bytes] = []
        size = 0
        room = min(want.max_bytes, max_bytes - total)
        rows = connection.execute(_FROM_OFFSET, (want.partition_id, want.offset, want.end))
        for (records,) in rows:
            if size + len(records) > room and (total or size):
                break
            pieces.append(records)
            size += len(records)
        total += size
        answers.append(b"".join(pieces))
    return answers


def _find_time(connection: sqlite3.Connection, partition_id: int, timestamp: int) -> tuple[int, int] | None:
    row = connection.execute(
        "select base_offset, max_timestamp, records from batch where partition_id = ? and max_timestamp >= ? "
        "order by base_offset limit 1",
        (partition_id, timestamp),
    ).fetchone()
    if row is None:
        return None
    base_offset, newest, records = row
    return first_at(records, timestamp) or (base_offset, newest)


def _forget(connection: sqlite3.Connection, partition_id: int, limit: int) -> tuple[int, int]:
    (keep_from,) = connection.execute(
        "select coalesce("
        "(select min(base_offset) from batch where partition_id = ?1 and max_timestamp >= ?2), "
        "(select max(base_offset) from batch where partition_id = ?1), 0)",
        (partition_id, limit),
    ).fetchone()
    gone = connection.execute(
        "delete from batch where partition_id = ? and base_offset < ?", (partition_id, keep_from)
    ).rowcount
    connection.execute(
        "update partition set log_start = max(log_start, ?) where id = ?", (keep_from, partition_id)
    )
    return gone, keep_from
