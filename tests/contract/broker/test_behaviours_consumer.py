"""What a consumer does with a broker: the themes of kafka-python's and aiokafka's own suites."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka.structs import TopicPartition as AioPartition
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewPartitions, NewTopic
from kafka.errors import CommitFailedError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from kafka.structs import OffsetAndMetadata

from tests.contract.broker.behaviours import (
    QUICK_GROUP,
    MakeTopic,
    address,
    admin,
    assigned,
    consuming,
    consuming_async,
    first_of,
    fresh,
    new_topic,
    on_each_broker,
    producing,
    producing_async,
    send,
    values_of,
)

__all__ = ["address", "admin", "new_topic"]
pytestmark = on_each_broker
NUMBERS = [b"%d" % number for number in range(100)]


def test_records_are_read_by_subscription_and_by_assignment(address: str, new_topic: MakeTopic) -> None:
    """If this fails, one of the two ways to read does not work."""
    name = new_topic(2)
    send(address, name, *NUMBERS[:50], partition=0)
    send(address, name, *NUMBERS[50:], partition=1)
    with consuming(address, name, group_id=fresh("group"), **QUICK_GROUP) as subscribed:
        assert Counter(values_of(subscribed, 100)) == Counter(NUMBERS)
    with consuming(address) as assigned_one:
        assigned_one.assign([TopicPartition(name, 1)])
        assert values_of(assigned_one, 50) == NUMBERS[50:]


def test_a_poll_gives_no_more_than_asked(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a slow consumer takes more than it can do within its time."""
    name = new_topic()
    send(address, name, *NUMBERS)
    with consuming(address, max_poll_records=7) as consumer:
        consumer.assign([first_of(name)])
        sizes = [sum(map(len, consumer.poll(timeout_ms=2000).values())) for _ in range(16)]
    assert max(sizes) <= 7
    assert sum(sizes) == 100


def test_a_paused_partition_gives_nothing_until_resumed(address: str, new_topic: MakeTopic) -> None:
    """If this fails, back pressure does not hold."""
    name = new_topic(2)
    places = [TopicPartition(name, number) for number in range(2)]
    for number in range(2):
        send(address, name, b"%d" % number, partition=number)
    with consuming(address) as consumer:
        consumer.assign(places)
        consumer.pause(places[0])
        assert values_of(consumer, 2, polls=3) == [b"1"]
        consumer.resume(places[0])
        assert values_of(consumer, 1) == [b"0"]


def test_seeking_goes_back_forward_and_to_both_ends(address: str, new_topic: MakeTopic) -> None:
    """If this fails, nothing can be replayed or skipped."""
    name = new_topic()
    place = first_of(name)
    send(address, name, *NUMBERS)
    with consuming(address) as consumer:
        consumer.assign([place])
        for start in (90, 5, 99):
            consumer.seek(place, start)
            assert values_of(consumer, 1)[:1] == [b"%d" % start]
        consumer.seek_to_beginning(place)
        assert consumer.position(place) == 0
        consumer.seek_to_end(place)
        assert consumer.position(place) == 100


def test_committed_places_are_where_the_next_one_begins(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a restart reads again or skips."""
    name, group = new_topic(), fresh("group")
    send(address, name, *NUMBERS)
    with consuming(address, name, group_id=group, max_poll_records=10, **QUICK_GROUP) as first:
        assert values_of(first, 40) == NUMBERS[:40]
        first.commit()
    with consuming(address, name, group_id=group, **QUICK_GROUP) as second:
        assert values_of(second, 60) == NUMBERS[40:]
        assert second.committed(first_of(name)) == 40


def test_a_remark_is_kept_with_a_place(address: str, new_topic: MakeTopic) -> None:
    """If this fails, what clients note beside an offset is lost."""
    name, group = new_topic(), fresh("group")
    place = first_of(name)
    with consuming(address, group_id=group) as consumer:
        consumer.assign([place])
        assert consumer.committed(place) is None
        consumer.commit({place: OffsetAndMetadata(7, "đến đây", -1)})
        assert consumer.committed(place, metadata=True).metadata == "đến đây"


def test_a_commit_in_an_unknown_topic_is_refused(address: str, new_topic: MakeTopic) -> None:
    """If this fails, places pile up for topics that are not there."""
    with consuming(address, group_id=fresh("group")) as consumer:
        place = first_of(fresh("nowhere"))
        consumer.assign([first_of(new_topic())])
        with pytest.raises(KafkaError):
            consumer.commit({place: OffsetAndMetadata(7, "", -1)}, timeout_ms=2000)


def test_a_member_that_was_expelled_cannot_commit(address: str, new_topic: MakeTopic) -> None:
    """If this fails, who lost a partition moves its place under the new owner."""
    name, group = new_topic(), fresh("group")
    send(address, name, *NUMBERS)
    settings = {"session_timeout_ms": 6000, "max_poll_interval_ms": 6001, "max_poll_records": 5}
    with consuming(address, name, group_id=group, **settings) as slow:
        assert values_of(slow, 5) == NUMBERS[:5]
        slow._coordinator.maybe_leave_group()
        with consuming(address, name, group_id=group, **QUICK_GROUP) as quick:
            assigned(quick)
            with pytest.raises(CommitFailedError):
                slow.commit({first_of(name): OffsetAndMetadata(99, "", -1)})
            assert quick.committed(first_of(name)) is None


def test_without_a_place_the_client_decides(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a new consumer begins somewhere nobody said."""
    name = new_topic()
    send(address, name, *NUMBERS[:3])
    with consuming(address, auto_offset_reset="none", group_id=fresh("group")) as strict:
        strict.assign([first_of(name)])
        with pytest.raises(NoOffsetForPartitionError):
            values_of(strict, 1, polls=5)
    with consuming(address, auto_offset_reset="latest", group_id=fresh("group")) as late:
        late.assign([first_of(name)])
        assert late.position(first_of(name)) == 3


def test_an_offset_beyond_the_end_is_said(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a consumer with a wrong place waits for ever."""
    name = new_topic()
    send(address, name, *NUMBERS[:3])
    with consuming(address, auto_offset_reset="none") as strict:
        strict.assign([first_of(name)])
        strict.seek(first_of(name), 77)
        with pytest.raises(OffsetOutOfRangeError):
            values_of(strict, 1, polls=10)
    with consuming(address) as lenient:
        lenient.assign([first_of(name)])
        lenient.seek(first_of(name), 77)
        assert values_of(lenient, 3) == NUMBERS[:3]


def test_offsets_are_found_by_time(address: str, new_topic: MakeTopic) -> None:
    """If this fails, nobody can read from a moment on."""
    name = new_topic(2)
    now = int(time.time() * 1000)
    for number in range(2):
        for second in (0, 10, 20):
            send(address, name, b"x", partition=number, timestamp_ms=now + 1000 * second)
    places = [TopicPartition(name, number) for number in range(2)]
    with consuming(address) as consumer:
        consumer.assign(places)
        found = consumer.offsets_for_times(dict.fromkeys(places, now + 5000))
        assert [(found[place].offset, found[place].timestamp) for place in places] == [(1, now + 10_000)] * 2
        late = consumer.offsets_for_times({places[0]: now + 60_000})
        assert late[places[0]] is None
        assert consumer.beginning_offsets(places) == dict.fromkeys(places, 0)
        assert consumer.end_offsets(places) == dict.fromkeys(places, 3)


def test_a_fetch_stays_within_its_bytes_but_never_starves(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a consumer with little memory is flooded, or one large record stops it."""
    name = new_topic()
    for _ in range(5):
        send(address, name, b"x" * 20_000)
    with consuming(address, fetch_max_bytes=1000, max_partition_fetch_bytes=1000) as consumer:
        consumer.assign([first_of(name)])
        assert [len(value) for value in values_of(consumer, 5)] == [20_000] * 5


async def until(holds: Callable[[], bool]) -> None:
    """Returns as soon as `holds()`; fails after half a minute."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - members tell nobody when their assignment changes
            await asyncio.sleep(0.05)


def test_two_members_share_and_take_over(address: str, new_topic: MakeTopic) -> None:
    """If this fails, partitions are read twice or by nobody after a member came and went."""
    name, group = new_topic(4), fresh("group")

    async def story() -> None:
        async with consuming_async(address, name, group_id=group, **QUICK_GROUP) as first:
            async with consuming_async(address, name, group_id=group, **QUICK_GROUP) as second:
                await until(lambda: len(first.assignment()) == len(second.assignment()) == 2)
                assert not first.assignment() & second.assignment()
            await until(lambda: len(first.assignment()) == 4)

    asyncio.run(story())


def test_new_partitions_and_new_topics_of_a_pattern_are_taken_up(
    address: str, admin: KafkaAdminClient, new_topic: MakeTopic
) -> None:
    """If this fails, records in a partition added later are never read."""
    name = new_topic()

    async def story() -> None:
        settings = {"group_id": fresh("group"), "metadata_max_age_ms": 300, **QUICK_GROUP}
        async with consuming_async(address, **settings) as consumer:
            consumer.subscribe(pattern=f"^{name}.*$")
            await until(lambda: len(consumer.assignment()) == 1)
            await asyncio.to_thread(admin.create_partitions, {name: NewPartitions(3)})
            await until(lambda: len(consumer.assignment()) == 3)
            await asyncio.to_thread(admin.create_topics, [NewTopic(f"{name}-more", 2, 1)])
            await until(lambda: len(consumer.assignment()) == 5)

    asyncio.run(story())
    admin.delete_topics([f"{name}-more"])


def test_a_static_member_comes_back_to_its_partitions(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a named worker that restarts is taken for a stranger beside itself."""
    name, group = new_topic(2), fresh("group")
    settings = {"group_id": group, "group_instance_id": "desk-1", "session_timeout_ms": 30_000}
    for _ in range(2):
        with consuming(address, name, **settings) as consumer:
            assert assigned(consumer) == {0, 1}


def test_a_session_beyond_the_bounds_is_refused(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a client that asks for a session of an hour holds its partitions for an hour."""
    name = new_topic()
    settings = {"session_timeout_ms": 3_600_000, "max_poll_interval_ms": 3_700_000}
    with (
        consuming(address, name, group_id=fresh("group"), **settings) as consumer,
        pytest.raises(KafkaError, match=r"(?i)session"),
    ):
        assigned(consumer, polls=10)


def test_a_waiting_fetch_holds_up_no_commit(address: str, new_topic: MakeTopic) -> None:
    """If this fails, commits wait for records that do not come, and members are expelled."""
    name = new_topic()

    async def story() -> float:
        settings = {"group_id": fresh("group"), "fetch_max_wait_ms": 20_000, **QUICK_GROUP}
        async with consuming_async(address, name, **settings) as consumer:
            await consumer.getmany(timeout_ms=300)
            began = time.monotonic()
            await consumer.commit({AioPartition(name, 0): 0})
            return time.monotonic() - began

    assert asyncio.run(story()) < 10


def test_a_topic_that_comes_later_is_read(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a consumer that starts before its topic never reads it."""

    async def story() -> bytes:
        async with consuming_async(address, metadata_max_age_ms=200) as consumer:
            name = await asyncio.to_thread(new_topic)
            consumer.assign([AioPartition(name, 0)])
            async with producing_async(address) as producer:
                await producer.send_and_wait(name, b"late")
            return bytes((await consumer.getone()).value)

    assert asyncio.run(story()) == b"late"


def test_a_compacted_topic_is_read_to_its_end(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a reader of a compacted topic stands still (compaction itself: test_compaction)."""
    name = new_topic(1, cleanup_policy="compact")
    with producing(address) as producer:
        for number in range(30):
            producer.send(name, b"%d" % number, key=b"k%d" % (number % 3))
    with consuming(address) as consumer:
        consumer.assign([first_of(name)])
        last = {}
        while consumer.position(first_of(name)) < 30:
            for batch in consumer.poll(timeout_ms=500).values():
                last.update({record.key: record.value for record in batch})
    assert last == {b"k0": b"27", b"k1": b"28", b"k2": b"29"}


def test_who_reads_committed_records_only_reads_all(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a careful reader sees nothing of what ordinary producers send."""
    name = new_topic()
    send(address, name, *NUMBERS)
    with consuming(address, isolation_level="read_committed") as consumer:
        consumer.assign([first_of(name)])
        assert values_of(consumer, 100) == NUMBERS


def test_internal_topics_are_not_listed(address: str, new_topic: MakeTopic) -> None:
    """If this fails, a reader of everything reads the broker's own notes."""
    name = new_topic()
    with consuming(address, name, group_id=fresh("group"), **QUICK_GROUP) as consumer:
        assigned(consumer)
        consumer.commit({first_of(name): OffsetAndMetadata(0, "", -1)})
        assert name in consumer.topics()
        assert "__consumer_offsets" not in consumer.topics()
