"""The log: append with idempotence, read, find by time, forget."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shared.broker import producers
from shared.broker.batches import RecordBatch, first_at, records_in
from shared.broker.codes import Code
from shared.broker.metrics import Metrics
from shared.broker.retention import Bounds, Forgotten, forget_below, forget_past
from shared.broker.store import StorageFailure, Store, room
from shared.broker.topics import Partition, Topics

_FROM_OFFSET = """
select records from batch
where partition_id = ?1 and base_offset < ?3 and last_offset >= ?2 and base_offset >= coalesce(
    (select max(base_offset) from batch where partition_id = ?1 and base_offset <= ?2), ?2)
order by base_offset
"""
"""Batches of partition ?1 from the one that holds offset ?2, or the next after it, on, below ?3."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The outcome of one append: where the batch begins, or why it was refused."""

    code: Code
    base_offset: int = -1
    next_offset: int = -1
    size: int = 0
    """Bytes the partition takes after it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records asked for: from `offset` of a partition, visible below `end`, about `max_bytes` of them."""

    partition_id: int
    offset: int
    end: int
    max_bytes: int


class Log:
    """The records of all partitions. What it acknowledges has been fsynced."""

    def __init__(self, store: Store, topics: Topics, metrics: Metrics, max_bytes: int | None = None) -> None:
        self._store = store
        self._topics = topics
        self._metrics = metrics
        self._max_bytes = max_bytes
        """What the whole file may take for a batch to be added; the rest is for groups and their places."""
        self._grown = asyncio.Event()
        self.lacks_room = asyncio.Event()
        """A batch was refused for want of room; who makes room clears it."""

    async def append(self, partition: Partition, batch: RecordBatch) -> Appended:
        """Add a batch, once: a repetition is answered with the offset of the first time.

        Never raises for a full or broken disk but answers KAFKA_STORAGE_ERROR.
        """
        now = time.time()
        try:
            outcome: Appended = await self._store.write(
                lambda connection: _append(connection, partition.id, batch, now, self._max_bytes)
            )
        except StorageFailure:
            outcome = Appended(Code.KAFKA_STORAGE_ERROR)
        if outcome.code is Code.KAFKA_STORAGE_ERROR:
            self.lacks_room.set()
        if outcome.next_offset > partition.high_watermark:
            partition.high_watermark, partition.size = outcome.next_offset, outcome.size
            self._metrics.took(batch.records, len(batch.data))
            self.wake_readers()
        return outcome

    async def read(self, wanted: Sequence[Wanted], max_bytes: int) -> list[bytes | None]:
        """Whole batches for each of `wanted`; the first may exceed the bounds, so that readers advance.

        None where the log has come to start later than the wanted offset. Raises StorageFailure.
        """
        records: list[bytes | None] = await self._store.read(
            lambda connection: _read(connection, wanted, max_bytes)
        )
        for piece in records:
            if piece:
                self._metrics.gave(records_in(piece), len(piece))
        return records

    @property
    def growth(self) -> asyncio.Event:
        """Is set at the next append to any partition; to be taken before looking at what there is."""
        return self._grown

    def wake_readers(self) -> None:
        """Let all who wait for growth look again."""
        self._grown.set()
        self._grown = asyncio.Event()

    async def find_time(self, partition: Partition, timestamp: int | None) -> tuple[int, int] | None:
        """Offset and time (ms) of the first record at or after `timestamp`; None: of the newest time.

        Raises StorageFailure.
        """
        found: tuple[int, int] | None = await self._store.read(
            lambda connection: _find_time(connection, partition, timestamp)
        )
        return found

    async def forget_old(self) -> int:
        """Delete what is past its topic's `retention.ms` or `retention.bytes`; answers how many batches.

        Raises StorageFailure.
        """
        gone = 0
        for topic in self._topics.all():
            cleanup = topic.cleanup
            if not cleanup.deletes or (cleanup.retention_ms < 0 and cleanup.retention_bytes < 0):
                continue
            bounds = Bounds(
                None if cleanup.retention_ms < 0 else int(time.time() * 1000) - cleanup.retention_ms,
                None if cleanup.retention_bytes < 0 else cleanup.retention_bytes,
            )
            for partition in topic.partitions:
                forgotten = await forget_past(self._store, partition.id, bounds)
                gone += forgotten.batches
                _shorten(partition, forgotten)
        return gone

    async def forget_below(self, partition: Partition, offset: int) -> None:
        """Delete what lies below `offset`, because an admin says so. Raises StorageFailure."""
        _shorten(partition, await forget_below(self._store, partition.id, offset))

    async def new_producer_id(self) -> int:
        """A producer id that was never given out before. Raises StorageFailure."""
        producer_id: int = await self._store.write(producers.new_producer_id)
        return producer_id

    async def forget_producers(self, older_than: float) -> int:
        """Drop the sequence memory of producers silent for `older_than` seconds. Raises StorageFailure."""
        before = time.time() - older_than
        gone: int = await self._store.write(lambda connection: producers.forget_silent(connection, before))
        return gone


def _append(
    connection: sqlite3.Connection, partition_id: int, batch: RecordBatch, now: float, max_bytes: int | None
) -> Appended:
    row = connection.execute(
        "select next_offset, size from partition where id = ?", (partition_id,)
    ).fetchone()
    if row is None:
        return Appended(Code.UNKNOWN_TOPIC_OR_PARTITION)
    base, size = row
    if batch.is_idempotent:
        state = producers.load(connection, batch.producer_id, partition_id)
        verdict = state.judge(batch)
        if verdict.code is not Code.NONE:
            return Appended(verdict.code)
        if verdict.repeats is not None:
            return Appended(Code.NONE, verdict.repeats, base, size)
    if max_bytes is not None and _taken(connection) + len(batch.data) > max_bytes:
        return Appended(Code.KAFKA_STORAGE_ERROR)
    if batch.is_idempotent:
        producers.keep(connection, batch.producer_id, partition_id, state.after(batch, base), now)
    after = base + batch.records
    connection.execute(
        "insert into batch values (?, ?, ?, ?, ?, ?)",
        (partition_id, base, after - 1, batch.max_timestamp, len(batch.data), batch.stamped(base)),
    )
    size += len(batch.data)
    connection.execute(
        "update partition set next_offset = ?, size = ? where id = ?", (after, size, partition_id)
    )
    return Appended(Code.NONE, base, after, size)


def _taken(connection: sqlite3.Connection) -> int:
    """The bytes of the file that are in use."""
    size, free = room(connection)
    return size - free


def _read(connection: sqlite3.Connection, wanted: Sequence[Wanted], max_bytes: int) -> list[bytes | None]:
    answers: list[bytes | None] = []
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
        # The start is looked up after the records: if it is still below, none of them was missed.
        start = connection.execute(
            "select log_start from partition where id = ?", (want.partition_id,)
        ).fetchone()
        answers.append(None if start is None or start[0] > want.offset else b"".join(pieces))
    return answers


def _find_time(
    connection: sqlite3.Connection, partition: Partition, timestamp: int | None
) -> tuple[int, int] | None:
    if timestamp is None:
        (timestamp,) = connection.execute(
            "select coalesce(max(max_timestamp), 0) from batch where partition_id = ?", (partition.id,)
        ).fetchone()
    place = connection.execute(
        "select base_offset from batch where partition_id = ? and max_timestamp >= ? and last_offset >= ? "
        "order by base_offset limit 1",
        (partition.id, timestamp, partition.log_start),
    ).fetchone()
    if place is None:
        return None
    records, newest = connection.execute(
        "select records, max_timestamp from batch where partition_id = ? and base_offset = ?",
        (partition.id, place[0]),
    ).fetchone()
    return first_at(records, timestamp, partition.log_start) or (max(place[0], partition.log_start), newest)


def _shorten(partition: Partition, forgotten: Forgotten) -> None:
    partition.log_start = max(partition.log_start, forgotten.log_start)
    partition.size = forgotten.size
