"""Declares the registered topics before anybody works with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from shared.contracts.topics import PARTITIONS, TOPICS, Topic
from shared.errors import Problem, Unavailable
from shared.messaging.connection import BrokerAddress

MILLISECONDS_PER_DAY = 86_400_000


class TopicsRefused(Problem):
    """The broker has topics that the services cannot work with, or does not let them have theirs."""

    status = 500
    code = "topics.refused"


def declare_topics(
    broker: BrokerAddress,
    *,
    replication: int = 1,
    patience: float = 30.0,
    topics: Iterable[Topic] = TOPICS,
    partitions: int = PARTITIONS,
) -> None:
    """Creates what is missing and checks what is there; safe to call from every process at once.

    Raises Unavailable when no broker answers within `patience` seconds. Raises TopicsRefused when the broker
    refuses, or when a topic exists with another number of partitions: it is never repartitioned here, because
    from then on the events of a key would lie in two partitions and lose their order.
    """
    retrying = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_delay(patience),
        wait=wait_fixed(0.3),
        reraise=True,
    )
    wanted = {topic.name: _configuration(topic, replication, partitions) for topic in topics}
    # Outside of what is tried again: a certificate that cannot be read does not become readable.
    settings = broker.client_settings()
    try:
        retrying(_declare, settings, wanted)
    except (KafkaError, OSError) as error:
        if _may_pass(error):
            raise Unavailable(f"Không kết nối được máy chủ sự kiện tại {broker.bootstrap}.") from error
        raise TopicsRefused(f"Máy chủ sự kiện tại {broker.bootstrap} từ chối: {error}") from error


def admin_answers(broker: BrokerAddress) -> bool:
    """Whether a broker tells its topics when it is asked: then it can be worked with."""
    settings = broker.client_settings()
    try:
        admin = _ask(settings)
        try:
            admin.list_topics()
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False
    return True


def _may_pass(error: BaseException) -> bool:
    """Whether waiting can help: the broker is away, starts, or does not know yet what it was just told."""
    return bool(error.retriable) if isinstance(error, KafkaError) else isinstance(error, OSError)


def _ask(settings: dict[str, Any]) -> KafkaAdminClient:
    return KafkaAdminClient(**settings, bootstrap_timeout_ms=2_000, request_timeout_ms=5_000)


def _declare(settings: dict[str, Any], wanted: dict[str, dict[str, Any]]) -> None:
    admin = _ask(settings)
    try:
        known = set(admin.list_topics())
        missing = {name: settings for name, settings in wanted.items() if name not in known}
        if missing:
            _create(admin, missing)
        _check(admin, wanted)
    finally:
        admin.close()


def _configuration(topic: Topic, replication: int, partitions: int) -> dict[str, Any]:
    retention = -1 if topic.retention_days is None else topic.retention_days * MILLISECONDS_PER_DAY
    return {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": {"retention.ms": str(retention)},
    }


def _create(admin: KafkaAdminClient, missing: dict[str, dict[str, Any]]) -> None:
    """Another process may create the same topic meanwhile. Raises KafkaError for any other refusal."""
    for topic in admin.create_topics(missing, raise_errors=False)["topics"]:
        refusal = for_code(topic["error_code"])
        if refusal not in {NoError, TopicAlreadyExistsError}:
            raise refusal(f"{topic['name']}: {topic['error_message'] or refusal.__name__}")


def _check(admin: KafkaAdminClient, wanted: dict[str, dict[str, Any]]) -> None:
    found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(wanted))}
    for name, configuration in wanted.items():
        count, declared = found.get(name, 0), configuration["num_partitions"]
        if count == 0:
            # A topic that was created a moment ago is not known everywhere yet.
            raise UnknownTopicOrPartitionError(name)
        if count != declared:
            raise TopicsRefused(
                f"Chủ đề {name} có {count} phân vùng, cần {declared}: không được tự chia lại."
            )
