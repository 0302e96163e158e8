"""One suite, two databases: a file of SQLite, and PostgreSQL wherever the tests find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from shared.persistence.engine import open_engine
from shared.testing.postgres import Postgres


@pytest.fixture(scope="module")
def kept_database(postgres: Postgres) -> str:
    """A database for all tests of a file: to make one takes the server longer than most tests do."""
    return postgres.new_database()


@pytest.fixture
def on_postgres(kept_database: str) -> str:
    """The address of an empty database on PostgreSQL."""
    plain = kept_database.replace("+psycopg", "", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return kept_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("on_postgres"))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on an empty database, as every service opens it."""
    made = open_engine(database)
    yield made
    made.dispose()


def together(*works: Callable[[], Any]) -> list[Any]:
    """Runs the works at the same moment; their results."""
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]
