"""What goes from the log: by age, by size, by an admin's word, and with its topic.

Apache Kafka forgets whole segments; here a batch is the segment, so bounds are kept more closely. The
newest batch of a partition never goes by age or size: its place in time stays known. Deleting happens
in pieces, each a transaction of its own, so that senders wait for none of them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial

from shared.broker.store import Store

LAST_OFFSET = (1 << 63) - 1
_PIECE_BATCHES = 500
_PIECE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Batches wholly before `before_ms` may go, and the oldest while more than `max_bytes` are kept."""

    before_ms: int | None
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many batches went, what is left of the partition, and whether that was all."""

    batches: int
    log_start: int
    size: int
    is_done: bool


async def forget_past(store: Store, partition_id: int, bounds: Bounds) -> Forgotten:
    """Delete the oldest batches beyond `bounds`; the log starts after them. Raises StorageFailure."""
    return await _in_pieces(store, partial(_past_bounds, partition_id=partition_id, bounds=bounds))


async def forget_below(store: Store, partition_id: int, offset: int) -> Forgotten:
    """Delete the batches that lie below `offset`; the log starts there. Raises StorageFailure.

    A batch around `offset` stays whole, as in Apache Kafka: readers skip what lies before the start.
    """
    return await _in_pieces(store, partial(_below, partition_id=partition_id, offset=offset))


async def forget_orphans(store: Store) -> int:
    """Delete batches whose partition is gone: the rest of a deletion that a crash cut short."""
    gone = 0
    for partition_id in await store.read(_orphans):
        gone += (await forget_below(store, partition_id, LAST_OFFSET)).batches
    return gone


async def _in_pieces(store: Store, piece: partial[Forgotten]) -> Forgotten:
    batches = 0
    while True:
        forgotten: Forgotten = await store.write(piece)
        batches += forgotten.batches
        if forgotten.is_done:
            return Forgotten(batches, forgotten.log_start, forgotten.size, is_done=True)


def _past_bounds(connection: sqlite3.Connection, partition_id: int, bounds: Bounds) -> Forgotten:
    row = connection.execute("select size from partition where id = ?", (partition_id,)).fetchone()
    size = int(row[0]) if row else 0
    heads = connection.execute(
        "select last_offset, max_timestamp, size from batch where partition_id = ?1 "
        "and base_offset < (select max(base_offset) from batch where partition_id = ?1) "
        "order by base_offset limit ?2",
        (partition_id, _PIECE_BATCHES),
    ).fetchall()
    end, left = 0, size
    for last_offset, max_timestamp, batch_size in heads:
        is_old = bounds.before_ms is not None and max_timestamp < bounds.before_ms
        is_too_much = bounds.max_bytes is not None and left > bounds.max_bytes
        if not is_old and not is_too_much:
            return _delete(connection, partition_id, end, end, is_done=True)
        if size - left >= _PIECE_BYTES:
            return _delete(connection, partition_id, end, end, is_done=False)
        end, left = last_offset + 1, left - batch_size
    return _delete(connection, partition_id, end, end, is_done=len(heads) < _PIECE_BATCHES)


def _below(connection: sqlite3.Connection, partition_id: int, offset: int) -> Forgotten:
    heads = connection.execute(
        "select last_offset, size from batch where partition_id = ? and last_offset < ? "
        "order by base_offset limit ?",
        (partition_id, offset, _PIECE_BATCHES),
    ).fetchall()
    end, size = 0, 0
    for last_offset, batch_size in heads:
        if size >= _PIECE_BYTES:
            return _delete(connection, partition_id, end, end, is_done=False)
        end, size = last_offset + 1, size + batch_size
    is_done = len(heads) < _PIECE_BATCHES
    return _delete(connection, partition_id, end, offset if is_done else end, is_done=is_done)


def _delete(
    connection: sqlite3.Connection, partition_id: int, end: int, start: int, *, is_done: bool
) -> Forgotten:
    """Delete the batches that end below `end` and let the log start at `start`, if that is later."""
    (freed,) = connection.execute(
        "select coalesce(sum(size), 0) from batch where partition_id = ?1 and base_offset < ?2",
        (partition_id, end),
    ).fetchone()
    gone = connection.execute(
        "delete from batch where partition_id = ? and base_offset < ?", (partition_id, end)
    ).rowcount
    connection.execute(
        "update partition set log_start = max(log_start, ?), size = size - ? where id = ?",
        (start, freed, partition_id),
    )
    row = connection.execute("select log_start, size from partition where id = ?", (partition_id,)).fetchone()
    log_start, size = row or (0, 0)
    return Forgotten(gone, log_start, size, is_done)


def _orphans(connection: sqlite3.Connection) -> list[int]:
    """Looks at one batch of each partition only: the index leads from one to the next."""
    orphans, last = [], -1
    query = "select partition_id from batch where partition_id > ? order by partition_id limit 1"
    while (row := connection.execute(query, (last,)).fetchone()) is not None:
        (last,) = row
        if connection.execute("select 1 from partition where id = ?", (last,)).fetchone() is None:
            orphans.append(last)
    return orphans
