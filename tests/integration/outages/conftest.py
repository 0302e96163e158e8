"""One broker, one service on SQLite and one on PostgreSQL, which live through all outages of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.testing.broker_process import BrokerProcess
from shared.testing.postgres import PostgresProcess
from tests.integration.outages.running import Notes


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """The embedded broker."""
    with BrokerProcess(tmp_path_factory.mktemp("broker") / "data") as process:
        yield process


@pytest.fixture(scope="module")
def database_server() -> Iterator[PostgresProcess]:
    """A PostgreSQL that may be stopped, unlike the one that all tests share."""
    with (
        tempfile.TemporaryDirectory(prefix="tannha-postgres-", ignore_cleanup_errors=True) as folder,
        PostgresProcess(Path(folder), "fsync=off") as process,
    ):
        yield process


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory, broker: BrokerProcess) -> Iterator[Notes]:
    """The service on a file."""
    folder = tmp_path_factory.mktemp("sqlite")
    notes = Notes(folder, f"sqlite:///{folder / 'notes.db'}", broker.bootstrap)
    with notes.serving() as process:
        notes.pid = process.pid
        yield notes


@pytest.fixture(scope="module")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, broker: BrokerProcess, database_server: PostgresProcess
) -> Iterator[Notes]:
    """The service on PostgreSQL."""
    database = database_server.server.new_database()
    notes = Notes(tmp_path_factory.mktemp("postgres"), database, broker.bootstrap)
    with notes.serving() as process:
        notes.pid = process.pid
        yield notes
