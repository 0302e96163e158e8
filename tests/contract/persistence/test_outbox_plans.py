"""Rows of the outbox stay for ever: who looks for the few unsent ones must not read those of years."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from kafka import KafkaProducer
from sqlalchemy import Connection, Engine, Table, bindparam, event, inspect, text

from shared.clock import FixedClock
from shared.messaging.connection import BrokerAddress
from shared.messaging.readings import DatabaseReadings
from shared.messaging.relay import Relay
from shared.messaging.stuck import unsent
from shared.messaging.tables import MessagingTable, OutboxRow
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import Utc
from shared.persistence.migrations import migrate
from tests.contract.persistence.test_migrations import ROOT, SERVICES

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SENT, UNSENT = 20_000, 3
YEARS = text("""
    INSERT INTO outbox (position, event_id, topic, key, sequence, body, recorded_at, sent_at)
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :all)
    SELECT n, 'event-' || n, 'intake.request.v1', 'request-' || n, 1, :body, :now,
           CASE WHEN n <= :sent THEN :now END
    FROM numbers
""").bindparams(bindparam("now", type_=Utc))
INDEX = "ix_outbox_unsent"
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}

Statement = tuple[str, Any]


class _Away:
    """A producer that refuses everything, so that looking changes nothing."""

    def send(self, *_: object, **__: object) -> None:
        """As a broker that is away."""
        raise ConnectionError


def relay_looks(transactions: Transactions) -> None:
    """The relay reads its next batch."""
    with pytest.raises(ConnectionError):
        Relay(transactions, BrokerAddress("127.0.0.1:1")).send_batch(cast(KafkaProducer, _Away()))


def metrics_are_read(transactions: Transactions) -> None:
    """Prometheus asks."""
    DatabaseReadings(transactions).take()


def reconciler_looks(transactions: Transactions) -> None:
    """The rule `outbox_stuck`."""
    with transactions.reading() as session:
        unsent(session, NOW)


@pytest.fixture
def outbox(engine: Engine) -> Transactions:
    """The messaging tables alone."""
    MessagingTable.metadata.create_all(engine)
    return Transactions(engine, "intake", FixedClock(NOW))


def years_pass(engine: Engine) -> None:
    """Many events are sent, few are not, and the database has counted them."""
    values = {"body": b"{}", "now": NOW, "sent": SENT, "all": SENT + UNSENT}
    with engine.begin() as connection:
        connection.execute(YEARS, values)
        connection.execute(text("ANALYZE outbox"))


@contextmanager
def asked_of_the_outbox(engine: Engine) -> Iterator[list[Statement]]:
    """The statements that read the table meanwhile, as the database gets them."""
    heard: list[Statement] = []

    def hear(_c: Connection, _k: object, statement: str, values: Any, *_: object) -> None:
        if "FROM outbox" in " ".join(statement.split()):
            heard.append((statement, values))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def plan(engine: Engine, statement: Statement) -> str:
    """How the database goes about a statement."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(EXPLAIN[engine.dialect.name] + statement[0], statement[1])
        return "\n".join(" ".join(map(str, row)) for row in rows)


def plans_of(transactions: Transactions, look: Callable[[Transactions], None]) -> list[str]:
    """How the database goes about what a look asks of the outbox."""
    with asked_of_the_outbox(transactions.engine) as statements:
        look(transactions)
    assert statements
    return [plan(transactions.engine, statement) for statement in statements]


@pytest.mark.parametrize("look", [relay_looks, metrics_are_read, reconciler_looks])
def test_only_unsent_rows_are_read(outbox: Transactions, look: Callable[[Transactions], None]) -> None:
    """Each look, ten in a second, would cost more from year to year."""
    years_pass(outbox.engine)
    assert all(INDEX in found for found in plans_of(outbox, look))


def test_without_the_index_the_plan_says_so(outbox: Transactions) -> None:
    """The test above would pass whatever the database does."""
    years_pass(outbox.engine)
    with outbox.engine.begin() as connection:
        connection.execute(text(f"DROP INDEX {INDEX}"))
    assert not any(INDEX in found for found in plans_of(outbox, relay_looks))


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_index_that_the_tables_declare(engine: Engine, service: str) -> None:
    """The tests above would hold for tables that no service has."""
    migrate(engine, ROOT / "services" / service / "migrations")
    (declared,) = [index for index in cast(Table, OutboxRow.__table__).indexes if index.name == INDEX]  # type: ignore[attr-defined]
    (found,) = [index for index in inspect(engine).get_indexes("outbox") if index["name"] == INDEX]
    assert found["column_names"] == [column.name for column in declared.columns]
    condition = found["dialect_options"][f"{engine.dialect.name}_where"]
    assert "sent_at is null" in str(condition).lower()
