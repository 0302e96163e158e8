"""A consumer group member made of single requests, to see the broker's exact answers."""

from __future__ import annotations

from kafka.protocol import consumer

from shared.broker.codes import Code
from tests.contract.broker.raw_client import RawClient


class BareMember:
    """One member; every method answers with the error code, if nothing else is said."""

    def __init__(self, client: RawClient, group: str) -> None:
        self.client, self.group, self.id, self.generation = client, group, "", -1

    def join(self, instance: str | None = None) -> int:
        """Joins, with a second try when the broker wants to give out the id first."""
        kind = consumer.JoinGroupRequest
        for _ in range(2):
            request = kind(
                group_id=self.group,
                session_timeout_ms=10_000,
                rebalance_timeout_ms=10_000,
                member_id=self.id,
                group_instance_id=instance,
                protocol_type="consumer",
                protocols=[kind.JoinGroupRequestProtocol(name="range", metadata=b"")],
            )
            answer = self.client.ask(request, 5)
            self.id, self.generation = answer.member_id, answer.generation_id
            if answer.error_code != Code.MEMBER_ID_REQUIRED:
                break
        return int(answer.error_code)

    def sync(self) -> int:
        """Takes up the assignment."""
        kind = consumer.SyncGroupRequest
        mine = kind.SyncGroupRequestAssignment(member_id=self.id, assignment=b"all")
        request = kind(
            group_id=self.group, generation_id=self.generation, member_id=self.id, assignments=[mine]
        )
        return int(self.client.ask(request, 3).error_code)

    def commit(self, topic: str, offset: int) -> int:
        """Commits an offset of partition 0."""
        kind = consumer.OffsetCommitRequest.OffsetCommitRequestTopic
        part = kind.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata=""
        )
        request = consumer.OffsetCommitRequest(
            group_id=self.group,
            generation_id_or_member_epoch=self.generation,
            member_id=self.id,
            topics=[kind(name=topic, partitions=[part])],
        )
        return int(self.client.ask(request, 7).topics[0].partitions[0].error_code)

    def committed(self, topic: str) -> int:
        """What the group has committed in partition 0."""
        kind = consumer.OffsetFetchRequest
        request = kind(
            group_id=self.group, topics=[kind.OffsetFetchRequestTopic(name=topic, partition_indexes=[0])]
        )
        return int(self.client.ask(request, 5).topics[0].partitions[0].committed_offset)

    def heartbeat(self) -> int:
        """A sign of life."""
        request = consumer.HeartbeatRequest(
            group_id=self.group, generation_id=self.generation, member_id=self.id
        )
        return int(self.client.ask(request, 3).error_code)

    def leave(self) -> int:
        """Goes in good order."""
        one = consumer.LeaveGroupRequest.MemberIdentity(member_id=self.id, group_instance_id=None)
        request = consumer.LeaveGroupRequest(group_id=self.group, members=[one])
        return int(self.client.ask(request, 3).members[0].error_code)
