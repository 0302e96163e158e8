"""A day that contradicts itself is refused before anybody plans it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.routing.domain.problem import BadProblem, FrozenPrefix, LunchBand, Visit, Window
from tests.unit.routing.days import at, four_homes_on_a_line, home, worker

VISIT_A = Visit("a", 0, 0, 0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Window(at("10:00"), at("9:00")),
        lambda: LunchBand(at("11:30"), at("12:00"), 3600),
        lambda: worker(shift="9:00-9:00"),
        lambda: worker(capacity=-1),
        lambda: home("a", minutes=-1),
        lambda: home("a", "9:00-11:00", "10:00-12:00"),
        lambda: FrozenPrefix("w1", (VISIT_A,), 0),
        lambda: replace(four_homes_on_a_line(), travel_seconds=((0,),)),
        lambda: replace(four_homes_on_a_line(), stops=tuple(home("a") for _ in range(4))),
        lambda: four_homes_on_a_line(locked={"a": "nobody"}),
        lambda: four_homes_on_a_line(locked={"nowhere": "w1"}),
        lambda: four_homes_on_a_line(frozen=(FrozenPrefix("nobody", (), 0),)),
        lambda: four_homes_on_a_line(frozen=(FrozenPrefix("w1", (VISIT_A, VISIT_A), 0, 0),)),
    ],
)
def test_contradictions_are_refused(build: Callable[[], object]) -> None:
    """Would fail if a solver were handed a day that cannot mean anything."""
    with pytest.raises(BadProblem) as refused:
        build()
    assert refused.value.message.endswith(".")


def test_a_broken_promise_costs_more_than_any_detour() -> None:
    """Would fail if a promise could be traded for travel."""
    day = four_homes_on_a_line()
    everything = sum(sum(row) for row in day.travel_seconds)
    assert day.drop_price(home("a", promised=True)) > 100 * everything
