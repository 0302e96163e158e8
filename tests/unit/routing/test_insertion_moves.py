"""A dispatcher's own move: its price, its refusals, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

from services.routing.domain.assemble import assemble
from services.routing.domain.checker import check
from services.routing.domain.moves import MoveRefused, move_cost, move_stop
from services.routing.domain.problem import FrozenPrefix, Problem, Stop, Visit, Worker
from tests.unit.routing.days import MINUTE, NOON, at, home, road, worker


def two_workers(stop: Stop, second: Worker, *others: Stop, **more: Any) -> Problem:
    """`stop` at 10 minutes, planned for w1; `others` at −10, −20 … minutes, for `second`."""
    positions = [10, *(-10 * number for number in range(1, len(others) + 1))]
    return road(positions, [stop, *others], [worker("w1"), second], **more)


def planned(day: Problem) -> dict[str, tuple[str, ...]]:
    """The first stop on w1, all others on w2."""
    first, *others = (stop.id for stop in day.stops)
    return {"w1": (first,), "w2": tuple(others)}


def test_a_move_is_priced_before_it_is_done() -> None:
    """Would fail if the dispatcher saw a wrong number of minutes for the move."""
    day = two_workers(home("a"), worker("w2"), home("b"))
    solution = assemble(day, planned(day))
    cost = move_cost(day, solution, "a", "w2")
    assert cost.allowed
    assert cost.added_minutes == 0
    moved = move_stop(day, solution, "a", "w2")
    assert moved.totals.travel_seconds == solution.totals.travel_seconds + cost.added_seconds
    assert moved.worker_of["a"] == "w2"
    assert check(day, moved) == []


def test_moving_to_an_idle_worker_far_from_the_beat_costs_the_way_there() -> None:
    """Would fail if what leaving the old route saves were counted wrongly."""
    day = road([10, 20], [home("near"), home("far")], [worker("w1"), worker("w2")])
    solution = assemble(day, {"w1": ("near", "far")})
    assert move_cost(day, solution, "near", "w2").added_minutes == 20
    assert move_cost(day, solution, "far", "w2").added_minutes == 20


def test_an_unassigned_stop_can_be_given_to_a_worker() -> None:
    """Would fail if only planned stops could be moved by hand."""
    day = two_workers(home("a"), worker("w2"))
    assert move_stop(day, assemble(day, {}), "a", "w2").worker_of == {"a": "w2"}


def test_a_new_move_replaces_the_lock_of_the_old_one() -> None:
    """Would fail if a dispatcher could not correct an own decision."""
    day = two_workers(home("a"), worker("w2"), locked={"a": "w1"})
    assert move_stop(day, assemble(day, planned(day)), "a", "w2").worker_of == {"a": "w2"}


@pytest.mark.parametrize(
    ("stop", "second", "code"),
    [
        (home("a", skill="sealed"), worker("w2"), "skill.missing"),
        (home("a", load=3), worker("w2", capacity=2), "capacity.exceeded"),
        (home("a", "7:30-8:00"), worker("w2", shift="9:00-16:00"), "window.missed"),
        (home("a", "16:25-16:30", minutes=10), worker("w2", shift="7:30-16:30"), "shift.exceeded"),
    ],
)
def test_a_move_against_a_rule_is_refused_in_words(stop: Stop, second: Worker, code: str) -> None:
    """Would fail if a dispatcher could break a rule by hand or were refused without the rule."""
    day = road([10], [stop], [worker("w1", shift="7:00-17:00", skills=frozenset({"sealed"})), second])
    solution = assemble(day, {"w1": ("a",)})
    with pytest.raises(MoveRefused) as refused:
        move_stop(day, solution, "a", "w2")
    assert refused.value.problem_code == code
    assert refused.value.message.endswith(".")


def test_a_move_names_the_promises_it_would_break() -> None:
    """Would fail if a dispatcher could push a promised citizen out of the window unawares."""
    promised = home("b", "8:00-8:00", promised=True)
    day = two_workers(home("a", "7:45-7:50", minutes=10, promised=True), worker("w2"), promised)
    cost = move_cost(day, assemble(day, planned(day)), "a", "w2")
    assert not cost.allowed
    assert cost.broken_promises == ("b",)
    assert "đã hẹn" in cost.violations[0].text


def test_a_visited_stop_cannot_be_moved() -> None:
    """Would fail if history could be rewritten by hand."""
    done = FrozenPrefix("w1", (Visit("a", at("8:00"), at("8:00"), at("8:05")),), at("8:05"), at("7:50"))
    day = two_workers(home("a"), worker("w2"), frozen=(done,))
    cost = move_cost(day, assemble(day, {}), "a", "w2")
    assert [reason.code for reason in cost.violations] == ["visit.done"]


def test_a_move_never_takes_lunch_away() -> None:
    """Would fail if a move by hand could fill a worker's lunch."""
    day = two_workers(home("a", "12:00-12:00", minutes=20), worker("w2", lunch=NOON))
    cost = move_cost(day, assemble(day, planned(day)), "a", "w2")
    assert not cost.allowed
    assert cost.added_seconds == 0 * MINUTE
