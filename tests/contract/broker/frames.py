"""Real request frames of every kind this broker answers: what fuzzing starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer

from tests.contract.broker.raw_client import batch_of, fetch_of

TOPIC, GROUP = "fuzzed", "fuzzers"


def frames() -> list[bytes]:
    """One frame (without its length) for each request and each version of it that can be written."""
    return [frame for request in _requests() for frame in _in_all_versions(request)]


def _in_all_versions(request: Any) -> Iterator[bytes]:
    for version in range(request.min_version, request.max_version + 1):
        request.API_VERSION = version
        request.with_header(correlation_id=7, client_id="fuzz")
        try:
            yield bytes(request.encode(header=True, framed=True))[4:]
        except Exception:  # noqa: BLE001, S112 - this version has no such form of the request
            continue


def _requests() -> list[Any]:
    return [*_about_records(), *_about_groups(), *_about_topics()]


def _about_records() -> list[Any]:
    produce, offsets = producer.ProduceRequest, consumer.ListOffsetsRequest
    part = produce.TopicProduceData.PartitionProduceData(index=0, records=batch_of(b"one", b"two"))
    place = offsets.ListOffsetsTopic.ListOffsetsPartition(partition_index=0, timestamp=-1)
    return [
        produce(
            transactional_id=None,
            acks=-1,
            timeout_ms=100,
            topic_data=[produce.TopicProduceData(name=TOPIC, partition_data=[part])],
        ),
        producer.InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000),
        fetch_of(TOPIC),
        offsets(
            replica_id=-1,
            isolation_level=0,
            topics=[offsets.ListOffsetsTopic(name=TOPIC, partitions=[place])],
        ),
        metadata.MetadataRequest(topics=[metadata.MetadataRequest.MetadataRequestTopic(name=TOPIC)]),
        metadata.ApiVersionsRequest(client_software_name="fuzz", client_software_version="1"),
        metadata.FindCoordinatorRequest(key=GROUP, key_type=0),
    ]


def _about_groups() -> list[Any]:
    join, sync = consumer.JoinGroupRequest, consumer.SyncGroupRequest
    commit, fetch, forget = (
        consumer.OffsetCommitRequest,
        consumer.OffsetFetchRequest,
        consumer.OffsetDeleteRequest,
    )
    place = commit.OffsetCommitRequestTopic.OffsetCommitRequestPartition(
        partition_index=0, committed_offset=1, committed_metadata="m"
    )
    gone = forget.OffsetDeleteRequestTopic.OffsetDeleteRequestPartition(partition_index=0)
    return [
        join(
            group_id=GROUP,
            session_timeout_ms=1000,
            rebalance_timeout_ms=1000,
            member_id="",
            group_instance_id=None,
            protocol_type="consumer",
            protocols=[join.JoinGroupRequestProtocol(name="range", metadata=b"m")],
        ),
        sync(
            group_id=GROUP,
            generation_id=1,
            member_id="m",
            assignments=[sync.SyncGroupRequestAssignment(member_id="m", assignment=b"a")],
        ),
        consumer.HeartbeatRequest(group_id=GROUP, generation_id=1, member_id="m"),
        consumer.LeaveGroupRequest(
            group_id=GROUP,
            member_id="m",
            members=[consumer.LeaveGroupRequest.MemberIdentity(member_id="m", group_instance_id=None)],
        ),
        commit(
            group_id=GROUP,
            generation_id_or_member_epoch=-1,
            member_id="",
            topics=[commit.OffsetCommitRequestTopic(name=TOPIC, partitions=[place])],
        ),
        fetch(group_id=GROUP, topics=[fetch.OffsetFetchRequestTopic(name=TOPIC, partition_indexes=[0])]),
        forget(group_id=GROUP, topics=[forget.OffsetDeleteRequestTopic(name=TOPIC, partitions=[gone])]),
        admin.ListGroupsRequest(states_filter=["Stable"]),
        admin.DescribeGroupsRequest(groups=[GROUP]),
        admin.DeleteGroupsRequest(groups_names=[GROUP]),
    ]


def _about_topics() -> list[Any]:
    create, grow, cut = admin.CreateTopicsRequest, admin.CreatePartitionsRequest, admin.DeleteRecordsRequest
    alter, change, tell = (
        admin.AlterConfigsRequest,
        admin.IncrementalAlterConfigsRequest,
        admin.DescribeConfigsRequest,
    )
    config = create.CreatableTopic.CreatableTopicConfig(name="retention.ms", value="1000")
    part = cut.DeleteRecordsTopic.DeleteRecordsPartition(partition_index=0, offset=1)
    named = {"resource_type": 2, "resource_name": TOPIC}
    whole = alter.AlterConfigsResource.AlterableConfig(name="retention.ms", value="1000")
    step = change.AlterConfigsResource.AlterableConfig(
        name="retention.bytes", config_operation=0, value="1000"
    )
    sizes = admin.DescribeLogDirsRequest
    return [
        create(
            topics=[
                create.CreatableTopic(
                    name="made", num_partitions=1, replication_factor=1, assignments=[], configs=[config]
                )
            ],
            timeout_ms=100,
            validate_only=False,
        ),
        admin.DeleteTopicsRequest(topic_names=["made"], timeout_ms=100),
        grow(
            topics=[grow.CreatePartitionsTopic(name=TOPIC, count=2, assignments=None)],
            timeout_ms=100,
            validate_only=True,
        ),
        cut(topics=[cut.DeleteRecordsTopic(name=TOPIC, partitions=[part])], timeout_ms=100),
        tell(resources=[tell.DescribeConfigsResource(**named, configuration_keys=None)]),
        alter(resources=[alter.AlterConfigsResource(**named, configs=[whole])], validate_only=False),
        change(resources=[change.AlterConfigsResource(**named, configs=[step])], validate_only=False),
        sizes(topics=[sizes.DescribableLogDirTopic(topic=TOPIC, partitions=[0])]),
    ]
