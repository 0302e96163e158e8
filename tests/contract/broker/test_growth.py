"""The measuring script of the broker's growth, in small: it runs, and memory does not follow the log."""

from __future__ import annotations

from tests.bench.broker_growth import Load, measure


def test_memory_does_not_grow_with_what_is_stored() -> None:
    """If this fails, the broker keeps in memory what belongs on the disk, or cannot be measured."""
    rows, ratios = measure(records=20_000, steps=2, load=Load(4, 100, 200), rounds=1)
    assert [row.records for row in rows if row.step == "sent"] == [10_000, 20_000]
    assert max(row.records for row in rows if row.step == "read") == 20_000
    assert ratios["memory, last to first"] < 1.25
