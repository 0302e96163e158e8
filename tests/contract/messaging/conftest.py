"""A broker (our own, then Apache Kafka), a publishing service and listening processes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from shared.clock import system_clock
from shared.contracts.postal import VisitStarted
from shared.contracts.topics import TOPICS
from shared.ids import new_id
from shared.messaging.connection import BrokerAddress
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.testing.broker_process import BrokerProcess
from shared.testing.kafka import GivenKafka, Kafka

ROOT = Path(__file__).resolve().parents[3]


def eventually(holds: Callable[[], bool], seconds: float = 45.0) -> None:
    """Returns as soon as `holds()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


Broker = BrokerProcess | Kafka
"""What the tests run on: they know no more than an address, and that it can be killed and started."""


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.long)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A broker with all topics declared and empty: one of our own for each test, Apache Kafka for all."""
    if request.param == "embedded":
        with BrokerProcess(tmp_path / "broker") as process:
            declare_topics(BrokerAddress(process.bootstrap))
            yield process
        return
    kafka: Kafka = request.getfixturevalue("kafka")
    renew_topics(kafka.bootstrap)
    yield kafka
    if not kafka.answers():
        kafka.start()


def renew_topics(bootstrap: str) -> None:
    """The names are part of the contract, so that they cannot be new: their content is thrown away."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    known = {topic.name for topic in TOPICS} & set(admin.list_topics())
    if known:
        admin.delete_topics(sorted(known))
        eventually(lambda: not known & set(admin.list_topics()))
    admin.close()
    declare_topics(BrokerAddress(bootstrap))


@pytest.fixture
def mortal_broker(broker: Broker) -> Broker:
    """A broker that may be killed; one that was given by its address is somebody else's."""
    if isinstance(broker, GivenKafka):
        pytest.skip("TANNHA_TEST_KAFKA is not ours to kill")
    return broker


@dataclass
class Publisher:
    """A service that publishes visits through outbox and relay."""

    transactions: Transactions
    relay: Relay

    def publish(self, key: str, number: int) -> None:
        """One more event of a key, committed."""
        with self.transactions.begin() as uow:
            uow.publish(
                VisitStarted(
                    visit_id=key,
                    request_id="r",
                    worker_id=str(number),
                    purpose="pickup",
                    started_at=datetime.now(UTC),
                )
            )
        self.relay.wake()

    def unsent(self) -> int:
        """How many events the broker does not have yet, as far as the outbox knows."""
        database = self.transactions.engine.url.database or ""
        with sqlite3.connect(database) as connection:
            return int(connection.execute("SELECT count(*) FROM outbox WHERE sent_at IS NULL").fetchone()[0])


@pytest.fixture
def publisher(tmp_path: Path, broker: Broker) -> Iterator[Publisher]:
    """A publishing service whose relay runs in this process."""
    engine = open_engine(f"sqlite:///{tmp_path / 'publisher.db'}")
    MessagingTable.metadata.create_all(engine)
    transactions = Transactions(engine, "postal_bridge", system_clock)
    relay = Relay(transactions, BrokerAddress(broker.bootstrap))
    relay.start()
    yield Publisher(transactions, relay)
    relay.stop()
    engine.dispose()


@dataclass
class Listeners:
    """Listening processes that share one database, as the replicas of a worker do."""

    bootstrap: str
    folder: Path
    group: str = field(default_factory=lambda: f"listener-{new_id()}")
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        """One more process of the group."""
        script = Path(__file__).with_name("listener.py")
        with (self.folder / "listener.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, str(script), self.bootstrap, str(self.folder), self.group],
                stdout=output,
                stderr=output,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            )
        self.processes.append(process)
        return process

    def revived(self) -> bool:
        """Starts a new process when none lives, as a supervisor does: a worker may end with its broker."""
        if all(process.poll() is not None for process in self.processes):
            self.start()
        return True

    def effects(self) -> list[tuple[str, int]]:
        """Key and number of every effect, in the order in which they happened."""
        return self._rows("SELECT key, number FROM effect ORDER BY position")

    def at_work(self) -> set[int]:
        """The process ids that had an effect."""
        return {pid for _none, pid in self._rows("SELECT DISTINCT '', pid FROM effect")}

    def freeze(self, process: subprocess.Popen[bytes]) -> None:
        """SIGSTOP, never within a transaction: then the database would stand still, and all with it."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            process.send_signal(signal.SIGSTOP)
            if self._database_is_free():
                return
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)  # else it would never get on with its transaction
        raise AssertionError("it never left its transaction")

    def _database_is_free(self) -> bool:
        with closing(
            sqlite3.connect(self.folder / "listener.db", timeout=1, isolation_level=None)
        ) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def parked(self) -> list[tuple[str, int]]:
        """Key and sequence of what is parked."""
        return self._rows("SELECT key, sequence FROM parked_event")

    def _rows(self, query: str) -> list[tuple[str, int]]:
        try:
            with sqlite3.connect(f"file:{self.folder / 'listener.db'}?mode=ro", uri=True) as connection:
                return [(str(key), int(number)) for key, number in connection.execute(query)]
        except sqlite3.OperationalError:
            return []

    def stop(self) -> None:
        """Ends all of them at once."""
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def listeners(tmp_path: Path, broker: Broker) -> Iterator[Listeners]:
    """Listeners that start on demand."""
    group = Listeners(broker.bootstrap, tmp_path)
    yield group
    group.stop()
    if not group.effects():
        print((tmp_path / "listener.log").read_text()[-3000:])  # noqa: T201
