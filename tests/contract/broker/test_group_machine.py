"""The group state machine by itself, with the time in the test's hand."""

from __future__ import annotations

import asyncio

from shared.broker.codes import Code
from shared.broker.groups import Group, GroupState, Joined, Joining


def saying(member_id: str = "", *protocols: str) -> Joining:
    """A join of a consumer."""
    return Joining(
        member_id=member_id,
        instance_id=None,
        client_id="test",
        client_host="127.0.0.1",
        protocol_type="consumer",
        protocols={name: name.encode() for name in protocols or ("range",)},
        session_timeout=10.0,
        rebalance_timeout=30.0,
    )


async def stable_pair(group: Group) -> tuple[Joined, Joined]:
    """Two members that have synced at time 1: the leader first."""
    waiting = [group.join(saying(), 0.0), group.join(saying(), 0.5)]
    group.tick(1.0)
    leader, other = [await each for each in waiting]
    follow = group.sync(other.member_id, None, group.generation, {}, 1.0)
    shares = {leader.member_id: b"left", other.member_id: b"right"}
    lead = group.sync(leader.member_id, None, group.generation, shares, 1.0)
    assert ((await lead).assignment, (await follow).assignment) == (b"left", b"right")
    assert group.state is GroupState.STABLE
    return leader, other


def test_the_first_members_wait_for_each_other() -> None:
    """If this fails, a group of two starts with two rebalances instead of one."""

    async def story() -> None:
        group = Group("g", generation=8)
        leader, other = await stable_pair(group)
        assert leader.generation == other.generation == 9
        assert leader.leader == other.leader == leader.member_id
        assert [member for member, _, _ in leader.members] == [leader.member_id, other.member_id]
        assert other.members == ()

    asyncio.run(story())


def test_a_silent_member_is_lost_and_the_others_are_told() -> None:
    """If this fails, a dead worker keeps its partitions."""

    async def story() -> None:
        group = Group("g")
        leader, other = await stable_pair(group)
        assert group.heartbeat(leader.member_id, None, 1, 10.0) is Code.NONE
        group.tick(11.5)
        assert group.heartbeat(leader.member_id, None, 1, 11.6) is Code.REBALANCE_IN_PROGRESS
        assert group.heartbeat(other.member_id, None, 1, 11.6) is Code.UNKNOWN_MEMBER_ID
        again = await group.join(saying(leader.member_id), 11.7)
        assert (again.code, again.generation, len(again.members)) == (Code.NONE, 2, 1)

    asyncio.run(story())


def test_a_rebalance_goes_on_without_those_who_do_not_answer() -> None:
    """If this fails, one stuck consumer that only sends heartbeats stops the whole group."""

    async def story() -> None:
        group = Group("g")
        leader, stuck = await stable_pair(group)
        again = group.join(saying(leader.member_id), 2.0)
        for second in range(3, 32):
            group.heartbeat(stuck.member_id, None, 1, float(second))
            group.tick(float(second))
            assert not again.done()
        group.tick(32.0)
        assert (await again).generation == 2
        assert stuck.member_id not in group.members

    asyncio.run(story())


def test_a_leader_that_never_assigns_is_replaced() -> None:
    """If this fails, followers wait for ever for an assignment."""

    async def story() -> None:
        group = Group("g")
        waiting = [group.join(saying(), 0.0), group.join(saying(), 0.0)]
        group.tick(1.0)
        leader, other = [await each for each in waiting]
        follow = group.sync(other.member_id, None, 1, {}, 1.0)
        for second in range(2, 31):
            group.heartbeat(leader.member_id, None, 1, float(second))
            group.tick(float(second))
        assert not follow.done()
        group.tick(31.0)
        assert (await follow).code is Code.REBALANCE_IN_PROGRESS
        again = await group.join(saying(other.member_id), 31.5)
        assert (again.leader, again.generation) == (other.member_id, 2)

    asyncio.run(story())


def test_members_without_a_common_protocol_are_refused() -> None:
    """If this fails, one misconfigured consumer breaks the assignment of all."""

    async def story() -> None:
        group = Group("g")
        await stable_pair(group)
        refused = await group.join(saying("", "sticky"), 2.0)
        assert refused.code is Code.INCONSISTENT_GROUP_PROTOCOL
        assert group.state is GroupState.STABLE

    asyncio.run(story())


def test_a_group_has_a_largest_size() -> None:
    """If this fails, a client that joins in a loop fills the memory."""

    async def story() -> None:
        group = Group("g", max_members=2)
        await stable_pair(group)
        assert (await group.join(saying(), 2.0)).code is Code.GROUP_MAX_SIZE_REACHED

    asyncio.run(story())
