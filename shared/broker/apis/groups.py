"""Consumer groups over the wire: membership and committed offsets."""

from __future__ import annotations

import time
from typing import Any

from kafka.protocol import consumer

from shared.broker.codes import Code
from shared.broker.groups import Group, Joined, Joining
from shared.broker.offsets import MAX_METADATA, Committed, KnownGroup, Offsets
from shared.broker.settings import BrokerSettings
from shared.broker.store import StorageFailure
from shared.broker.topics import Topics
from shared.broker.wire import Call, Protocol


class GroupsApi:
    """Answers about groups. Membership lives in memory, generations and offsets on the disk."""

    def __init__(self, offsets: Offsets, topics: Topics, settings: BrokerSettings) -> None:
        self._offsets = offsets
        self._topics = topics
        self._settings = settings
        self._groups: dict[str, Group] = {}

    @property
    def groups(self) -> dict[str, Group]:
        """All groups by name, as they are now."""
        return self._groups

    def register(self, protocol: Protocol) -> None:
        """Put these answers into the protocol's table."""
        protocol.register(consumer.JoinGroupRequest, (0, 5), self.join)
        protocol.register(consumer.SyncGroupRequest, (0, 3), self.sync)
        protocol.register(consumer.HeartbeatRequest, (0, 3), self.heartbeat)
        protocol.register(consumer.LeaveGroupRequest, (0, 3), self.leave)
        protocol.register(consumer.OffsetCommitRequest, (2, 7), self.commit)
        protocol.register(consumer.OffsetFetchRequest, (1, 5), self.fetch_offsets)

    async def load(self) -> None:
        """Take up the generations the file remembers; members will join anew."""
        for known in await self._offsets.known_groups():
            self._groups[known.name] = self._group_of(known)

    def tick(self, now: float) -> None:
        """Let every group act on what is overdue."""
        for group in self._groups.values():
            group.tick(now)

    def stop(self) -> None:
        """Send everybody who waits away, to come back to the next life of this broker."""
        for group in self._groups.values():
            group.disband(Code.COORDINATOR_NOT_AVAILABLE)

    def _group_of(self, known: KnownGroup) -> Group:
        return Group(
            known.name,
            generation=known.generation,
            protocol_type=known.protocol_type,
            first_delay=self._settings.first_rebalance_delay,
            max_members=self._settings.max_group_members,
        )

    def _group(self, name: str) -> Group:
        """The group of that name; a stranger gets one that is kept only once somebody is in it."""
        return self._groups.get(name) or self._group_of(KnownGroup(name, 0, ""))

    async def join(self, call: Call) -> Any:
        """Into the next generation. The generation is on the disk before anybody hears of it."""
        body = call.body
        joined = Joined(self._refusal_to_join(body), body.member_id)
        if joined.code is Code.NONE:
            group = self._groups.setdefault(body.group_id, self._group(body.group_id))
            joined = await group.join(_joining(call), time.monotonic())
            if joined.code is Code.NONE:
                reached = KnownGroup(group.name, joined.generation, group.protocol_type)
                try:
                    await self._offsets.keep_generation(reached)
                except StorageFailure:
                    joined = Joined(Code.COORDINATOR_NOT_AVAILABLE, joined.member_id)
        kind = consumer.JoinGroupResponse
        return kind(
            version=call.version,
            error_code=joined.code,
            generation_id=joined.generation,
            protocol_name=joined.protocol,
            leader=joined.leader,
            member_id=joined.member_id,
            members=[
                kind.JoinGroupResponseMember(
                    member_id=member_id, group_instance_id=instance, metadata=metadata
                )
                for member_id, instance, metadata in joined.members
            ],
        )

    def _refusal_to_join(self, body: Any) -> Code:
        shortest, longest = self._settings.min_session_timeout, self._settings.max_session_timeout
        if not body.group_id:
            return Code.INVALID_GROUP_ID
        if not shortest <= body.session_timeout_ms / 1000 <= longest:
            return Code.INVALID_SESSION_TIMEOUT
        return Code.NONE

    async def sync(self, call: Call) -> Any:
        """The assignment, once the leader has made it."""
        body = call.body
        synced = await self._group(body.group_id).sync(
            body.member_id,
            body.group_instance_id,
            body.generation_id,
            {each.member_id: bytes(each.assignment) for each in body.assignments},
            time.monotonic(),
        )
        return consumer.SyncGroupResponse(
            version=call.version, error_code=synced.code, assignment=synced.assignment
        )

    async def heartbeat(self, call: Call) -> Any:
        """A sign of life."""
        body = call.body
        code = self._group(body.group_id).heartbeat(
            body.member_id, body.group_instance_id, body.generation_id, time.monotonic()
        )
        return consumer.HeartbeatResponse(version=call.version, error_code=code)

    async def leave(self, call: Call) -> Any:
        """One member, or from version 3 on several, go."""
        group, now = self._group(call.body.group_id), time.monotonic()
        kind = consumer.LeaveGroupResponse
        if call.version < 3:
            return kind(version=call.version, error_code=group.leave(call.body.member_id, None, now))
        members = [
            kind.MemberResponse(
                member_id=each.member_id,
                group_instance_id=each.group_instance_id,
                error_code=group.leave(each.member_id, each.group_instance_id, now),
            )
            for each in call.body.members
        ]
        return kind(version=call.version, error_code=Code.NONE, members=members)

    async def commit(self, call: Call) -> Any:
        """Keep a member's places, if it is still one and of this generation."""
        body = call.body
        places = [
            Committed(
                topic.name,
                part.partition_index,
                part.committed_offset,
                part.committed_leader_epoch,
                (part.committed_metadata or "")[:MAX_METADATA],
            )
            for topic in body.topics
            for part in topic.partitions
            if self._topics.partition(topic.name, part.partition_index) is not None
        ]
        code = self._group(body.group_id).may_commit(
            body.member_id, body.group_instance_id, body.generation_id_or_member_epoch, time.monotonic()
        )
        if code is Code.NONE:
            try:
                await self._offsets.commit(body.group_id, places)
                self._groups.setdefault(body.group_id, self._group(body.group_id))
            except StorageFailure:
                code = Code.COORDINATOR_NOT_AVAILABLE
        kind = consumer.OffsetCommitResponse.OffsetCommitResponseTopic
        return consumer.OffsetCommitResponse(
            version=call.version,
            topics=[
                kind(
                    name=topic.name,
                    partitions=[
                        kind.OffsetCommitResponsePartition(
                            partition_index=part.partition_index,
                            error_code=code
                            if code or self._topics.partition(topic.name, part.partition_index)
                            else Code.UNKNOWN_TOPIC_OR_PARTITION,
                        )
                        for part in topic.partitions
                    ],
                )
                for topic in body.topics
            ],
        )

    async def fetch_offsets(self, call: Call) -> Any:
        """A group's committed places: the asked ones (-1: none), or all."""
        kind = consumer.OffsetFetchResponse
        try:
            places = await self._offsets.of(call.body.group_id)
        except StorageFailure:
            return kind(version=call.version, error_code=Code.COORDINATOR_NOT_AVAILABLE, topics=[])
        wanted: dict[str, list[int]] = {}
        if call.body.topics is None:
            for topic, partition in places:
                wanted.setdefault(topic, []).append(partition)
        else:
            wanted = {topic.name: list(topic.partition_indexes) for topic in call.body.topics}
        return kind(
            version=call.version,
            error_code=Code.NONE,
            topics=[
                kind.OffsetFetchResponseTopic(
                    name=topic,
                    partitions=[
                        _fetched_place(places.get((topic, number)), topic, number) for number in numbers
                    ],
                )
                for topic, numbers in wanted.items()
            ],
        )


def _joining(call: Call) -> Joining:
    body = call.body
    session = body.session_timeout_ms / 1000
    return Joining(
        member_id=body.member_id,
        instance_id=body.group_instance_id,
        client_id=call.client_id,
        client_host=call.peer.host,
        protocol_type=body.protocol_type,
        protocols={protocol.name: bytes(protocol.metadata) for protocol in body.protocols},
        session_timeout=session,
        rebalance_timeout=body.rebalance_timeout_ms / 1000 if call.version >= 1 else session,
        must_know_id=call.version >= 4,
    )


def _fetched_place(place: Committed | None, topic: str, number: int) -> Any:
    place = place or Committed(topic, number, -1, -1, "")
    return consumer.OffsetFetchResponse.OffsetFetchResponseTopic.OffsetFetchResponsePartition(
        partition_index=number,
        committed_offset=place.next_offset,
        committed_leader_epoch=place.leader_epoch,
        metadata=place.metadata,
        error_code=Code.NONE,
    )
