"""Topics as they are declared at every start: made once, never changed silently, refused in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from shared.contracts.topics import PARTITIONS, TOPICS, Topic
from shared.errors import Unavailable
from shared.ids import new_id
from shared.messaging.connection import BrokerAddress
from shared.messaging.topic_admin import MILLISECONDS_PER_DAY, TopicsRefused, declare_topics
from shared.testing.broker_process import free_port
from tests.contract.messaging.conftest import ROOT, Broker, eventually


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    """Looks at the broker as an operator does."""
    client = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    yield client
    client.close()


def fresh_topic() -> Topic:
    """A topic that nobody has declared yet."""
    return Topic(f"test.{new_id().lower()}.v1", "intake", (), TOPICS[0].events, retention_days=7)


def partitions(admin: KafkaAdminClient, name: str) -> int:
    """How many partitions a topic has."""
    return len(admin.describe_topics([name])[0]["partitions"])


def test_topics_are_made_as_they_are_registered(admin: KafkaAdminClient, broker: Broker) -> None:
    """Facts would be forgotten too early, or a service that joins late would find nothing."""
    assert {topic.name for topic in TOPICS} <= set(admin.list_topics())
    for topic in TOPICS:
        assert partitions(admin, topic.name) == PARTITIONS, topic.name
    seven_days = fresh_topic()
    declare_topics(BrokerAddress(broker.bootstrap), topics=[seven_days])
    assert retention(admin, seven_days.name) == str(7 * MILLISECONDS_PER_DAY)
    assert retention(admin, "intake.unit.v1") == "-1"


def retention(admin: KafkaAdminClient, topic: str) -> str:
    """How long a topic keeps its records, in the broker's own words."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    settings = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return str(settings["retention.ms"]["value"])


def test_services_that_start_together_do_not_disturb_each_other(
    admin: KafkaAdminClient, broker: Broker
) -> None:
    """Six processes declare the same topics at the same moment."""
    topic, address = fresh_topic(), BrokerAddress(broker.bootstrap)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: declare_topics(address, topics=[topic]), range(6)))
    assert partitions(admin, topic.name) == PARTITIONS


def test_another_number_of_partitions_is_refused_and_left_alone(
    admin: KafkaAdminClient, broker: Broker
) -> None:
    """After a silent repartition the events of one key overtake each other."""
    topic, address = fresh_topic(), BrokerAddress(broker.bootstrap)
    declare_topics(address, topics=[topic], partitions=3)
    with pytest.raises(TopicsRefused, match=rf"{topic.name} có 3 phân vùng, cần {PARTITIONS}"):
        declare_topics(address, topics=[topic])
    assert partitions(admin, topic.name) == 3


def test_more_copies_than_nodes_are_refused(broker: Broker) -> None:
    """Somebody believes that three machines hold every event, and one does."""
    topic, address = fresh_topic(), BrokerAddress(broker.bootstrap)
    with pytest.raises(TopicsRefused, match=topic.name):
        declare_topics(address, topics=[topic], replication=3, patience=3)


def test_a_service_refuses_to_start_in_one_line(
    admin: KafkaAdminClient, broker: Broker, tmp_path: Path
) -> None:
    """A supervisor's log would show a stack trace, or the service would run without order."""
    name = "intake.notice.v1"
    admin.delete_topics([name])
    eventually(lambda: name not in admin.list_topics())
    declare_topics(
        BrokerAddress(broker.bootstrap),
        topics=[topic for topic in TOPICS if topic.name == name],
        partitions=2,
    )
    settings = {
        "TANNHA_ROUTING_BROKER": broker.bootstrap,
        "TANNHA_ROUTING_DATABASE": f"sqlite:///{tmp_path / 'routing.db'}",
        "TANNHA_ROUTING_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.routing.entrypoints.cli", "worker"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, done.stderr
    assert f"{name} có 2 phân vùng" in said[0]


def test_a_broker_that_is_away_is_said_with_its_address() -> None:
    """An operator would look for the fault in the wrong place."""
    address = BrokerAddress(f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match=address.bootstrap):
        declare_topics(address, patience=0.5)
