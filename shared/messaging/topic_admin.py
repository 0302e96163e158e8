"""Declares the registered topics before anybody works with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from shared.contracts.topics import PARTITIONS, TOPICS, Topic
from shared.errors import Problem, Unavailable
from shared.messaging.connection import BrokerAddress

MILLISECONDS_PER_DAY = 86_400_000
MIN_COPIES = "min.insync.replicas"
COPIES_BEFORE_ACKNOWLEDGED = 2
"""With three copies or more, one alone does not acknowledge: it may be the one that is lost."""

log = structlog.get_logger(__name__)


class TopicsRefused(Problem):
    """The broker has topics that the services cannot work with, or does not let them have theirs."""

    status = 500
    code = "topics.refused"


class _Untold(Exception):
    """The broker tells no settings of this topic: too new to be known everywhere, or no right."""


def declare_topics(
    broker: BrokerAddress,
    *,
    replication: int = 1,
    patience: float = 30.0,
    topics: Iterable[Topic] = TOPICS,
    partitions: int = PARTITIONS,
) -> None:
    """Creates what is missing and checks what is there; safe to call from every process at once.

    From three copies on, two have to be written before an event counts as sent; a topic that asks for fewer
    is told so. Raises Unavailable when no broker answers within `patience` seconds. Raises TopicsRefused when
    the broker refuses, when a topic has fewer copies than `replication`, or another number of partitions: it
    is never repartitioned here, because from then on the events of a key would lie in two partitions and lose
    their order.
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
    except _Untold as error:
        raise TopicsRefused(
            f"Máy chủ sự kiện tại {broker.bootstrap} không cho đọc {MIN_COPIES} của chủ đề {error}: "
            "cần quyền DescribeConfigs và AlterConfigs."
        ) from error
    except (KafkaError, OSError) as error:
        if _may_pass(error):
            raise Unavailable(f"Không kết nối được máy chủ sự kiện tại {broker.bootstrap}.") from error
        raise TopicsRefused(f"Máy chủ sự kiện tại {broker.bootstrap} từ chối: {error}") from error


def _may_pass(error: BaseException) -> bool:
    """Whether waiting can help: the broker is away, starts, or does not know yet what it was just told."""
    return bool(error.retriable) if isinstance(error, KafkaError) else isinstance(error, OSError | _Untold)


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
        _raise_copies(admin, wanted)
    finally:
        admin.close()


def _configuration(topic: Topic, replication: int, partitions: int) -> dict[str, Any]:
    retention = -1 if topic.retention_days is None else topic.retention_days * MILLISECONDS_PER_DAY
    configs = {"retention.ms": str(retention)}
    if replication > COPIES_BEFORE_ACKNOWLEDGED:
        configs[MIN_COPIES] = str(COPIES_BEFORE_ACKNOWLEDGED)
    return {"num_partitions": partitions, "replication_factor": replication, "configs": configs}


def _create(admin: KafkaAdminClient, missing: dict[str, dict[str, Any]]) -> None:
    """Another process may create the same topic meanwhile. Raises KafkaError for any other refusal."""
    for topic in admin.create_topics(missing, raise_errors=False)["topics"]:
        refusal = for_code(topic["error_code"])
        if refusal not in {NoError, TopicAlreadyExistsError}:
            raise refusal(f"{topic['name']}: {topic['error_message'] or refusal.__name__}")


def _check(admin: KafkaAdminClient, wanted: dict[str, dict[str, Any]]) -> None:
    found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(list(wanted))}
    for name, configuration in wanted.items():
        partitions, declared = found.get(name, []), configuration["num_partitions"]
        if not partitions:
            # A topic that was created a moment ago is not known everywhere yet.
            raise UnknownTopicOrPartitionError(name)
        if len(partitions) != declared:
            raise TopicsRefused(
                f"Chủ đề {name} có {len(partitions)} phân vùng, cần {declared}: không được tự chia lại."
            )
        copies = min(len(partition["replica_nodes"]) for partition in partitions)
        if copies < configuration["replication_factor"]:
            raise TopicsRefused(
                f"Chủ đề {name} có {copies} bản sao, cần {configuration['replication_factor']}: "
                "thêm bản sao bằng kafka-reassign-partitions.sh."
            )


def _raise_copies(admin: KafkaAdminClient, wanted: dict[str, dict[str, Any]]) -> None:
    """Brings topics that acknowledge with too few copies written to what is wanted; never lowers it."""
    names = [name for name, configuration in wanted.items() if MIN_COPIES in configuration["configs"]]
    if not names:
        return
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, {MIN_COPIES: None}) for name in names]
    told = admin.describe_configs(asked, config_filter="all")["topic"]
    for name in names:
        if MIN_COPIES not in told.get(name, {}):
            raise _Untold(name)
        copies = int(told[name][MIN_COPIES]["value"])
        if copies < COPIES_BEFORE_ACKNOWLEDGED:
            _raise_copies_of(admin, name, copies)


def _raise_copies_of(admin: KafkaAdminClient, name: str, before: int) -> None:
    wanted = ConfigResource(ConfigResourceType.TOPIC, name, {MIN_COPIES: str(COPIES_BEFORE_ACKNOWLEDGED)})
    answer = admin.alter_configs([wanted], raise_on_unknown=False)["topic"][name]
    if answer != "OK":
        raise TopicsRefused(
            f"Chủ đề {name} có {MIN_COPIES}={before}, cần {COPIES_BEFORE_ACKNOWLEDGED}, "
            f"và máy chủ sự kiện không cho nâng lên: {answer}"
        )
    log.warning("topic.copies_raised", topic=name, before=before, after=COPIES_BEFORE_ACKNOWLEDGED)
