"""Every revision of every service on both databases: up and down with rows, and killed on the way."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, inspect

from shared.ids import new_id
from shared.persistence.engine import open_engine
from shared.persistence.migrations import check, downgrade, migrate
from shared.persistence.revisions import look_up
from tests.contract.persistence.seeding import contents, seed, structure

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("intake", "routing", "postal_bridge")


@pytest.fixture(params=SERVICES)
def folder(request: pytest.FixtureRequest) -> Path:
    """The revisions of each service in turn."""
    return ROOT / "services" / str(request.param) / "migrations"


def older_revisions(engine: Engine, folder: Path) -> list[str]:
    """All but the newest, newest first."""
    revisions = look_up(engine, folder)
    return sorted(revisions.known - {revisions.newest}, reverse=True)


def test_a_database_goes_up_down_and_up_again(engine: Engine, folder: Path) -> None:
    """A release could not be installed or taken back, or would run on other tables than it expects."""
    migrate(engine, folder)
    check(engine, folder)
    fresh = structure(engine)
    downgrade(engine, folder, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine, folder)
    assert structure(engine) == fresh


def test_rows_outlive_the_way_back_to_every_revision(engine: Engine, folder: Path) -> None:
    """To take a release back would take along what people have entered."""
    migrate(engine, folder)
    seed(engine)
    fresh, before = structure(engine), contents(engine)
    assert all(values for columns in before.values() for values in columns.values())
    for revision in older_revisions(engine, folder):
        downgrade(engine, folder, revision)
        older = contents(engine)
        migrate(engine, folder)
        after = contents(engine)
        for table in older.keys() & before.keys() - {"alembic_version"}:
            for column in older[table].keys() & before[table].keys():
                assert after[table][column] == before[table][column], (revision, table, column)
        assert structure(engine) == fresh
        check(engine, folder)


def test_rows_of_the_first_release_are_still_there_in_the_newest(engine: Engine, folder: Path) -> None:
    """An upgrade would lose, or empty, what an office has worked with since the first day."""
    migrate(engine, folder, "0001")
    seed(engine)
    before = contents(engine)
    migrate(engine, folder)
    after = contents(engine)
    for table, columns in before.items():
        for column in columns.keys() & after[table].keys():
            assert len(after[table][column]) == len(columns[column]), (table, column)
            assert "None" not in after[table][column], (table, column)


# --- killed on the way ------------------------------------------------------------------------------


def copied(engine: Engine) -> Engine:
    """Another database with the same content; nobody may be connected to the first."""
    engine.dispose()
    url, name = engine.url, f"test_{new_id().lower()}"
    if engine.dialect.name == "sqlite":
        source = Path(str(url.database))
        if source.exists():
            shutil.copy(source, source.with_name(f"{name}.db"))
        return open_engine(url.set(database=str(source.with_name(f"{name}.db"))))
    server = url.set(drivername="postgresql", database="postgres").render_as_string(False)
    with psycopg.connect(server, autocommit=True) as operator:
        operator.execute(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"'.encode())
    return open_engine(url.set(database=name))


def statements_of(engine: Engine, folder: Path, dies_at: int | None = None) -> int:
    """Upgrades and counts the statements; kills the whole process before number `dies_at`."""
    count = 0

    def counting(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", counting)
    migrate(engine, folder)
    event.remove(engine, "before_cursor_execute", counting)
    return count


def in_a_process_of_its_own(work: Callable[[], object]) -> int | None:
    """Runs it in a forked process; its exit code."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize(
    ("start", "kills"),
    [
        ("0001", 1),
        pytest.param("0001", 5, marks=pytest.mark.long),
        pytest.param("base", 3, marks=pytest.mark.long),
    ],
)
def test_an_upgrade_that_is_killed_can_be_run_again(
    engine: Engine, folder: Path, start: str, kills: int
) -> None:
    """A machine that goes down during an upgrade would leave a database that no program can use."""
    if start != "base":
        migrate(engine, folder, start)
        seed(engine)
    whole = copied(engine)
    statements = statements_of(whole, folder)
    expected = structure(whole), contents(whole)
    whole.dispose()
    for dies_at in (statements * number // (kills + 1) for number in range(1, kills + 1)):
        broken = copied(engine)
        assert in_a_process_of_its_own(lambda: statements_of(broken, folder, dies_at)) == -signal.SIGKILL  # noqa: B023
        migrate(broken, folder)
        assert (structure(broken), contents(broken)) == expected, f"killed at {dies_at} of {statements}"
        broken.dispose()
