"""What a producer does with a broker: the themes of kafka-python's and aiokafka's own suites."""

from __future__ import annotations

import asyncio
import time

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Place
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from tests.contract.broker.behaviours import (
    MakeTopic,
    address,
    admin,
    consuming,
    first_of,
    fresh,
    new_topic,
    on_each_broker,
    producing,
    producing_async,
    values_of,
)

__all__ = ["address", "admin", "new_topic"]
pytestmark = on_each_broker


def read(address: str, topic: str, count: int) -> list[bytes]:
    """The first values of partition 0."""
    with consuming(address) as consumer:
        consumer.assign([first_of(topic)])
        consumer.seek(first_of(topic), 0)
        return values_of(consumer, count)


def test_an_acknowledgement_names_the_place(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a sender cannot note where its record lies."""
    name = new_topic(2)
    with producing(address) as producer:
        before = int(time.time() * 1000)
        first = producer.send(name, b"a", key=b"k", partition=1).get(10)
        second = producer.send(name, b"b", partition=1).get(10)
    assert (first.topic, first.partition, first.offset, second.offset) == (name, 1, 0, 1)
    assert before <= first.timestamp <= before + 60_000


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_kind_of_acknowledgement_is_understood(
    address: str, new_topic: MakeTopic, acks: int | str
) -> None:
    """If this fails, a producer with its own idea of acknowledgements hangs or loses records."""
    name = new_topic()
    with producing(address, acks=acks, enable_idempotence=False) as producer:
        for number in range(10):
            producer.send(name, b"%d" % number)
        producer.flush(20)
    assert read(address, name, 10) == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("in_flight", [1, 5])
def test_an_idempotent_producer_keeps_order_with_several_on_the_way(
    address: str, new_topic: MakeTopic, in_flight: int
) -> None:
    """If this fails, a burst arrives doubled or out of order."""
    name = new_topic()
    settings = {"max_in_flight_requests_per_connection": in_flight, "batch_size": 200}
    with producing(address, enable_idempotence=True, linger_ms=0, **settings) as producer:
        for number in range(300):
            producer.send(name, b"%d" % number)
        producer.flush(20)
    assert read(address, name, 300) == [b"%d" % number for number in range(300)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_records_arrive_as_they_were(address: str, new_topic: MakeTopic, codec: str) -> None:
    """If this fails, one of the codecs cannot be used (librdkafka brings them all)."""
    name = new_topic()
    producer = Producer({"bootstrap.servers": address, "compression.type": codec, "linger.ms": 20})
    for number in range(20):
        producer.produce(name, b"%d" % number * 100)
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": address, "group.id": "none"})
    consumer.assign([Place(name, 0, 0)])
    records = [consumer.poll(10) for _ in range(20)]
    consumer.close()
    assert [record.value() for record in records if record] == [b"%d" % n * 100 for n in range(20)]


def test_headers_keys_and_times_arrive_as_they_were(address: str, new_topic: MakeTopic) -> None:
    """If this fails, trace ids or event times are lost on the way."""
    name = new_topic()
    headers = [("trace", b"\x00\x01"), ("empty", b""), ("trace", b"again")]
    with producing(address) as producer:
        producer.send(name, None, key=b"", headers=headers, timestamp_ms=1_700_000_000_000)
    with consuming(address) as consumer:
        consumer.assign([first_of(name)])
        (record,) = next(iter(consumer.poll(timeout_ms=10_000).values()))
    assert (record.key, record.value, record.timestamp) == (b"", None, 1_700_000_000_000)
    assert [(key, bytes(value)) for key, value in record.headers] == headers


def test_a_record_beyond_the_limit_is_refused(address: str, new_topic: MakeTopic) -> None:
    """If this fails, one record too large blocks all behind it."""
    name = new_topic(1, max_message_bytes="50000")
    with producing(address, enable_idempotence=False) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            producer.send(name, b"x" * 60_000).get(10)
        assert producer.send(name, b"fits").get(10).offset == 0


def test_an_unknown_topic_is_not_made_by_sending(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a slip in a topic name swallows records."""
    with producing(address, max_block_ms=1000) as producer:
        with pytest.raises(KafkaTimeoutError):
            producer.send(fresh("nowhere"), b"lost?").get(5)
        assert producer.send(new_topic(), b"kept").get(10).offset == 0


def test_a_batch_made_by_hand_is_taken(address: str, new_topic: MakeTopic) -> None:
    """If this fails, aiokafka's batches by hand are refused."""
    name = new_topic()

    async def story() -> int:
        async with producing_async(address) as producer:
            batch = producer.create_batch()
            for number in range(5):
                assert batch.append(key=None, value=b"%d" % number, timestamp=None) is not None
            sent = await producer.send_batch(batch, name, partition=0)
            return int((await sent).offset)

    assert asyncio.run(story()) == 0
    assert read(address, name, 5) == [b"%d" % number for number in range(5)]


def test_many_senders_at_once_all_get_their_place(address: str, new_topic: MakeTopic) -> None:
    """If this fails, two senders are told the same offset."""
    name = new_topic()

    async def sent_by_one() -> list[int]:
        async with producing_async(address, enable_idempotence=True) as producer:
            return [int((await producer.send_and_wait(name, b"x", partition=0)).offset) for _ in range(20)]

    async def story() -> list[list[int]]:
        return await asyncio.gather(*[sent_by_one() for _ in range(5)])

    assert sorted(offset for offsets in asyncio.run(story()) for offset in offsets) == list(range(100))
