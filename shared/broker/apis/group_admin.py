"""Groups seen and tidied from outside: listed, described, their places and themselves deleted."""

from __future__ import annotations

from typing import Any

from kafka.protocol import admin, consumer

from shared.broker.codes import Code
from shared.broker.groups import Group, GroupState, Member
from shared.broker.offsets import Offsets
from shared.broker.store import StorageFailure
from shared.broker.wire import Call, Protocol


class GroupAdminApi:
    """Answers an admin's questions about groups. `groups` are those of the membership API."""

    def __init__(self, offsets: Offsets, groups: dict[str, Group]) -> None:
        self._offsets = offsets
        self._groups = groups

    def register(self, protocol: Protocol) -> None:
        """Put these answers into the protocol's table."""
        protocol.register(admin.ListGroupsRequest, (0, 4), self.list)
        protocol.register(admin.DescribeGroupsRequest, (0, 4), self.describe)
        protocol.register(admin.DeleteGroupsRequest, (0, 1), self.delete)
        protocol.register(consumer.OffsetDeleteRequest, (0, 0), self.delete_offsets)

    async def list(self, call: Call) -> Any:
        """Every group there is, or those in the asked states."""
        states = set(call.body.states_filter or ())
        kind = admin.ListGroupsResponse
        return kind(
            version=call.version,
            error_code=Code.NONE,
            groups=[
                kind.ListedGroup(
                    group_id=group.name, protocol_type=group.protocol_type, group_state=str(group.state)
                )
                for _, group in sorted(self._groups.items())
                if not states or group.state in states
            ],
        )

    async def describe(self, call: Call) -> Any:
        """Groups with their members; one that is not known is told as Dead, as Kafka does."""
        return admin.DescribeGroupsResponse(
            version=call.version, groups=[_described(self._groups.get(n), n) for n in call.body.groups]
        )

    async def delete(self, call: Call) -> Any:
        """Forget groups that nobody is in."""
        results = []
        for name in call.body.groups_names:
            code = await self._delete(name)
            results.append(admin.DeleteGroupsResponse.DeletableGroupResult(group_id=name, error_code=code))
        return admin.DeleteGroupsResponse(version=call.version, results=results)

    async def _delete(self, name: str) -> Code:
        group = self._groups.get(name)
        if group is None:
            return Code.GROUP_ID_NOT_FOUND
        if not group.is_forgettable:
            return Code.NON_EMPTY_GROUP
        try:
            await self._offsets.forget(name)
        except StorageFailure:
            return Code.COORDINATOR_NOT_AVAILABLE
        if group.is_forgettable:
            self._groups.pop(name, None)
        return Code.NONE

    async def delete_offsets(self, call: Call) -> Any:
        """Forget single places of a group that nobody is in."""
        body = call.body
        places = [(topic.name, part.partition_index) for topic in body.topics for part in topic.partitions]
        group = self._groups.get(body.group_id)
        if group is None:
            code = Code.GROUP_ID_NOT_FOUND
        elif not group.is_forgettable:
            code = Code.NON_EMPTY_GROUP
        else:
            code = Code.NONE
            try:
                await self._offsets.forget_places(body.group_id, places)
            except StorageFailure:
                code = Code.COORDINATOR_NOT_AVAILABLE
        kind = consumer.OffsetDeleteResponse
        part_kind = kind.OffsetDeleteResponseTopic.OffsetDeleteResponsePartition
        return kind(
            version=call.version,
            error_code=code,
            topics=[
                kind.OffsetDeleteResponseTopic(
                    name=topic.name,
                    partitions=[
                        part_kind(partition_index=part.partition_index, error_code=Code.NONE)
                        for part in topic.partitions
                    ],
                )
                for topic in body.topics
                if code is Code.NONE
            ],
        )


def _described(group: Group | None, name: str) -> Any:
    kind = admin.DescribeGroupsResponse.DescribedGroup
    if group is None:
        return kind(
            error_code=Code.NONE,
            group_id=name,
            group_state="Dead",
            protocol_type="",
            protocol_data="",
            members=[],
        )
    is_stable = group.state is GroupState.STABLE
    return kind(
        error_code=Code.NONE,
        group_id=name,
        group_state=str(group.state),
        protocol_type=group.protocol_type,
        protocol_data=group.protocol if is_stable else "",
        members=[_described_member(group, member) for member in group.members.values()],
    )


def _described_member(group: Group, member: Member) -> Any:
    return admin.DescribeGroupsResponse.DescribedGroup.DescribedGroupMember(
        member_id=member.id,
        group_instance_id=member.said.instance_id,
        client_id=member.said.client_id,
        client_host=member.said.client_host,
        member_metadata=member.said.protocols.get(group.protocol, b""),
        member_assignment=member.assignment,
    )
