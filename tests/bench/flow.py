"""How many events a second travel durably from outbox to effect, and what that costs beside bare clients."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kafka
from kafka.admin import NewTopic
from sqlalchemy import text

from shared.messaging.connection import BrokerAddress
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.persistence.engine import open_engine
from shared.testing.broker_process import BrokerProcess
from shared.testing.kafka import KafkaProcess
from shared.testing.postgres import PostgresProcess
from tests.bench.actors import TOPIC

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240.0
JOIN_SECONDS = 8.0
"""A worker has joined its group by then; what it had to wait for is not counted."""


@dataclass
class Ground:
    """A broker with fresh topics, and a folder with a fresh database for each actor."""

    bootstrap: str
    database_of: Callable[[Path], str]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, role: str, name: str, events: int, option: str = "", database: str = "") -> Path:
        """Starts an actor; its folder."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        words = [self.bootstrap, str(place), database or self.database_of(place), str(events), option]
        with (place / "log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.actors", role, *filter(None, words)],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        self.running.append(process)
        return place

    def wait_for(self, file: Path) -> str:
        """The content of a file that an actor writes. Raises RuntimeError when an actor died instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not file.exists():
            fallen = any(process.poll() for process in self.running)
            if fallen or time.monotonic() > deadline:
                raise RuntimeError(f"{file} never came: {(file.parent / 'log').read_text()[-800:]}")
            time.sleep(0.02)
        return file.read_text()

    def stop(self) -> None:
        """Ends all actors."""
        for process in self.running:
            process.kill()
            process.wait()
        self.running.clear()


@contextmanager
def _ground(broker: BrokerProcess, database_of: Callable[[Path], str]) -> Iterator[Ground]:
    with broker as running:
        ground = Ground(running.bootstrap, database_of, running.data_dir.parent)
        try:
            yield ground
        finally:
            ground.stop()


@contextmanager
def embedded() -> Iterator[Ground]:
    """The embedded broker and SQLite."""
    with (
        tempfile.TemporaryDirectory(prefix="tannha-bench-") as folder,
        _ground(
            BrokerProcess(Path(folder) / "broker"), lambda place: f"sqlite:///{place / 'bench.db'}"
        ) as ground,
    ):
        declare_topics(BrokerAddress(ground.bootstrap))
        yield ground


@contextmanager
def city() -> Iterator[Ground]:
    """Apache Kafka and PostgreSQL, both waiting for the disk as they do by default."""
    with _with_postgres(KafkaProcess) as ground:
        declare_topics(BrokerAddress(ground.bootstrap))
        yield ground


@contextmanager
def many_partitions() -> Iterator[Ground]:
    """The embedded broker and PostgreSQL, without topics."""
    with _with_postgres(BrokerProcess) as ground:
        yield ground


@contextmanager
def _with_postgres(broker: type[BrokerProcess]) -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="tannha-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "postgres"
        data.mkdir()
        with PostgresProcess(data) as server:
            databases: dict[Path, str] = {}

            def database_of(place: Path) -> str:
                if place not in databases:
                    databases[place] = server.server.new_database()
                return databases[place]

            with _ground(broker(Path(folder) / "broker"), database_of) as ground:
                yield ground


def consumed_per_second(ground: Ground, role: str, events: int, option: str = "") -> float:
    """Consumes what `fill` has sent; events a second between the first and the last durable one."""
    first, last = map(
        float, ground.wait_for(ground.start(role, role + option, events, option) / "done").split()
    )
    ground.stop()
    return events / (last - first)


def filled_per_second(ground: Ground, events: int) -> float:
    """Sends the events by bare kafka-python; acknowledged events a second."""
    first, last = map(float, ground.wait_for(ground.start("fill", "fill", events) / "done").split())
    ground.stop()
    return events / (last - first)


def travelled_per_second(ground: Ground, events: int, together: int, past: int = 0) -> float:
    """From the first publication to the last effect, all parts at work at once; events a second.

    `past`: so many events are in every table before.
    """
    home = ground.folder / f"end-to-end-{together}"
    home.mkdir()
    if past:
        prefill(ground.database_of(home), past)
    place = ground.start("consume", home.name, events + 1)  # one to warm up
    time.sleep(JOIN_SECONDS)
    publisher = ground.folder / f"publisher-{together}"
    publisher.mkdir()
    if past:
        prefill(ground.database_of(publisher), past)
    (publisher / "done").symlink_to(place / "done")
    ground.start("publish", publisher.name, events, str(together))
    _, last = map(float, ground.wait_for(place / "done").split())
    began = float(ground.wait_for(publisher / "published"))
    ground.stop()
    return events / (last - began)


def shared_per_second(ground: Ground, events: int, processes: int, partitions: int) -> float:
    """Several workers of one group on one database, each held up by a slow network; events a second."""
    admin = kafka.KafkaAdminClient(**BrokerAddress(ground.bootstrap).client_settings())
    admin.create_topics([NewTopic(TOPIC, num_partitions=partitions, replication_factor=1)])
    admin.close()
    home = ground.folder / "shared"
    home.mkdir()
    database = ground.database_of(home)
    for number in range(processes):
        ground.start("consume", f"worker-{number}", events, "slow", database)
        time.sleep(2)  # the first makes the tables
    time.sleep(JOIN_SECONDS)
    began = time.time()
    ground.start("fill", "fill", events)
    engine = open_engine(database)
    query = text("SELECT count(*) FROM effect")
    deadline = time.time() + PATIENCE_SECONDS
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.execute(query).scalar_one() < events:
            if time.time() > deadline:
                raise TimeoutError("the workers did not finish")
            time.sleep(0.1)
    took = time.time() - began
    engine.dispose()
    ground.stop()
    return events / took


def prefill(database: str, rows: int) -> None:
    """Gives a service's database a past of so many events sent and heard."""
    engine = open_engine(database)
    MessagingTable.metadata.create_all(engine)
    series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
    name, body = "printf('00%024d', i)", "CAST(printf('%600d', i) AS BLOB)"
    if engine.dialect.name == "postgresql":
        series = "WITH n(i) AS (SELECT generate_series(1, :rows))"
        name, body = "'00' || lpad(i::text, 24, '0')", "lpad(i::text, 600)::bytea"
    then = "'2026-01-01 00:00:00'"
    tables = {
        "inbox (event_id, received_at)": f"{name}, {then}",
        "gate (topic, key, sequence)": f"'{TOPIC}', {name}, 1",
        "stream_head (topic, key, sequence)": f"'{TOPIC}', {name}, 1",
        "outbox (event_id, topic, key, sequence, body, recorded_at, sent_at)": (
            f"{name}, '{TOPIC}', {name}, 1, {body}, {then}, {then}"
        ),
    }
    with engine.begin() as connection:
        for table, values in tables.items():
            connection.execute(text(f"INSERT INTO {table} {series} SELECT {values} FROM n"), {"rows": rows})
    if engine.dialect.name == "sqlite":  # the past lies in the file, not in the log of one huge transaction
        with engine.connect().execution_options(reading=True) as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
