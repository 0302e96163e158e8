"""A start that cannot succeed says why in one line and ends with exit 1; the supervisor tries again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.persistence.revisions import look_up
from shared.service import START_PATIENCE_SECONDS
from shared.testing.broker_process import ROOT, BrokerProcess, free_port
from tests.integration.outages.running import Notes, eventually

MIGRATIONS = ROOT / "services" / "postal_bridge" / "migrations"


def notes_on(folder: Path, database: str, environment: str = "development", broker: str = "") -> Notes:
    """A service whose broker is nowhere unless it is given."""
    return Notes(folder, database, broker or f"127.0.0.1:{free_port()}", environment)


def the_only_line(notes: Notes, role: str) -> str:
    """What a start says that is refused."""
    code, lines = notes.refusal(role)
    assert code == 1
    assert len(lines) == 1, lines
    return lines[0]


def migrated(folder: Path, revision: str = "head") -> str:
    """The address of a file at a revision."""
    address = f"sqlite:///{folder / 'notes.db'}"
    engine = open_engine(address)
    migrate(engine, MIGRATIONS, revision)
    engine.dispose()
    return address


def test_a_database_server_that_is_not_there(tmp_path: Path) -> None:
    """Somebody would read a page of stack trace at night, and the password with it."""
    port = free_port()
    address = f"postgresql+psycopg://tannha:geheim@127.0.0.1:{port}/notes"
    line = the_only_line(notes_on(tmp_path, address), "worker")
    assert f"cơ sở dữ liệu tại 127.0.0.1:{port}/notes" in line
    assert "geheim" not in line


def test_a_database_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """A wrong path would be told as a defect of ours."""
    (tmp_path / "notes.db").mkdir()
    line = the_only_line(notes_on(tmp_path, f"sqlite:///{tmp_path / 'notes.db'}"), "api")
    assert f"cơ sở dữ liệu tại {tmp_path / 'notes.db'}" in line


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    """A service that waits for ever looks as if it were about to come."""
    notes = notes_on(tmp_path, migrated(tmp_path))
    process = notes.start("api")
    code = process.wait(START_PATIENCE_SECONDS + 30)
    assert code == 1
    lines = notes.log.read_text().strip().splitlines()
    assert notes.broker in lines[-1]
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize(("role", "revision"), [("api", "0001"), ("worker", "base")])
def test_production_does_not_start_on_an_older_database(tmp_path: Path, role: str, revision: str) -> None:
    """Several processes would migrate a city's database while others still work on it."""
    line = the_only_line(notes_on(tmp_path, migrated(tmp_path, revision), "production"), role)
    assert "`tannha postal-bridge migrate`" in line


def test_nobody_starts_on_a_database_from_the_future(tmp_path: Path) -> None:
    """A program that was taken back would write rows that the newer one misreads."""
    address = migrated(tmp_path)
    engine = open_engine(address)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert "9999" in the_only_line(notes_on(tmp_path, address), "api")


def test_the_step_of_production_brings_the_database_to_the_newest(tmp_path: Path) -> None:
    """The command that the refusal names would not help."""
    address = migrated(tmp_path, "0001")
    assert notes_on(tmp_path, address, "production").start("migrate").wait(60) == 0
    engine = open_engine(address)
    assert look_up(engine, MIGRATIONS).current
    engine.dispose()


def test_in_development_the_start_migrates_by_itself(tmp_path: Path) -> None:
    """The first start after an update would end with an error for everybody who develops."""
    with BrokerProcess(tmp_path / "broker") as broker:
        notes = notes_on(tmp_path, migrated(tmp_path, "0001"), broker=broker.bootstrap)
        with notes.serving():
            assert notes.write("first").status_code == 200


def test_a_supervisor_that_tries_again_succeeds_when_the_broker_is_there(tmp_path: Path) -> None:
    """A part that came too late would have to be started by hand."""
    port = free_port()
    notes = notes_on(tmp_path, migrated(tmp_path), broker=f"127.0.0.1:{port}")
    process: subprocess.Popen[bytes] = notes.start("api")
    with BrokerProcess(tmp_path / "broker", port):
        eventually(lambda: notes.ready() or process.poll() is not None, 60, "the start")
        assert notes.ready(), "a broker that comes within the patience of a start is waited for"
        process.terminate()
        process.wait(20)
