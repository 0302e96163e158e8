"""Consumer groups: who is in, which generation, who leads, who has fallen silent.

The state machine is Kafka's classic one (https://kafka.apache.org/protocol#The_Messages_JoinGroup):
Empty → PreparingRebalance (members join) → CompletingRebalance (the leader assigns) → Stable, and back
to PreparingRebalance whenever somebody comes, goes or dies. It knows no socket, no disk and no clock:
callers pass the time, `tick` makes it act on what is overdue.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from shared.broker.codes import Code

T = TypeVar("T")


class GroupState(StrEnum):
    """Where a group is between two assignments; the names are Kafka's."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(frozen=True, kw_only=True)
class Joining:
    """What a member says when it joins. Times in seconds; an empty `member_id` asks for one."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    protocol_type: str
    protocols: Mapping[str, bytes]
    session_timeout: float
    rebalance_timeout: float
    must_know_id: bool = False
    """The client understands MEMBER_ID_REQUIRED: it gets an id first and joins with it."""


@dataclass(frozen=True)
class Joined:
    """The answer to a join. `members` (id, instance id, metadata) is for the leader only."""

    code: Code
    member_id: str
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass(frozen=True)
class Synced:
    """The answer to a sync: the member's assignment."""

    code: Code
    assignment: bytes = b""


@dataclass(eq=False)
class Member:
    """One consumer in a group; `join` and `sync` are the answers it is waiting for."""

    id: str
    said: Joining
    last_seen: float
    assignment: bytes = b""
    join: asyncio.Future[Joined] | None = None
    sync: asyncio.Future[Synced] | None = None
    has_synced: bool = False

    @property
    def is_waiting(self) -> bool:
        """Waiting for the others: its silence is the broker's doing, not a sign of death."""
        return self.is_joining or (self.sync is not None and not self.sync.done())

    @property
    def is_joining(self) -> bool:
        """It has asked to be in the next generation."""
        return self.join is not None and not self.join.done()


@dataclass(eq=False)
class Group:
    """One consumer group. `generation` starts from what the disk remembers and only grows."""

    name: str
    generation: int = 0
    protocol_type: str = ""
    first_delay: float = 0.2
    max_members: int = 200
    state: GroupState = GroupState.EMPTY
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    promised: dict[str, float] = field(default_factory=dict)
    """Ids given out with MEMBER_ID_REQUIRED and until when they may be used."""
    settled_at: float = 0.0
    """Not before this the first generation of an empty group begins."""
    deadline: float = 0.0
    """When a rebalance goes on without those that did not answer."""

    def join(self, said: Joining, now: float) -> asyncio.Future[Joined]:
        """Take a member in; the answer comes when the generation begins, or at once with a refusal."""
        code, member_id = self._admit(said, now)
        if code is not Code.NONE:
            return _answered(Joined(code, member_id))
        member = self.members.get(member_id)
        is_new = member is None or member.said.protocols != said.protocols
        if member is None:
            member = self.members[member_id] = Member(member_id, said, now)
        member.said, member.last_seen = said, now
        if member.is_joining:
            _answer(member.join, Joined(Code.REBALANCE_IN_PROGRESS, member_id))
        unchanged = self.state is GroupState.COMPLETING or (
            self.state is GroupState.STABLE and member_id != self.leader
        )
        if unchanged and not is_new:
            return _answered(self._joined(member))
        member.join = asyncio.get_running_loop().create_future()
        answer = member.join
        self._prepare(now)
        self._complete_if_all_joined(now)
        return answer

    def _admit(self, said: Joining, now: float) -> tuple[Code, str]:
        """Whether the member may join, and the id it gets."""
        others = [member for member in self.members.values() if member.id != said.member_id]
        if not said.protocols or not said.protocol_type:
            return Code.INCONSISTENT_GROUP_PROTOCOL, said.member_id
        if others and (
            said.protocol_type != self.protocol_type or not _common([*(m.said for m in others), said])
        ):
            return Code.INCONSISTENT_GROUP_PROTOCOL, said.member_id
        veteran = self._by_instance(said.instance_id)
        code, member_id = Code.NONE, said.member_id
        if not member_id:
            code, member_id = self._new_id(said, veteran, now)
        elif veteran is not None and veteran.id != member_id:
            code = Code.FENCED_INSTANCE_ID
        elif member_id not in self.members and self.promised.pop(member_id, None) is None:
            code = Code.UNKNOWN_MEMBER_ID
        elif member_id not in self.members and len(self.members) >= self.max_members:
            code = Code.GROUP_MAX_SIZE_REACHED
        if code is Code.NONE:
            self.protocol_type = said.protocol_type
        return code, member_id

    def _new_id(self, said: Joining, veteran: Member | None, now: float) -> tuple[Code, str]:
        member_id = f"{said.instance_id or said.client_id or 'member'}-{uuid.uuid4()}"
        if veteran is not None:
            self._remove(veteran, Code.FENCED_INSTANCE_ID)
            return Code.NONE, member_id
        if len(self.members) + len(self.promised) >= self.max_members:
            return Code.GROUP_MAX_SIZE_REACHED, ""
        if said.must_know_id and said.instance_id is None:
            self.promised[member_id] = now + said.session_timeout
            return Code.MEMBER_ID_REQUIRED, member_id
        return Code.NONE, member_id

    def sync(
        self,
        member_id: str,
        instance_id: str | None,
        generation: int,
        assignments: Mapping[str, bytes],
        now: float,
    ) -> asyncio.Future[Synced]:
        """The member's assignment; the leader brings everybody's."""
        code = self._check(member_id, instance_id, generation)
        if code is not Code.NONE:
            return _answered(Synced(code))
        member = self.members[member_id]
        member.last_seen = now
        if self.state is GroupState.PREPARING:
            return _answered(Synced(Code.REBALANCE_IN_PROGRESS))
        member.has_synced = True
        if self.state is GroupState.STABLE:
            return _answered(Synced(Code.NONE, member.assignment))
        if member.sync is not None:
            _answer(member.sync, Synced(Code.REBALANCE_IN_PROGRESS))
        answer = member.sync = asyncio.get_running_loop().create_future()
        if member_id == self.leader:
            self.state = GroupState.STABLE
            for each in self.members.values():
                each.assignment = assignments.get(each.id, b"")
                each.last_seen = now
                _answer(each.sync, Synced(Code.NONE, each.assignment))
        return answer

    def heartbeat(self, member_id: str, instance_id: str | None, generation: int, now: float) -> Code:
        """A sign of life; the answer tells the member whether to join again."""
        code = self._check(member_id, instance_id, generation)
        if code is not Code.NONE:
            return code
        self.members[member_id].last_seen = now
        return Code.REBALANCE_IN_PROGRESS if self.state is GroupState.PREPARING else Code.NONE

    def leave(self, member_id: str, instance_id: str | None, now: float) -> Code:
        """A member goes of its own will; a static member may be named by its instance id alone."""
        veteran = self._by_instance(instance_id)
        if veteran is not None and member_id in ("", veteran.id):
            member_id = veteran.id
        elif veteran is not None:
            return Code.FENCED_INSTANCE_ID
        self.promised.pop(member_id, None)
        member = self.members.get(member_id)
        if member is None:
            return Code.UNKNOWN_MEMBER_ID
        self._lose(member, now)
        return Code.NONE

    def may_commit(self, member_id: str, instance_id: str | None, generation: int, now: float) -> Code:
        """Whether a commit is from a member of this generation, or from outside of an empty group."""
        if generation < 0 and not self.members:
            return Code.NONE
        code = self._check(member_id, instance_id, generation)
        if code is Code.NONE:
            self.members[member_id].last_seen = now
        return code

    def tick(self, now: float) -> None:
        """Act on what is overdue: the dead, those that did not rejoin, a leader that did not assign."""
        self.promised = {key: until for key, until in self.promised.items() if until > now}
        for member in list(self.members.values()):
            if not member.is_waiting and now - member.last_seen > member.said.session_timeout:
                self._lose(member, now)
        if self.state is GroupState.PREPARING:
            if now >= self.deadline:
                self._complete(now)
            else:
                self._complete_if_all_joined(now)
        elif self.state is GroupState.COMPLETING and now >= self.deadline:
            for member in [member for member in self.members.values() if not member.has_synced]:
                self._lose(member, now)

    def disband(self, code: Code) -> None:
        """Let all members go; those who wait are answered with `code`."""
        for member in list(self.members.values()):
            self._remove(member, code)
        self.state, self.leader = GroupState.EMPTY, ""

    @property
    def is_forgettable(self) -> bool:
        """Nothing is kept in memory that the disk would not bring back."""
        return not self.members and not self.promised

    def _check(self, member_id: str, instance_id: str | None, generation: int) -> Code:
        veteran = self._by_instance(instance_id)
        if veteran is not None and veteran.id != member_id:
            return Code.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return Code.UNKNOWN_MEMBER_ID
        return Code.NONE if generation == self.generation else Code.ILLEGAL_GENERATION

    def _by_instance(self, instance_id: str | None) -> Member | None:
        if instance_id is None:
            return None
        return next((m for m in self.members.values() if m.said.instance_id == instance_id), None)

    def _lose(self, member: Member, now: float) -> None:
        self._remove(member, Code.UNKNOWN_MEMBER_ID)
        if not self.members:
            self.state, self.leader = GroupState.EMPTY, ""
        else:
            self._prepare(now)
            self._complete_if_all_joined(now)

    def _remove(self, member: Member, code: Code) -> None:
        del self.members[member.id]
        _answer(member.join, Joined(code, member.id))
        _answer(member.sync, Synced(code))

    def _prepare(self, now: float) -> None:
        if self.state is GroupState.PREPARING:
            return
        self.settled_at = now + (self.first_delay if self.state is GroupState.EMPTY else 0.0)
        self.state = GroupState.PREPARING
        self.deadline = now + self._rebalance_timeout()
        for member in self.members.values():
            _answer(member.sync, Synced(Code.REBALANCE_IN_PROGRESS))

    def _rebalance_timeout(self) -> float:
        return max(member.said.rebalance_timeout for member in self.members.values())

    def _complete_if_all_joined(self, now: float) -> None:
        if (
            self.state is GroupState.PREPARING
            and now >= self.settled_at
            and all(member.is_joining for member in self.members.values())
        ):
            self._complete(now)

    def _complete(self, now: float) -> None:
        for member in [member for member in self.members.values() if not member.is_joining]:
            self._remove(member, Code.UNKNOWN_MEMBER_ID)
        if not self.members:
            self.state, self.leader = GroupState.EMPTY, ""
            return
        self.generation += 1
        self.state = GroupState.COMPLETING
        self.deadline = now + self._rebalance_timeout()
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        common = _common([member.said for member in self.members.values()])
        self.protocol = next(name for name in self.members[self.leader].said.protocols if name in common)
        for member in self.members.values():
            member.last_seen, member.has_synced, member.assignment = now, False, b""
            _answer(member.join, self._joined(member))

    def _joined(self, member: Member) -> Joined:
        everybody: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.id == self.leader:
            everybody = tuple(
                (each.id, each.said.instance_id, each.said.protocols[self.protocol])
                for each in self.members.values()
            )
        return Joined(Code.NONE, member.id, self.generation, self.protocol, self.leader, everybody)


def _common(sayings: list[Joining]) -> set[str]:
    return set.intersection(*(set(said.protocols) for said in sayings))


def _answered(value: T) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def _answer(future: asyncio.Future[T] | None, value: T) -> None:
    if future is not None and not future.done():
        future.set_result(value)
