"""From outbox to effect, over real brokers and real processes: nothing lost, nothing doubled, in order.

Each test runs on the embedded broker and on Apache Kafka.

The measured traps of Faust are each one test here: an event whose handler raises, a worker killed in
mid-stream, a worker stopped in mid-stream, a database that goes away.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from kafka import KafkaProducer

from shared.messaging.worker import EXIT_PASSED_OVER
from tests.contract.messaging.conftest import Broker, Listeners, Publisher, eventually

LISTENING = "0A"
"""TCP_LISTEN in /proc/net/tcp."""

KEYS = ("a", "b", "c", "d", "e")


def publish_many(publisher: Publisher, first: int, last: int) -> None:
    """Numbers `first` to `last` for each key."""
    for number in range(first, last + 1):
        for key in KEYS:
            publisher.publish(key, number)


def assert_complete(listeners: Listeners, last: int, keys: tuple[str, ...] = KEYS) -> None:
    """Every key has each number once and in order."""
    for key in keys:
        assert [n for k, n in listeners.effects() if k == key] == list(range(1, last + 1)), key


def test_events_arrive_once_and_in_order(publisher: Publisher, listeners: Listeners) -> None:
    """The plain way from one service to another."""
    listeners.start()
    publish_many(publisher, 1, 20)
    eventually(lambda: len(listeners.effects()) >= 100)
    assert_complete(listeners, 20)
    eventually(lambda: publisher.unsent() == 0)


def test_a_worker_killed_in_mid_stream_loses_and_doubles_nothing(
    publisher: Publisher, listeners: Listeners
) -> None:
    """kill -9 between effect and acknowledgement is the ordinary accident."""
    process = listeners.start()
    for burst in range(3):
        publish_many(publisher, burst * 20 + 1, burst * 20 + 20)
        seen = burst * 100 + 20
        eventually(lambda seen=seen: len(listeners.effects()) >= seen)  # type: ignore[misc]
        process.kill()
        process.wait()
        process = listeners.start()
    eventually(lambda: len(listeners.effects()) >= 300)
    assert_complete(listeners, 60)


def test_a_worker_told_to_stop_finishes_and_its_successor_goes_on(
    publisher: Publisher, listeners: Listeners
) -> None:
    """A deployment under load must not cost an event; stopping takes at most ten seconds."""
    process = listeners.start()
    publish_many(publisher, 1, 30)
    eventually(lambda: len(listeners.effects()) >= 10)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    listeners.start()
    eventually(lambda: len(listeners.effects()) >= 150)
    assert_complete(listeners, 30)


def test_the_broker_killed_and_restarted_loses_and_doubles_nothing(
    publisher: Publisher, listeners: Listeners, mortal_broker: Broker
) -> None:
    """The relay and the workers must find the broker again by themselves."""
    listeners.start()
    publish_many(publisher, 1, 10)
    eventually(lambda: len(listeners.effects()) >= 25)
    mortal_broker.kill()
    publish_many(publisher, 11, 20)
    assert publisher.unsent() > 0
    mortal_broker.start()
    eventually(lambda: publisher.unsent() == 0)
    eventually(lambda: listeners.revived() and len(listeners.effects()) >= 100)
    assert_complete(listeners, 20)


def test_a_record_that_is_never_handed_over_is_not_passed_over(
    publisher: Publisher, listeners: Listeners
) -> None:
    """Faust can drop one while the broker restarts, and would commit the offset behind it."""
    process = listeners.start()
    publish_many(publisher, 1, 5)
    eventually(lambda: len(listeners.effects()) >= 25)
    (listeners.folder / "lose-one").touch()
    publish_many(publisher, 6, 10)
    eventually(lambda: process.poll() is not None)
    assert process.returncode == EXIT_PASSED_OVER
    eventually(lambda: listeners.revived() and len(listeners.effects()) >= 50)
    assert_complete(listeners, 10)


def test_a_record_that_is_never_handed_over_and_has_no_successor_is_missed(
    publisher: Publisher, listeners: Listeners
) -> None:
    """It would lie at the broker until the next one happens to come, in a small office for hours."""
    process = listeners.start()
    publisher.publish("a", 1)
    eventually(lambda: len(listeners.effects()) >= 1)
    (listeners.folder / "lose-one").touch()
    publisher.publish("a", 2)
    eventually(lambda: process.poll() is not None)
    assert process.returncode == EXIT_PASSED_OVER
    eventually(lambda: listeners.revived() and len(listeners.effects()) >= 2)
    assert_complete(listeners, 2, keys=("a",))


def test_an_event_whose_handler_raises_is_parked_and_only_its_key_waits(
    publisher: Publisher, listeners: Listeners
) -> None:
    """By default a Faust agent that raises loses the event and goes on."""
    (listeners.folder / "raise-on").write_text("3")
    listeners.start()
    for number in (1, 2, 3, 4):
        publisher.publish("poisoned", number)
    for number in (1, 2):
        publisher.publish("healthy", number)
    eventually(lambda: len(listeners.effects()) >= 4 and len(listeners.parked()) >= 2)
    assert sorted(listeners.effects()) == [("healthy", 1), ("healthy", 2), ("poisoned", 1), ("poisoned", 2)]
    assert sorted(listeners.parked()) == [("poisoned", 3), ("poisoned", 4)]


def test_rubbish_on_the_topic_harms_nobody(
    publisher: Publisher, listeners: Listeners, broker: Broker
) -> None:
    """Whatever a foreign producer writes, the others flow and the bytes are kept."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for rubbish in (b"\xff\xfe", b"{}", b"null"):
        producer.send("postal.visit.v1", key=b"a", value=rubbish)
    producer.close()
    listeners.start()
    publish_many(publisher, 1, 3)
    eventually(lambda: len(listeners.effects()) >= 15 and len(listeners.parked()) >= 3)
    assert_complete(listeners, 3)


def test_a_database_that_goes_away_crashes_the_worker_and_keeps_the_event(
    publisher: Publisher, listeners: Listeners
) -> None:
    """A worker that acknowledges what it could not store loses it."""
    process = listeners.start()
    publisher.publish("a", 1)
    eventually(lambda: listeners.effects() == [("a", 1)])
    (listeners.folder / "database-away").touch()
    publisher.publish("a", 2)
    assert process.wait(timeout=60) != 0
    (listeners.folder / "database-away").unlink()
    listeners.start()
    eventually(lambda: len(listeners.effects()) >= 2)
    assert listeners.effects() == [("a", 1), ("a", 2)]


def publish_until_both_work(publisher: Publisher, listeners: Listeners) -> int:
    """Publishes number after number until two processes had effects; the last number."""
    published = 0

    def both_work() -> bool:
        nonlocal published
        if len(listeners.effects()) == published * len(KEYS):
            published += 1
            publish_many(publisher, published, published)
        return len(listeners.at_work()) == 2

    eventually(both_work)
    return published


@pytest.mark.slow
def test_two_workers_share_the_work_and_one_takes_over(publisher: Publisher, listeners: Listeners) -> None:
    """A rebalance hands partitions over without losing or repeating an effect."""
    first, second = listeners.start(), listeners.start()
    last = publish_until_both_work(publisher, listeners)
    assert listeners.at_work() == {first.pid, second.pid}
    publish_many(publisher, last + 1, last + 20)
    first.kill()
    first.wait()
    publish_many(publisher, last + 21, last + 30)
    eventually(lambda: len(listeners.effects()) >= (last + 30) * len(KEYS))
    assert_complete(listeners, last + 30)
    assert second.poll() is None


@pytest.mark.slow
def test_a_frozen_worker_that_wakes_up_after_it_was_replaced_harms_nothing(
    publisher: Publisher, listeners: Listeners
) -> None:
    """It still believes that its partitions are its own, and holds events that its successor has applied."""
    sleeper, successor = listeners.start(), listeners.start()
    last = publish_until_both_work(publisher, listeners)
    assert listeners.at_work() == {sleeper.pid, successor.pid}
    publish_many(publisher, last + 1, last + 40)
    listeners.freeze(sleeper)
    publish_many(publisher, last + 41, last + 50)
    # All of it, so the sleeper's session is over and its partitions were taken from it.
    eventually(lambda: len(listeners.effects()) >= (last + 50) * len(KEYS))
    publish_many(publisher, last + 51, last + 60)
    sleeper.send_signal(signal.SIGCONT)
    publish_many(publisher, last + 61, last + 70)
    eventually(lambda: len(listeners.effects()) >= (last + 70) * len(KEYS))
    eventually(lambda: publisher.unsent() == 0)
    assert_complete(listeners, last + 70)
    assert successor.poll() is None


def test_a_worker_opens_no_port(publisher: Publisher, listeners: Listeners) -> None:
    """Faust opens port 6066 on all interfaces unless it is kept from it."""
    process = listeners.start()
    publisher.publish("a", 1)
    eventually(lambda: listeners.effects() == [("a", 1)])
    sockets = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{process.pid}/fd").iterdir()
        if link.is_symlink() and str(link.readlink()).startswith("socket:")
    }
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    assert [row[1] for row in rows if row[3] == LISTENING and row[9] in sockets] == []
