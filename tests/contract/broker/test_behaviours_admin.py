"""What an admin client does with a broker: the themes of kafka-python's and aiokafka's own suites."""

from __future__ import annotations

import time

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import (
    ConfigResource,
    ConfigResourceType,
    MemberToRemove,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)
from kafka.errors import (
    InvalidPartitionsError,
    KafkaError,
    NoError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from tests.contract.broker.behaviours import (
    QUICK_GROUP,
    MakeTopic,
    address,
    admin,
    assigned,
    consuming,
    first_of,
    fresh,
    new_topic,
    on_each_broker,
    send,
)

__all__ = ["address", "admin", "new_topic"]
pytestmark = on_each_broker


def test_topics_are_created_listed_and_deleted(admin: KafkaAdminClient) -> None:
    """If this fails, topics cannot be declared or cleared away by their admin client."""
    name = fresh("topic")
    admin.create_topics([NewTopic(name, 3, 1)])
    assert name in admin.list_topics()
    with pytest.raises(TopicAlreadyExistsError):
        admin.create_topics([NewTopic(name, 3, 1)])
    admin.delete_topics([name])
    assert name not in admin.list_topics()
    with pytest.raises(UnknownTopicOrPartitionError):
        admin.delete_topics([name])


def test_a_creation_can_be_tried_out(admin: KafkaAdminClient) -> None:
    """If this fails, a dry run makes the topic."""
    name = fresh("topic")
    admin.create_topics([NewTopic(name, 3, 1)], validate_only=True)
    assert name not in admin.list_topics()


def test_partitions_grow_and_never_shrink(admin: KafkaAdminClient, new_topic: MakeTopic) -> None:
    """If this fails, a topic cannot grow with its office, or loses partitions."""
    name = new_topic(2)
    admin.create_partitions({name: NewPartitions(4)})
    (described,) = admin.describe_topics([name])
    assert len(described["partitions"]) == 4
    with pytest.raises(InvalidPartitionsError):
        admin.create_partitions({name: NewPartitions(3)})


def test_settings_are_described_changed_and_reset(admin: KafkaAdminClient, new_topic: MakeTopic) -> None:
    """If this fails, retention cannot be set on a topic in use."""
    name = new_topic(1, retention_ms="1000000")

    def modified() -> dict[str, str]:
        told = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])["topic"][name]
        return {key: entry["value"] for key, entry in told.items() if key.startswith("retention")}

    assert modified() == {"retention.ms": "1000000"}
    change = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.bytes": "1000000"})
    assert admin.alter_configs([change])["topic"][name] == "OK"
    assert modified() == {"retention.ms": "1000000", "retention.bytes": "1000000"}
    reset = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": None})
    admin.reset_configs([reset])
    assert modified() == {"retention.bytes": "1000000"}
    wrong = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.bytes": "plenty"})
    assert admin.alter_configs([wrong])["topic"][name] != "OK"


def test_settings_of_broker_and_topic_are_told_together(
    admin: KafkaAdminClient, new_topic: MakeTopic
) -> None:
    """If this fails, a tool that shows all settings at once shows none."""
    name = new_topic()
    node = str(admin.describe_cluster()["brokers"][0]["broker_id"])
    told = admin.describe_configs(
        [ConfigResource(ConfigResourceType.BROKER, node), ConfigResource(ConfigResourceType.TOPIC, name)],
        config_filter="all",
    )
    assert "message.max.bytes" in told["broker"][node]
    assert "cleanup.policy" in told["topic"][name]


def test_groups_are_listed_and_described_with_their_members(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, nobody sees who reads what."""
    name, group = new_topic(2), fresh("group")
    with consuming(address, name, group_id=group, client_id="desk", **QUICK_GROUP) as consumer:
        assert assigned(consumer) == {0, 1}
        assert group in [each["group_id"] for each in admin.list_groups(states_filter=["Stable"])]
        assert group not in [each["group_id"] for each in admin.list_groups(states_filter=["Empty"])]
        described = admin.describe_groups([group])[group]
    assert described["group_state"] == "Stable"
    (member,) = described["members"]
    assert member["client_id"] == "desk"
    assert name in str(member["member_assignment"])


def test_places_of_a_group_are_told_set_and_reset(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, a consumer cannot be sent back to replay, or forward past a stone."""
    name, group = new_topic(), fresh("group")
    place = first_of(name)
    send(address, name, *[b"%d" % number for number in range(5)])
    altered = admin.alter_group_offsets(group, {place: OffsetAndMetadata(3, "by hand", -1)})
    assert altered[place] is NoError
    assert admin.list_group_offsets([group])[group][place].offset == 3
    for spec, offset in ((OffsetSpec.EARLIEST, 0), (OffsetSpec.LATEST, 5), (99, 5), (2, 2)):
        assert admin.reset_group_offsets(group, {place: spec})[place] == {"error": NoError, "offset": offset}
        assert admin.list_group_offsets({group: [place]})[group][place].offset == offset


def test_places_of_a_working_group_are_not_moved(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, an admin moves a reader that is at work, and it reads twice or not at all."""
    name, group = new_topic(), fresh("group")
    with consuming(address, name, group_id=group, **QUICK_GROUP) as consumer:
        assigned(consumer)
        refused = admin.alter_group_offsets(group, {first_of(name): OffsetAndMetadata(3, "", -1)})
    assert refused[first_of(name)] is not NoError


def test_groups_and_single_places_are_deleted_once_empty(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, groups that are gone stay for ever, or working ones can be deleted."""
    name, group = new_topic(), fresh("group")
    place = first_of(name)
    with consuming(address, name, group_id=group, **QUICK_GROUP) as consumer:
        assigned(consumer)
        consumer.commit({place: OffsetAndMetadata(1, "", -1)})
        assert admin.delete_groups([group])[group] != "OK"
    assert admin.delete_group_offsets(group, [place])[place] is NoError
    assert admin.list_group_offsets([group])[group] == {}
    assert admin.delete_groups([group])[group] == "OK"
    assert admin.delete_groups([group])[group] != "OK"


def test_a_member_is_removed_by_an_admin(admin: KafkaAdminClient, address: str, new_topic: MakeTopic) -> None:
    """If this fails, a stuck static member holds its partitions until its timeout."""
    name, group = new_topic(), fresh("group")
    static = {"group_instance_id": "desk-1", "session_timeout_ms": 30_000}
    with consuming(address, name, group_id=group, **static) as consumer:
        assigned(consumer)
        removed = admin.remove_group_members(group, [MemberToRemove(group_instance_id="desk-1")])
        assert list(removed.values()) == [NoError]
        assert admin.describe_groups([group])[group]["members"] == []


def test_records_are_deleted_up_to_an_offset(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, records that must go stay readable."""
    name = new_topic()
    place = first_of(name)
    send(address, name, *[b"%d" % number for number in range(5)])
    assert admin.delete_records({place: 3})[place]["low_watermark"] == 3
    assert admin.list_partition_offsets({place: OffsetSpec.EARLIEST})[place].offset == 3
    with pytest.raises(OffsetOutOfRangeError):
        admin.delete_records({place: 99})
    with pytest.raises(KafkaError):
        admin.delete_records({TopicPartition(name, 7): 1}, timeout_ms=1000)


def test_offsets_are_told_by_end_and_by_time(
    admin: KafkaAdminClient, address: str, new_topic: MakeTopic
) -> None:
    """If this fails, nobody finds the place where yesterday began."""
    name = new_topic()
    place = first_of(name)
    now = int(time.time() * 1000)
    for number, at in enumerate((now - 3000, now - 1000, now - 2000)):
        send(address, name, b"%d" % number, timestamp_ms=at)

    def offset(spec: OffsetSpec | int) -> int:
        return int(admin.list_partition_offsets({place: spec})[place].offset)

    assert (offset(OffsetSpec.EARLIEST), offset(OffsetSpec.LATEST)) == (0, 3)
    assert offset(OffsetSpec.MAX_TIMESTAMP) == 1
    assert (offset(now - 4000), offset(now - 2500), offset(now - 500)) == (0, 1, -1)


def test_sizes_of_partitions_are_told(admin: KafkaAdminClient, address: str, new_topic: MakeTopic) -> None:
    """If this fails, nobody sees which topic fills the disk."""
    name = new_topic(2)
    send(address, name, b"x" * 5000, partition=1)
    (told,) = admin.describe_log_dirs([name])
    parts = {
        part["partition_index"]: part["partition_size"]
        for directory in told["log_dirs"]
        for topic in directory["topics"]
        if topic["name"] == name
        for part in topic["partitions"]
    }
    assert parts[0] == 0
    assert parts[1] > 5000
