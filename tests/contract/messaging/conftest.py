"""A broker, a publishing service and listening processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import system_clock
from shared.contracts.postal import VisitStarted
from shared.messaging.connection import BrokerAddress
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.testing.broker_process import BrokerProcess

ROOT = Path(__file__).resolve().parents[3]


def eventually(holds: Callable[[], bool], seconds: float = 45.0) -> None:
    """Returns as soon as `holds()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker of its own for each test, with all topics declared."""
    with BrokerProcess(tmp_path / "broker") as process:
        declare_topics(BrokerAddress(process.bootstrap))
        yield process


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
def publisher(tmp_path: Path, broker: BrokerProcess) -> Iterator[Publisher]:
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
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        """One more process of the group."""
        script = Path(__file__).with_name("listener.py")
        with (self.folder / "listener.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, str(script), self.bootstrap, str(self.folder)],
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
def listeners(tmp_path: Path, broker: BrokerProcess) -> Iterator[Listeners]:
    """Listeners that start on demand."""
    group = Listeners(broker.bootstrap, tmp_path)
    yield group
    group.stop()
    if not group.effects():
        print((tmp_path / "listener.log").read_text()[-3000:])  # noqa: T201
