"""Compacted topics: the last record of each key stays, where it was, for every kind of reader."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition as AioPartition
from confluent_kafka import Consumer as LibrdkafkaConsumer
from confluent_kafka import TopicPartition as LibrdkafkaPartition
from kafka import KafkaConsumer, TopicPartition

from shared.broker import compaction
from shared.broker.codes import Code
from shared.broker.store import Work
from tests.contract.broker.inside import BrokerInside
from tests.contract.broker.raw_client import RawClient, keyed_batch

GZIP = 1
Records = list[tuple[int, bytes | None, bytes | None]]


def read_with_kafka_python(port: int, start: int, end: int) -> Records:
    """Everything from `start` as (offset, key, value), until a reader has reached `end`."""
    place = TopicPartition("t", 0)
    reader = KafkaConsumer(bootstrap_servers=f"127.0.0.1:{port}")
    reader.assign([place])
    reader.seek(place, start)
    got: Records = []
    while reader.position(place) < end:
        for batch in reader.poll(timeout_ms=500).values():
            got += [(record.offset, record.key, record.value) for record in batch]
    reader.close()
    return got


def read_with_aiokafka(port: int, start: int, end: int) -> Records:
    """The same by aiokafka."""

    async def read() -> Records:
        place = AioPartition("t", 0)
        reader = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{port}")
        await reader.start()
        reader.assign([place])
        reader.seek(place, start)
        got: Records = []
        while await reader.position(place) < end:
            for batch in (await reader.getmany(timeout_ms=500)).values():
                got += [(record.offset, record.key, record.value) for record in batch]
        await reader.stop()
        return got

    return asyncio.run(read())


def read_with_librdkafka(port: int, start: int, end: int) -> Records:
    """The same by confluent-kafka."""
    reader = LibrdkafkaConsumer({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": "none"})
    reader.assign([LibrdkafkaPartition("t", 0, start)])
    got: Records = []
    while not got or got[-1][0] < end - 1:
        record = reader.poll(5)
        assert record is not None
        if record.error() is None:
            got.append((record.offset() or 0, record.key(), record.value()))
    reader.close()
    return got


READERS = {
    "kafka-python": read_with_kafka_python,
    "aiokafka": read_with_aiokafka,
    "librdkafka": read_with_librdkafka,
}


def size_of(broker: BrokerInside) -> int:
    """The bytes that topic t takes."""
    topic = broker.broker.topics.get("t")
    assert topic is not None
    return topic.partitions[0].size


def fill_and_compact(broker: BrokerInside, raw: RawClient, compression: int = 0) -> None:
    """Offsets 0–8: k1 three times, k2 twice, one without a key, one for good measure in the newest batch."""
    raw.create_topic("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0")
    wide = b"w" * 100
    for records in (
        ((b"k1", b"a" + wide), (b"k2", b"b" + wide)),
        ((b"k1", b"c" + wide),),
        ((b"k3", b"d" + wide), (b"k1", b"e" + wide), (b"k2", b"f" + wide)),
    ):
        assert raw.produce("t", keyed_batch(*records, compression=compression)).error_code == Code.NONE
    assert raw.produce("t", keyed_batch((b"k3", b"g"), (b"k4", b"h"))).error_code == Code.NONE
    before = size_of(broker)
    broker.run(broker.broker.tidy())
    assert size_of(broker) < before


@pytest.mark.parametrize("library", READERS)
@pytest.mark.parametrize("compression", [0, GZIP], ids=["plain", "gzip"])
def test_every_reader_gets_the_last_of_each_key_at_its_old_place(
    tmp_path: Path, library: str, compression: int
) -> None:
    """If this fails, a Faust table recovers wrong values, or a client stands still at a gap."""
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        fill_and_compact(broker, raw, compression)
        read: Callable[[int, int, int], Records] = READERS[library]
        got = read(broker.port, 0, 8)
        assert [(offset, key, (value or b"")[:1]) for offset, key, value in got] == [
            (3, b"k3", b"d"),  # overtaken by the newest batch only, which is left out
            (4, b"k1", b"e"),
            (5, b"k2", b"f"),
            (6, b"k3", b"g"),
            (7, b"k4", b"h"),
        ]
        for start in range(1, 8):
            assert read(broker.port, start, 8) == [each for each in got if each[0] >= start]


def test_old_tombstones_go_and_young_ones_stay(tmp_path: Path) -> None:
    """If this fails, a deleted key comes back for readers, or tombstones pile up for ever."""
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0")
        raw.produce("t", keyed_batch((b"old", b"x" * 500), (b"young", b"y" * 500)))
        raw.produce("t", keyed_batch((b"old", None), at=1000))
        raw.produce("t", keyed_batch((b"young", None)))
        raw.produce("t", keyed_batch((b"end", b"")))
        broker.run(broker.broker.tidy())
        assert read_with_kafka_python(broker.port, 0, 5) == [(3, b"young", None), (4, b"end", b"")]


def test_what_cannot_be_opened_is_left_alone(tmp_path: Path) -> None:
    """If this fails, a batch in an unknown codec is lost, or stops compaction and retention for good."""
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0")
        raw.produce("t", keyed_batch((b"k", b"x" * 500)))
        raw.produce("t", with_broken_payload(keyed_batch((b"k", b"z" * 500), compression=GZIP)))
        raw.produce("t", keyed_batch((b"k", b"y" * 500)))
        raw.produce("t", keyed_batch((b"k", b"end")))
        before = size_of(broker)
        broker.run(broker.broker.tidy())
        assert size_of(broker) < before
        assert raw.end_offset("t", timestamp=-2) == 0
        assert raw.end_offset("t") == 4


def with_broken_payload(batch: bytes) -> bytes:
    """The batch with nonsense for its compressed records, under a checksum that fits."""
    from kafka.record.util import calc_crc32c

    broken = batch[:61] + b"\x00" * (len(batch) - 61)
    checksum: int = calc_crc32c(broken[21:])
    return broken[:17] + checksum.to_bytes(4, "big") + broken[21:]


def test_random_histories_fold_to_the_same_table(tmp_path: Path) -> None:
    """If this fails, some order of writes makes compaction lose or revive a value."""
    dice = random.Random(45)
    table: dict[bytes, bytes | None] = {}
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0")
        for number in range(150):
            records = [
                (b"k%d" % dice.randrange(12), dice.choice([None, dice.randbytes(30), dice.randbytes(30)]))
                for _ in range(dice.randrange(1, 5))
            ]
            table.update(records)
            batch = keyed_batch(*records, at=dice.choice([1000, None]), compression=dice.choice([0, GZIP]))
            raw.produce("t", batch)
            if number % 40 == 39:
                broker.run(broker.broker.tidy())
        broker.run(broker.broker.tidy())
        assert size_of(broker) < 3000
        got = read_with_kafka_python(broker.port, 0, raw.end_offset("t"))
    folded = {key: value for _, key, value in got}
    living = {key: value for key, value in table.items() if value is not None}
    assert {key: value for key, value in folded.items() if value is not None} == living


class Crash(Exception):
    """The broker is gone at this point."""


def test_a_crash_between_two_pieces_leaves_a_log_that_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails, a kill -9 during compaction loses a value or brings an old one back."""
    monkeypatch.setattr(compaction, "_PIECE_BATCHES", 1)
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t", cleanup_policy="compact", min_cleanable_dirty_ratio="0")
        for number in range(12):
            value = None if number == 7 else b"%d" % number
            raw.produce("t", keyed_batch((b"k%d" % (number % 3), value), at=1000))
        raw.produce("t", keyed_batch((b"end", b"")))
        expected = {b"k0": b"9", b"k1": b"10", b"k2": b"11", b"end": b""}
        write = broker.broker.store.write
        sizes = [size_of(broker)]
        for crash_at in range(12):
            left = crash_at

            async def dying(work: Work) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Crash
                return await write(work)

            monkeypatch.setattr(broker.broker.store, "write", dying)
            with suppress(Crash):
                broker.run(broker.broker.tidy())
            monkeypatch.setattr(broker.broker.store, "write", write)
            folded = {key: value for _, key, value in read_with_kafka_python(broker.port, 0, 13)}
            assert {key: value for key, value in folded.items() if value is not None} == expected
            sizes.append(size_of(broker))
        assert sizes[-1] < sizes[0]
