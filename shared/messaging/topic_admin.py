"""Declares the registered topics before anybody works with them."""

from __future__ import annotations

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from shared.contracts.topics import PARTITIONS, TOPICS, Topic
from shared.errors import Unavailable
from shared.messaging.connection import BrokerAddress

MILLISECONDS_PER_DAY = 86_400_000


def declare_topics(broker: BrokerAddress, *, replication: int = 1, patience: float = 30.0) -> None:
    """Creates what is missing and checks what is there; safe to call from every process at once.

    Raises Unavailable when no broker answers within `patience` seconds, ValueError when a topic
    exists with another number of partitions (order per key would break silently).
    """

    retrying = Retrying(
        retry=retry_if_exception_type((KafkaError, OSError)),
        stop=stop_after_delay(patience),
        wait=wait_fixed(0.3),
        reraise=True,
    )
    try:
        retrying(_declare, broker, replication)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Không kết nối được máy chủ sự kiện tại {broker.bootstrap}.") from error


def _declare(broker: BrokerAddress, replication: int) -> None:
    admin = KafkaAdminClient(**broker.client_settings(), bootstrap_timeout_ms=2_000, request_timeout_ms=5_000)
    try:
        known = set(admin.list_topics())
        missing = {topic.name: _settings(topic, replication) for topic in TOPICS if topic.name not in known}
        if missing:
            admin.create_topics(missing, raise_errors=False)
        _check(admin)
    finally:
        admin.close()


def _settings(topic: Topic, replication: int) -> dict[str, object]:
    retention = -1 if topic.retention_days is None else topic.retention_days * MILLISECONDS_PER_DAY
    return {
        "num_partitions": PARTITIONS,
        "replication_factor": replication,
        "configs": {"retention.ms": str(retention)},
    }


def _check(admin: KafkaAdminClient) -> None:
    found = {
        topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(map(_name, TOPICS)))
    }
    for topic in TOPICS:
        count = found.get(topic.name, 0)
        if count != PARTITIONS:
            raise ValueError(f"topic {topic.name} has {count} partitions, {PARTITIONS} are declared")


def _name(topic: Topic) -> str:
    return topic.name
