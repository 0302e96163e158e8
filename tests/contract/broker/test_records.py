"""Records in and out, judged by kafka-python and by bare requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.raw_client import RawClient, batch_of, fetch_of


def read_all(broker: BrokerProcess, topic: str, partitions: int) -> list[tuple[int, bytes | None, bytes]]:
    """Everything in a topic as (partition, key, value), in order within each partition."""
    reader = KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    places = [TopicPartition(topic, number) for number in range(partitions)]
    reader.assign(places)
    reader.seek_to_beginning(*places)
    ends = reader.end_offsets(places)
    records = []
    while any(reader.position(place) < ends[place] for place in places):
        for batch in reader.poll(timeout_ms=200).values():
            records += [(record.partition, record.key, record.value) for record in batch]
    reader.close()
    return records


def test_what_is_sent_is_read_in_order_of_each_key(
    broker: BrokerProcess, make_topic: Callable[[int], str]
) -> None:
    """If this fails, records are lost, doubled or reordered on a quiet day."""
    topic = make_topic(3)
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True, linger_ms=2)
    for number in range(600):
        sender.send(topic, key=b"k%d" % (number % 11), value=b"%d" % number)
    sender.flush()
    sender.close()
    by_key: dict[bytes | None, list[int]] = defaultdict(list)
    for _, key, value in read_all(broker, topic, 3):
        by_key[key].append(int(value))
    assert sum(map(len, by_key.values())) == 600
    assert all(numbers == sorted(set(numbers)) for numbers in by_key.values())


def test_other_producers_are_understood(broker: BrokerProcess, make_topic: Callable[[int], str]) -> None:
    """If this fails, only kafka-python can send."""
    topic = make_topic(1)
    librdkafka = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    librdkafka.produce(topic, b"from librdkafka")
    assert librdkafka.flush(10) == 0

    async def send() -> None:
        sender = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
        await sender.start()
        await sender.send_and_wait(topic, b"from aiokafka")
        await sender.stop()

    asyncio.run(send())
    assert [value for _, _, value in read_all(broker, topic, 1)] == [b"from librdkafka", b"from aiokafka"]


def test_compressed_batches_pass_untouched(broker: BrokerProcess, make_topic: Callable[[int], str]) -> None:
    """If this fails, a producer that compresses cannot use the broker."""
    topic = make_topic(1)
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap, compression_type="gzip", linger_ms=20)
    for number in range(50):
        sender.send(topic, value=b"%d" % number * 50)
    sender.close()
    assert [value for _, _, value in read_all(broker, topic, 1)] == [b"%d" % n * 50 for n in range(50)]


def test_a_batch_larger_than_the_fetch_still_arrives(
    broker: BrokerProcess, make_topic: Callable[[int], str]
) -> None:
    """If this fails, one large record stops a consumer for ever."""
    topic = make_topic(1)
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap)
    sender.send(topic, value=b"x" * 200_000).get(10)
    sender.close()
    reader = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, fetch_max_bytes=1000, max_partition_fetch_bytes=1000
    )
    reader.assign([TopicPartition(topic, 0)])
    reader.seek(TopicPartition(topic, 0), 0)
    (records,) = reader.poll(timeout_ms=5000).values()
    assert [len(record.value) for record in records] == [200_000]
    reader.close()


def test_a_waiting_fetch_is_answered_by_the_next_append(
    broker: BrokerProcess, raw: RawClient, make_topic: Callable[[int], str]
) -> None:
    """If this fails, consumers hear of news only when their patience ends."""
    topic = make_topic(1)
    fetch = fetch_of(topic, max_wait_ms=60_000)
    raw.say(fetch, 11)
    with RawClient(broker.port) as sender:
        sender.produce(topic, batch_of(b"news"))
    answer = raw.hear(fetch, 11)
    assert answer.responses[0].partitions[0].high_watermark == 1


def test_offsets_by_time(raw: RawClient, make_topic: Callable[[int], str]) -> None:
    """If this fails, nobody can replay from a moment on."""
    topic = make_topic(1)
    raw.produce(topic, batch_of(b"at 1 s", b"at 2 s", b"at 3 s"))
    assert raw.end_offset(topic, timestamp=1_500) == 1
    assert raw.end_offset(topic, timestamp=2_000) == 1
    assert raw.end_offset(topic, timestamp=9_000) == -1
    assert (raw.end_offset(topic, timestamp=-2), raw.end_offset(topic, timestamp=-1)) == (0, 3)


def damaged(batch: bytes) -> bytes:
    """The batch with one bit of its last record turned over."""
    return batch[:-2] + bytes([batch[-2] ^ 1]) + batch[-1:]


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (damaged(batch_of(b"value")), Code.CORRUPT_MESSAGE),
        (b"", Code.CORRUPT_MESSAGE),
        (batch_of(b"one")[:-1], Code.INVALID_RECORD),
        (batch_of(b"one") + batch_of(b"two"), Code.INVALID_RECORD),
        (batch_of(b"old")[:16] + b"\x01" + batch_of(b"old")[17:], Code.UNSUPPORTED_FOR_MESSAGE_FORMAT),
        (batch_of(b"x" * 2_200_000), Code.MESSAGE_TOO_LARGE),
    ],
    ids=["damaged", "empty", "cut-short", "two-in-one", "old-format", "too-large"],
)
def test_bad_batches_are_refused_and_not_kept(
    raw: RawClient, make_topic: Callable[[int], str], batch: bytes, code: Code
) -> None:
    """If this fails, damaged bytes are acknowledged and break every consumer later."""
    topic = make_topic(1)
    assert raw.produce(topic, batch).error_code == code
    assert raw.end_offset(topic) == 0


def test_an_unknown_topic_is_refused(raw: RawClient, topic: str) -> None:
    """If this fails, a typo in a topic name swallows records."""
    assert raw.produce(topic, batch_of(b"lost?")).error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
    assert raw.create_topic(topic) == Code.NONE
    assert raw.produce(topic, batch_of(b"lost?"), partition=1).error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
