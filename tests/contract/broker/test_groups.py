"""Consumer groups of real client libraries: shared out, handed over, never twice at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaProducer

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.bare_member import BareMember
from tests.contract.broker.members import MemberProcess
from tests.contract.broker.raw_client import RawClient, eventually

Join = Callable[[str], MemberProcess]


@pytest.fixture
def join(broker: BrokerProcess, make_topic: Callable[[int], str]) -> Iterator[Callable[[str], MemberProcess]]:
    """Starts a member of the test's group on a topic of six partitions."""
    topic = make_topic(6)
    members: list[MemberProcess] = []

    def start(library: str) -> MemberProcess:
        members.append(MemberProcess(library, broker.bootstrap, topic, f"group-of-{topic}"))
        return members[-1]

    yield start
    for member in members:
        member.die()


def share_fairly(*members: MemberProcess) -> bool:
    """Whether the six partitions are shared out evenly, each to exactly one member."""
    shares = [member.partitions for member in members]
    even = all(len(share) == 6 // len(members) for share in shares)
    return even and set.union(*shares) == set(range(6))


@pytest.mark.parametrize("library", ["kafka-python", "aiokafka", "confluent-kafka"])
def test_members_come_die_and_go(library: str, join: Join) -> None:
    """If this fails, partitions stay unread after a member came, was killed, or left."""
    first, second = join(library), join(library)
    eventually(lambda: share_fairly(first, second))
    third = join(library)
    eventually(lambda: share_fairly(first, second, third))
    third.die()
    eventually(lambda: share_fairly(first, second))
    second.leave()
    eventually(lambda: share_fairly(first))


@pytest.mark.parametrize("library", ["kafka-python", "aiokafka"])
def test_a_handed_over_partition_goes_on_where_it_was_left(
    library: str, broker: BrokerProcess, topic: str, join: Join
) -> None:
    """If this fails, committed records are read again, or skipped, when a member leaves."""
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap)

    def send(numbers: range) -> None:
        for number in numbers:
            sender.send(topic, key=b"%d" % number, value=b"%d" % number)
        sender.flush()

    first = join(library)
    send(range(100))
    eventually(lambda: len(first.got) == 100)
    second = join(library)
    eventually(lambda: share_fairly(first, second))
    first.leave()
    eventually(lambda: share_fairly(second))
    send(range(100, 200))
    eventually(lambda: len(second.got) == 100)
    sender.close()
    assert sorted(int(value) for value in first.got) == list(range(100))
    assert sorted(int(value) for value in second.got) == list(range(100, 200))


def test_generations_and_offsets_survive_kill(own_broker: BrokerProcess) -> None:
    """If this fails, a member from before the crash can overwrite what its successor committed."""
    with RawClient(own_broker.port) as client:
        client.create_topic("t")
        before = BareMember(client, "g")
        for _ in range(3):
            assert (before.join(), before.sync()) == (Code.NONE, Code.NONE)
        assert before.commit("t", 41) == Code.NONE
        assert before.generation == 3
    own_broker.restart()
    with RawClient(own_broker.port) as client:
        before.client = client
        assert before.heartbeat() == Code.UNKNOWN_MEMBER_ID
        assert before.commit("t", 7) == Code.UNKNOWN_MEMBER_ID
        after = BareMember(client, "g")
        assert (after.join(), after.sync()) == (Code.NONE, Code.NONE)
        assert after.generation > before.generation
        assert after.committed("t") == 41
        assert after.commit("t", 42) == Code.NONE
        assert after.committed("t") == 42


def test_commits_of_another_generation_or_from_outside_are_refused(raw: RawClient, topic: str) -> None:
    """If this fails, somebody who lost a partition moves its offset."""
    raw.create_topic(topic)
    outsider = BareMember(raw, f"g-{topic}")
    assert outsider.commit(topic, 3) == Code.NONE  # nobody is in the group yet: allowed, as in Kafka
    member = BareMember(raw, f"g-{topic}")
    assert (member.join(), member.sync()) == (Code.NONE, Code.NONE)
    assert outsider.commit(topic, 4) == Code.UNKNOWN_MEMBER_ID
    member.generation -= 1
    assert member.commit(topic, 5) == Code.ILLEGAL_GENERATION
    assert member.committed(topic) == 3


def test_a_static_member_returns_to_its_place_and_fences_its_former_self(raw: RawClient, topic: str) -> None:
    """If this fails, two processes with one instance id both believe to own the partitions."""
    former = BareMember(raw, f"g-{topic}")
    assert (former.join("desk-1"), former.sync()) == (Code.NONE, Code.NONE)
    again = BareMember(raw, f"g-{topic}")
    assert (again.join("desk-1"), again.sync()) == (Code.NONE, Code.NONE)
    assert again.id != former.id
    assert former.join("desk-1") == Code.FENCED_INSTANCE_ID
    assert again.heartbeat() == Code.NONE
