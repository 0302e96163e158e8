"""Compacted topics: of the records with one key the last is kept, and its place never changes.

As in Apache Kafka (https://kafka.apache.org/documentation/#compaction): offsets stay and get gaps, a
record without a value (a tombstone) goes once it is older than `delete.retention.ms`, and the newest
batch is left alone. The log is walked twice in small pieces: first the part not yet compacted, to learn
each key's last offset; then all of it, to drop what that part has overtaken. Each piece is written in a
transaction of its own that only ever drops what a later, durable record replaces; so a crash in between
leaves a log that is less compact, never one that is wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import struct
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder

from shared.broker.configs import Cleanup
from shared.broker.store import Store
from shared.broker.topics import Partition, Topics

log = logging.getLogger("shared.broker.compaction")

_PIECE_BYTES = 512 << 10
_PIECE_BATCHES = 200
_MAX_KEYS = 200_000
"""Keys remembered in one walk (about 30 MB); a log with more is compacted in several."""


class Kept(NamedTuple):
    """A batch as it lies in the log."""

    base_offset: int
    records: bytes


class Shrunk(NamedTuple):
    """What becomes of a batch: smaller `records`, or None when none of them is needed."""

    base_offset: int
    last_offset: int
    max_timestamp: int
    records: bytes | None


class Compactor:
    """Compacts the partitions of topics that ask for it, when enough has come to be worth it."""

    def __init__(self, store: Store, topics: Topics) -> None:
        self._store = store
        self._topics = topics

    async def run(self) -> int:
        """One round over all topics; answers how many bytes became free. Raises StorageFailure."""
        freed = 0
        for topic in self._topics.all():
            cleanup = topic.cleanup
            if not cleanup.compacts:
                continue
            for partition in topic.partitions:
                freed += await self._compact(partition, cleanup)
        return freed

    async def _compact(self, partition: Partition, cleanup: Cleanup) -> int:
        newest, dirty = await self._store.read(lambda connection: _dirt(connection, partition))
        if dirty == 0 or dirty < cleanup.dirty_ratio * partition.size:
            return 0
        before = partition.size
        last: dict[bytes, int] = {}
        end = partition.clean_to
        async for piece in self._pieces(partition, partition.clean_to, newest):
            last.update(await asyncio.to_thread(_last_offsets, piece))
            end = piece[-1].base_offset + 1
            if len(last) >= _MAX_KEYS:
                break
        tombstones_before = int(time.time() * 1000) - cleanup.tombstone_ms
        async for piece in self._pieces(partition, partition.log_start, end):
            shrunk = await asyncio.to_thread(_shrink, piece, last, tombstones_before)
            if shrunk:
                replace = partial(_replace, partition_id=partition.id, shrunk=shrunk)
                partition.size = await self._store.write(replace)
        await self._store.write(lambda connection: _note_clean(connection, partition.id, end))
        partition.clean_to = end
        return before - partition.size

    async def _pieces(self, partition: Partition, start: int, end: int) -> AsyncIterator[Sequence[Kept]]:
        """The batches that begin from `start` on and below `end`, some at a time."""
        while True:
            read = partial(_piece, partition_id=partition.id, start=start, end=end)
            piece: list[Kept] = await self._store.read(read)
            if not piece:
                return
            yield piece
            start = piece[-1].base_offset + 1


def _records(batch: Kept) -> Iterator[Any]:
    """The records of a batch. Raises whatever a codec that is not installed raises."""
    opened = MemoryRecords(batch.records).next_batch()
    return iter(opened if opened is not None else ())


def _last_offsets(piece: Sequence[Kept]) -> dict[bytes, int]:
    """Where each key occurs last. What cannot be read names no keys, so nothing goes because of it."""
    last = {}
    for batch in piece:
        try:
            last.update(
                {_short(record.key): record.offset for record in _records(batch) if record.key is not None}
            )
        except Exception as unreadable:  # noqa: BLE001 - codecs raise what they like
            log.warning("cannot compact with the batch at %d: %s", batch.base_offset, unreadable)
    return last


def _short(key: bytes) -> bytes:
    """The key, or a digest of it: so many large keys would not fit in memory."""
    return bytes(key) if len(key) <= 16 else hashlib.blake2b(key, digest_size=16).digest()


def _shrink(piece: Sequence[Kept], last: dict[bytes, int], tombstones_before: int) -> list[Shrunk]:
    """The batches of `piece` that need fewer records than they have."""

    def is_needed(record: Any) -> bool:
        if record.key is None:
            return True
        if last.get(_short(record.key), -1) > record.offset:
            return False
        return record.value is not None or record.timestamp >= tombstones_before

    shrunk = []
    for batch in piece:
        try:
            records = list(_records(batch))
            needed = [record for record in records if is_needed(record)]
            if len(needed) < len(records):
                shrunk.append(_smaller(batch, needed))
        except Exception as unreadable:  # noqa: BLE001 - codecs raise what they like
            log.warning("cannot compact the batch at %d: %s", batch.base_offset, unreadable)
    return shrunk


def _smaller(batch: Kept, needed: Sequence[Any]) -> Shrunk:
    if not needed:
        return Shrunk(batch.base_offset, -1, -1, None)
    was = MemoryRecords(batch.records).next_batch()
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=was.compression_type,
        is_transactional=False,
        producer_id=was.producer_id,
        producer_epoch=was.producer_epoch,
        base_sequence=was.base_sequence,
        batch_size=2 * len(batch.records) + (16 << 20),
    )
    for record in needed:
        builder.append(
            record.offset - batch.base_offset, record.timestamp, record.key, record.value, record.headers
        )
    built = builder.build()
    struct.pack_into(">q", built, 0, batch.base_offset)
    newest = max(record.timestamp for record in needed)
    return Shrunk(batch.base_offset, needed[-1].offset, newest, bytes(built))


def _dirt(connection: sqlite3.Connection, partition: Partition) -> tuple[int, int]:
    """Where the newest batch begins, and how many bytes before it were never compacted."""
    (newest,) = connection.execute(
        "select coalesce(max(base_offset), 0) from batch where partition_id = ?", (partition.id,)
    ).fetchone()
    (dirty,) = connection.execute(
        "select coalesce(sum(size), 0) from batch where partition_id = ? "
        "and base_offset >= ? and base_offset < ?",
        (partition.id, partition.clean_to, newest),
    ).fetchone()
    return newest, dirty


def _piece(connection: sqlite3.Connection, partition_id: int, start: int, end: int) -> list[Kept]:
    rows = connection.execute(
        "select base_offset, records from batch where partition_id = ? and base_offset >= ? "
        "and base_offset < ? order by base_offset limit ?",
        (partition_id, start, end, _PIECE_BATCHES),
    )
    piece: list[Kept] = []
    size = 0
    for row in rows:
        piece.append(Kept(*row))
        size += len(row[1])
        if size >= _PIECE_BYTES:
            break
    return piece


def _replace(connection: sqlite3.Connection, partition_id: int, shrunk: Sequence[Shrunk]) -> int:
    """Put the smaller batches in place of the whole ones; answers the bytes that are left."""
    for batch in shrunk:
        place = (partition_id, batch.base_offset)
        row = connection.execute(
            "select size from batch where partition_id = ? and base_offset = ?", place
        ).fetchone()
        if row is None:  # retention was faster
            continue
        size = len(batch.records or b"")
        if batch.records is None:
            connection.execute("delete from batch where partition_id = ? and base_offset = ?", place)
        else:
            connection.execute(
                "update batch set last_offset = ?, max_timestamp = ?, size = ?, records = ? "
                "where partition_id = ? and base_offset = ?",
                (batch.last_offset, batch.max_timestamp, size, batch.records, *place),
            )
        connection.execute("update partition set size = size - ? where id = ?", (row[0] - size, partition_id))
    left = connection.execute("select size from partition where id = ?", (partition_id,)).fetchone()
    return int(left[0]) if left else 0


def _note_clean(connection: sqlite3.Connection, partition_id: int, clean_to: int) -> None:
    connection.execute("update partition set clean_to = ? where id = ?", (clean_to, partition_id))
