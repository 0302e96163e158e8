"""Group members of three client libraries behind one face; and as a process that can be killed.

`python -m tests.contract.broker.members LIBRARY BOOTSTRAP TOPIC GROUP` prints `has 0 2` whenever its
partitions change, and `got VALUE` for each record.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SESSION_MS = 3000
HEARTBEAT_MS = 300


class MemberProcess:
    """One group member in its own process, watched through what it prints."""

    def __init__(self, library: str, bootstrap: str, topic: str, group: str) -> None:
        command = [sys.executable, "-m", "tests.contract.broker.members", library, bootstrap, topic, group]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.partitions: set[int] = set()
        self.got: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "has":
                self.partitions = {int(number) for number in rest.split()}
            elif word == "got":
                self.got.append(rest)

    def die(self) -> None:
        """kill -9: the group only notices the silence."""
        self._process.kill()
        self._end()

    def leave(self) -> None:
        """Go in good order."""
        self._process.terminate()
        self._end()

    def _end(self) -> None:
        self._process.wait(20)
        self._listener.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.partitions = set()


def say(word: str, things: Iterable[object]) -> None:
    """One line to whoever watches."""
    sys.stdout.write(" ".join([word, *map(str, things)]) + "\n")
    sys.stdout.flush()


def consume_with_kafka_python(bootstrap: str, topic: str, group: str, stopped: Callable[[], bool]) -> None:
    """A member by kafka-python."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        max_poll_interval_ms=10_000,
        auto_commit_interval_ms=200,
    )
    has: list[int] = []
    while not stopped():
        for records in consumer.poll(timeout_ms=100).values():
            for record in records:
                say("got", [record.value.decode()])
        now = sorted(place.partition for place in consumer.assignment())
        if now != has:
            say("has", has := now)
    consumer.close()


def consume_with_confluent(bootstrap: str, topic: str, group: str, stopped: Callable[[], bool]) -> None:
    """A member by confluent-kafka (librdkafka)."""
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "auto.commit.interval.ms": 200,
        }
    )
    consumer.subscribe([topic])
    has: list[int] = []
    while not stopped():
        record = consumer.poll(0.1)
        if record is not None and record.error() is None:
            say("got", [(record.value() or b"").decode()])
        now = sorted(place.partition for place in consumer.assignment())
        if now != has:
            say("has", has := now)
    consumer.close()


def consume_with_aiokafka(bootstrap: str, topic: str, group: str, stopped: Callable[[], bool]) -> None:
    """A member by aiokafka, the client under Faust."""

    async def consume() -> None:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            auto_commit_interval_ms=200,
        )
        await consumer.start()
        has: list[int] = []
        while not stopped():
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    say("got", [record.value.decode()])
            now = sorted(place.partition for place in consumer.assignment())
            if now != has:
                say("has", has := now)
        await consumer.stop()

    asyncio.run(consume())


LIBRARIES = {
    "kafka-python": consume_with_kafka_python,
    "aiokafka": consume_with_aiokafka,
    "confluent-kafka": consume_with_confluent,
}


def main() -> None:
    """Be a member until SIGTERM."""
    import signal

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    library, bootstrap, topic, group = sys.argv[1:]
    LIBRARIES[library](bootstrap, topic, group, stop.is_set)


if __name__ == "__main__":
    main()
