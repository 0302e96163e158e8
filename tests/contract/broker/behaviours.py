"""What the lists of behaviours share: the broker they are judged on, and clients that close themselves."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from shared.testing.broker_process import BrokerProcess
from shared.testing.kafka import Kafka

on_each_broker = pytest.mark.parametrize(
    "address", ["embedded", pytest.param("kafka", marks=pytest.mark.long)], indirect=True
)
QUICK_GROUP = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 200}

MakeTopic = Callable[..., str]


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """Where the broker under judgement answers."""
    if request.param == "kafka":
        kafka: Kafka = request.getfixturevalue("kafka")
        return kafka.bootstrap
    broker: BrokerProcess = request.getfixturevalue("broker")
    return broker.bootstrap


@pytest.fixture
def admin(address: str) -> Iterator[KafkaAdminClient]:
    """kafka-python's admin client."""
    client = KafkaAdminClient(bootstrap_servers=address)
    yield client
    client.close()


@pytest.fixture
def new_topic(admin: KafkaAdminClient) -> Iterator[MakeTopic]:
    """Creates topics with names of their own, given partitions and settings; deletes them at the end."""
    made: list[str] = []

    def make(partitions: int = 1, **configs: str) -> str:
        name = fresh("topic")
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        made.append(name)
        return name

    yield make
    if made:
        admin.delete_topics(made)


def fresh(kind: str) -> str:
    """A name nobody used before."""
    return f"{kind}-{uuid.uuid4().hex[:10]}"


@contextmanager
def producing(address: str, **settings: Any) -> Iterator[KafkaProducer]:
    """A kafka-python producer."""
    client = KafkaProducer(bootstrap_servers=address, **settings)
    try:
        yield client
    finally:
        client.close(timeout=5)


@contextmanager
def consuming(address: str, *topics: str, **settings: Any) -> Iterator[KafkaConsumer]:
    """A kafka-python consumer that begins at the beginning."""
    given = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **settings}
    client = KafkaConsumer(*topics, bootstrap_servers=address, **given)
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def producing_async(address: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    """An aiokafka producer."""
    client = AIOKafkaProducer(bootstrap_servers=address, **settings)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def consuming_async(address: str, *topics: str, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """An aiokafka consumer that begins at the beginning."""
    given = {"auto_offset_reset": "earliest", "enable_auto_commit": False, **settings}
    client = AIOKafkaConsumer(*topics, bootstrap_servers=address, **given)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


def send(address: str, topic: str, *values: bytes, partition: int = 0, **fields: Any) -> None:
    """Sends values to a partition, in order, and waits until they are acknowledged."""
    with producing(address) as producer:
        for value in values:
            producer.send(topic, value, partition=partition, **fields)
        producer.flush(20)


def values_of(consumer: KafkaConsumer, count: int, polls: int = 60) -> list[bytes]:
    """The next `count` values (or fewer, if they do not come)."""
    got: list[bytes] = []
    while len(got) < count and polls:
        polls -= 1
        for batch in consumer.poll(timeout_ms=500).values():
            got += [record.value for record in batch]
    return got


def assigned(consumer: KafkaConsumer, polls: int = 60) -> set[int]:
    """The partitions a member has, once it has some."""
    while not consumer.assignment() and polls:
        polls -= 1
        consumer.poll(timeout_ms=100)
    return {place.partition for place in consumer.assignment()}


def first_of(topic: str) -> TopicPartition:
    """Partition 0 of a topic."""
    return TopicPartition(topic, 0)
