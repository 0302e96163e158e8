"""What the embedded broker refuses knowingly: said at once, in a form clients understand, harming nobody.

Why each of them is refused stands in docs/broker.md, whose table this module holds to the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    NewTopic,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import InvalidConfigurationError, InvalidReplicationFactorError, KafkaError

from tests.contract.broker.behaviours import address, admin, fresh, producing

__all__ = ["address", "admin"]
embedded_only = pytest.mark.parametrize("address", ["embedded"], indirect=True)
PLACE = TopicPartition("t", 0)
EVERYTHING = ResourcePatternFilter(ResourceType.TOPIC, "t", ACLResourcePatternType.LITERAL)
ANY_ACL = ACLFilter("User:x", "*", ACLOperation.READ, ACLPermissionType.ALLOW, EVERYTHING)
ONE_ACL = ACL(
    "User:x", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, "t")
)

REQUESTS: dict[str, Callable[[KafkaAdminClient], object]] = {
    "access rules are told": lambda admin: admin.describe_acls(ANY_ACL),
    "access rules are made": lambda admin: admin.create_acls([ONE_ACL]),
    "passwords of users are kept": lambda admin: admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion("x", ScramMechanism.SCRAM_SHA_256, "secret")]
    ),
    "leaders are elected": lambda admin: admin.elect_leaders(0, {"t": [0]}),
    "partitions move between brokers": lambda admin: admin.alter_partition_reassignments({PLACE: [1]}),
    "partitions move between disks": lambda admin: admin.alter_replica_log_dirs({("t", 0, 1): "/elsewhere"}),
    "the quorum is described": lambda admin: admin.describe_metadata_quorum(),
    "partitions are described in pages": lambda admin: admin.describe_topic_partitions(["t"]),
    "kinds of settings are listed": lambda admin: admin.list_config_resources(),
    "transactions are listed": lambda admin: admin.list_transactions(),
    "producers of a partition are described": lambda admin: admin.describe_producers([PLACE]),
}


@embedded_only
@pytest.mark.parametrize("request_", REQUESTS)
def test_what_is_not_there_is_said(admin: KafkaAdminClient, request_: str) -> None:
    """If this fails, an admin believes that something was done, or waits for it."""
    with pytest.raises(KafkaError):
        REQUESTS[request_](admin)
    admin.list_topics()


@embedded_only
def test_records_appear_together_in_transactions(address: str) -> None:
    """If this fails, somebody believes to have transactions, or waits for them for ever."""
    with (
        producing(address, transactional_id=fresh("tx"), max_block_ms=5000) as producer,
        pytest.raises(KafkaError, match=r"(?i)transaction"),
    ):
        producer.init_transactions()


@embedded_only
def test_topics_have_several_replicas(admin: KafkaAdminClient) -> None:
    """If this fails, somebody believes that a second copy exists."""
    with pytest.raises(InvalidReplicationFactorError):
        admin.create_topics([NewTopic(fresh("topic"), 1, 3)])
    with pytest.raises(InvalidConfigurationError):
        admin.create_topics([NewTopic(fresh("topic"), 1, 1, topic_configs={"min.insync.replicas": "2"})])


@embedded_only
@pytest.mark.parametrize(
    "configs",
    [{"message.timestamp.type": "LogAppendTime"}, {"remote.storage.enable": "true"}, {"retention.mss": "1"}],
    ids=["the broker stamps records", "old records move to cheaper storage", "unknown settings are kept"],
)
def test_settings_that_would_be_ignored(admin: KafkaAdminClient, configs: dict[str, str]) -> None:
    """If this fails, a setting is accepted and silently not followed."""
    with pytest.raises(InvalidConfigurationError):
        admin.create_topics([NewTopic(fresh("topic"), 1, 1, topic_configs=configs)])


@embedded_only
def test_settings_of_the_broker_change_while_it_runs(admin: KafkaAdminClient) -> None:
    """If this fails, an admin believes the broker follows a setting that it does not."""
    resource = ConfigResource(ConfigResourceType.BROKER, "1", {"message.max.bytes": "1"})
    told = admin.alter_configs([resource], raise_on_unknown=False)
    assert told["broker"]["1"] != "OK"


HERE = Path(__file__).parent
ROW = re.compile(r"^\| ([^|]+?) \| (holds|refused) \|", re.MULTILINE)


def behaviours_in(module: str) -> set[str]:
    """The test functions of a module as sentences."""
    source = (HERE / f"test_behaviours_{module}.py").read_text()
    return {name.replace("_", " ") for name in re.findall(r"^def test_(\w+)", source, re.MULTILINE)}


def test_the_table_in_the_docs_names_each_behaviour() -> None:
    """If this fails, docs/broker.md promises a behaviour no test holds, or hides one that is refused."""
    page = (HERE.parents[2] / "docs" / "broker.md").read_text()
    told = {
        outcome: {name for name, said in ROW.findall(page) if said == outcome}
        for outcome in ("holds", "refused")
    }
    assert told["holds"] == behaviours_in("admin") | behaviours_in("producer") | behaviours_in("consumer")
    singles = behaviours_in("refused") - {
        "what is not there is said",
        "settings that would be ignored",
        "the table in the docs names each behaviour",
    }
    ignored = {
        "the broker stamps records",
        "old records move to cheaper storage",
        "unknown settings are kept",
    }
    assert told["refused"] == set(REQUESTS) | singles | ignored
