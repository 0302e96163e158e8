"""The judge reads SQLite and PostgreSQL alike, and cannot change either."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from shared.messaging.tables import MessagingTable, OutboxRow
from shared.persistence.engine import open_engine
from shared.testing.postgres import Postgres, postgresql
from tests.faults.evidence import Evidence
from tests.faults.judge import moment
from tests.faults.scenarios import write_lock

AT = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One PostgreSQL for all of these tests."""
    with postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with one outbox row, which a service wrote."""
    if request.param == "sqlite":
        return _with_a_row(f"sqlite:///{tmp_path / 'intake.db'}")
    return _with_a_row(request.getfixturevalue("server").new_database())


def _with_a_row(url: str) -> str:
    engine = open_engine(url)
    MessagingTable.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(OutboxRow(event_id="e", topic="t", key="k", sequence=1, body=b"{}", recorded_at=AT))
        session.commit()
    engine.dispose()
    return url


def test_both_databases_give_the_same_evidence(address: str) -> None:
    """A run on PostgreSQL would be judged by other rules than one on SQLite, or not at all."""
    query = "SELECT key, body, recorded_at, sent_at FROM outbox WHERE topic = :topic"
    (row,) = Evidence(lambda _: address).rows("intake", query, topic="t")
    assert (row["key"], bytes(row["body"]), row["sent_at"]) == ("k", b"{}", None)
    assert moment(row["recorded_at"]) == AT


def test_evidence_cannot_be_changed(address: str) -> None:
    """A judge that writes could repair what it has to find."""
    with pytest.raises(DBAPIError):
        Evidence(lambda _: address).rows("intake", "DELETE FROM outbox")


def test_a_held_write_lock_keeps_writers_out(address: str) -> None:
    """The slow database of the fault runs would not be slow."""
    with (
        write_lock(address),
        pytest.raises(Exception, match=r"lock|timeout"),
        closing(_hurried(address)) as c,
    ):
        c.execute("UPDATE outbox SET sequence = 2")
    (row,) = Evidence(lambda _: address).rows("intake", "SELECT sequence FROM outbox")
    assert row["sequence"] == 1


def _hurried(address: str) -> Any:
    """A writer that does not wait."""
    if address.startswith("sqlite"):
        return sqlite3.connect(address.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
    return psycopg.connect(address.replace("+psycopg", ""), options="-c lock_timeout=100ms", autocommit=True)
