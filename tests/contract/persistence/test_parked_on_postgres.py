"""The tests of parked events in the hands of people once more, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.persistence import borrowed
from tests.unit.messaging import test_parked
from tests.unit.messaging.listening import Listener


@pytest.fixture
def listener(tmp_path: Path, on_postgres: str) -> Iterator[Listener]:
    """A listener as `test_parked` has it."""
    made = Listener(tmp_path, on_postgres)
    yield made
    made.engine.dispose()


PARKED = borrowed.borrow("listener", test_parked)
globals().update(PARKED)


def test_nothing_of_them_is_forgotten() -> None:
    """A renamed fixture would empty this file without a sound."""
    assert len(PARKED) >= 10
