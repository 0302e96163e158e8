"""What is asked of a broker so that an acknowledged event outlives the loss of one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka.admin import ConfigResource
from structlog.testing import capture_logs

from shared.contracts.topics import PARTITIONS, TOPICS
from shared.messaging import topic_admin
from shared.messaging.connection import BrokerAddress
from shared.messaging.topic_admin import MIN_COPIES, TopicsRefused, declare_topics

TOPIC = TOPICS[0]
BROKER = BrokerAddress("127.0.0.1:9")


@dataclass
class Cluster:
    """The admin client of a cluster whose topics have `copies`; each setting can be read and altered."""

    copies: int = 3
    topics: dict[str, dict[str, str]] = field(default_factory=dict)
    refusal: str = "OK"
    tells: bool = True

    def list_topics(self) -> list[str]:
        """The names."""
        return list(self.topics)

    def create_topics(self, wanted: Mapping[str, Any], **_: object) -> dict[str, Any]:
        """Makes them with the settings that were asked for."""
        self.topics |= {name: dict(configuration["configs"]) for name, configuration in wanted.items()}
        return {"topics": [{"name": name, "error_code": 0, "error_message": None} for name in wanted]}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        """Partitions and where their copies are."""
        partition = {"replica_nodes": list(range(self.copies))}
        return [{"name": name, "partitions": [partition] * PARTITIONS} for name in names]

    def describe_configs(self, asked: list[ConfigResource], **_: object) -> dict[str, Any]:
        """The settings, or nothing without the right to know them."""
        told: dict[str, Any] = {}
        for name in [resource.name for resource in asked]:
            settings = {MIN_COPIES: "1"} | self.topics[name] if self.tells else {}
            told[name] = {key: {"value": value} for key, value in settings.items()}
        return {"topic": told}

    def alter_configs(self, wanted: list[ConfigResource], **_: object) -> dict[str, Any]:
        """Sets, or refuses."""
        if self.refusal == "OK":
            for resource in wanted:
                self.topics[resource.name] |= resource.configs
        return {"topic": {resource.name: self.refusal for resource in wanted}}

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster in the place of the admin client's."""
    cluster = Cluster()
    monkeypatch.setattr(topic_admin, "_ask", lambda _settings: cluster)
    return cluster


def declare(replication: int) -> None:
    """Declares the one topic, without patience."""
    declare_topics(BROKER, topics=[TOPIC], replication=replication, patience=0)


@pytest.mark.parametrize(("replication", "written"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_two_copies_are_written_before_an_event_counts_as_sent(
    cluster: Cluster, replication: int, written: str | None
) -> None:
    """The outbox would forget what only the lost machine had; of two machines both would have to live."""
    cluster.copies = replication
    declare(replication)
    assert cluster.topics[TOPIC.name].get(MIN_COPIES) == written


def test_an_existing_topic_is_raised_and_that_is_said_once(cluster: Cluster) -> None:
    """Only topics made after the upgrade would be durable, and nobody would know."""
    cluster.topics[TOPIC.name] = {"retention.ms": "7"}
    with capture_logs() as said:
        declare(3)
        declare(3)
    assert cluster.topics[TOPIC.name] == {"retention.ms": "7", MIN_COPIES: "2"}
    assert said == [
        {
            "event": "topic.copies_raised",
            "log_level": "warning",
            "topic": TOPIC.name,
            "before": 1,
            "after": 2,
        }
    ]


def test_a_topic_that_asks_for_more_is_left_alone(cluster: Cluster) -> None:
    """An operator who wants all three copies written would be overruled at every start."""
    cluster.topics[TOPIC.name] = {MIN_COPIES: "3"}
    declare(3)
    assert cluster.topics[TOPIC.name] == {MIN_COPIES: "3"}


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ({"copies": 1}, r"có 1 bản sao, cần 3"),
        ({"refusal": "not authorized"}, r"min\.insync\.replicas=1, cần 2, .*: not authorized"),
        ({"tells": False}, r"không cho đọc min\.insync\.replicas .*AlterConfigs"),
    ],
)
def test_what_cannot_be_made_durable_is_refused(cluster: Cluster, fault: dict[str, Any], line: str) -> None:
    """The services would run for years on a promise that nobody keeps."""
    cluster.topics[TOPIC.name] = {}
    for name, value in fault.items():
        setattr(cluster, name, value)
    with pytest.raises(TopicsRefused, match=line):
        declare(3)
