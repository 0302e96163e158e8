"""Topics, settings and groups as kafka-python's admin client sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.bare_member import BareMember
from tests.contract.broker.raw_client import RawClient, batch_of


@pytest.fixture
def admin(broker: BrokerProcess) -> Iterator[KafkaAdminClient]:
    """kafka-python's admin client on the shared broker."""
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


def test_topics_are_created_once_described_and_grown(
    admin: KafkaAdminClient, broker: BrokerProcess, topic: str
) -> None:
    """If this fails, declaring topics before a worker starts does not do what it says."""
    admin.create_topics([NewTopic(topic, 3, 1, topic_configs={"retention.ms": "86400000"})])
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(topic, 3, 1)])
    assert topic in admin.list_topics()
    admin.create_partitions({topic: NewPartitions(5)})
    (described,) = admin.describe_topics([topic])
    assert len(described["partitions"]) == 5
    with RawClient(broker.port) as raw:
        assert raw.produce(topic, batch_of(b"new"), partition=4).error_code == Code.NONE
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    settings = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    assert settings["retention.ms"]["value"] == "86400000"
    assert settings["cleanup.policy"]["value"] == "delete"


def test_a_deleted_topic_is_gone_with_its_records(
    admin: KafkaAdminClient, raw: RawClient, topic: str
) -> None:
    """If this fails, a topic made anew shows the records of the old one, or deletion is a lie."""
    raw.create_topic(topic)
    raw.produce(topic, batch_of(b"old"))
    admin.delete_topics([topic])
    assert topic not in admin.list_topics()
    assert raw.produce(topic, batch_of(b"lost?")).error_code == Code.UNKNOWN_TOPIC_OR_PARTITION
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([topic])
    raw.create_topic(topic)
    assert raw.end_offset(topic) == 0


@pytest.mark.parametrize(
    ("name", "partitions", "configs", "code"),
    [
        ("no spaces", 1, {}, Code.INVALID_TOPIC_EXCEPTION),
        ("..", 1, {}, Code.INVALID_TOPIC_EXCEPTION),
        ("x" * 250, 1, {}, Code.INVALID_TOPIC_EXCEPTION),
        ("many", 100_000, {}, Code.INVALID_PARTITIONS),
        ("none", 0, {}, Code.INVALID_PARTITIONS),
        ("odd", 1, {"retention_ms": "a week"}, Code.INVALID_CONFIG),
        ("odd", 1, {"cleanup_policy": "burn"}, Code.INVALID_CONFIG),
    ],
)
def test_impossible_topics_are_refused(
    raw: RawClient, name: str, partitions: int, configs: dict[str, str], code: Code
) -> None:
    """If this fails, a slip in a declaration becomes a broken topic."""
    assert raw.create_topic(name, partitions, **configs) == code


def test_groups_are_listed_described_and_deleted(admin: KafkaAdminClient, raw: RawClient, topic: str) -> None:
    """If this fails, an operator cannot see or clear a group's place."""
    group = f"g-{topic}"
    raw.create_topic(topic)
    member = BareMember(raw, group)
    assert (member.join(), member.sync(), member.commit(topic, 5)) == (0, 0, 0)
    assert group in [each["group_id"] for each in admin.list_groups()]
    described = admin.describe_groups([group])[group]
    assert (described["group_state"], len(described["members"])) == ("Stable", 1)
    assert admin.delete_groups([group])[group] != "OK"
    assert member.leave() == Code.NONE
    assert admin.delete_groups([group])[group] == "OK"
    assert member.committed(topic) == -1


def test_the_cluster_is_one_node(admin: KafkaAdminClient, broker: BrokerProcess) -> None:
    """If this fails, clients are sent to an address where nobody listens."""
    (node,) = admin.describe_cluster()["brokers"]
    assert (node["host"], node["port"]) == ("127.0.0.1", broker.port)
