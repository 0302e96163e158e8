"""The guard's and the command bus's own tests once more, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from shared.clock import FixedClock
from shared.messaging.commands import CommandBus
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from tests.contract.persistence import borrowed
from tests.unit.messaging import test_commands, test_guard, test_guard_batches
from tests.unit.messaging.test_commands import Close, close
from tests.unit.messaging.test_guard import NOW, Listener

LONG = frozenset({"test_a_long_queue_of_early_events_is_applied_at_once"})
"""Eight hundred transactions for a point that is not about the database."""


@pytest.fixture
def tables(on_postgres: str) -> Iterator[Engine]:
    """The messaging tables on PostgreSQL."""
    made = open_engine(on_postgres)
    MessagingTable.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def listener(tables: Engine) -> Listener:
    """A listener as `test_guard` has it."""
    return Listener(Transactions(tables, "intake", FixedClock(NOW)))


@pytest.fixture
def bus(tables: Engine) -> CommandBus:
    """A bus as `test_commands` has it."""
    return CommandBus(Transactions(tables, "intake", FixedClock(NOW)), {Close: close}, None)


GUARDED = borrowed.borrow("listener", test_guard, test_guard_batches, left_out=LONG)
COMMANDED = borrowed.borrow("bus", test_commands)
globals().update(GUARDED, **COMMANDED)


def test_nothing_of_them_is_forgotten() -> None:
    """A renamed fixture would empty this file without a sound."""
    assert len(GUARDED) >= 20
    assert len(COMMANDED) >= 7
