"""Every unassigned stop gets the first plain reason."""

from __future__ import annotations

from typing import Any

import pytest

from services.routing.domain.assemble import assemble, plan_without_solver
from services.routing.domain.explain import window_text
from services.routing.domain.problem import FrozenPrefix, Problem
from tests.unit.routing.days import at, home, road, window, worker


def one(minutes_away: int = 10, *spans: str, workers: Any = None, **more: Any) -> Problem:
    """One stop and one ordinary worker unless others are given."""
    frozen = more.pop("frozen", ())
    locked = more.pop("locked", {})
    staff = [worker()] if workers is None else workers
    return road([minutes_away], [home("a", *spans, **more)], staff, frozen=frozen, locked=locked)


NOW_1400 = (FrozenPrefix("w1", (), at("14:00")),)


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (one(workers=[]), "worker.none"),
        (one(skill="sealed"), "skill.missing"),
        (one(aboard_of="w9"), "load.aboard_elsewhere"),
        (one(load=31), "capacity.too_big"),
        (one(10, "8:00-9:00", frozen=NOW_1400), "window.closed"),
        (one(10, "18:00-19:00"), "window.outside_shift"),
        (one(280), "distance.too_far"),
        (one(60, "16:00-16:30"), "shift.exceeded"),
        (one(60, drop_penalty=600), "detour.not_worth"),
        (
            one(
                workers=[worker("w1"), worker("w2", skills=frozenset({"sealed"}))],
                skill="sealed",
                locked={"a": "w1"},
            ),
            "worker.locked",
        ),
    ],
)
def test_each_obstacle_has_its_own_reason(day: Problem, code: str) -> None:
    """Would fail if the dispatcher read a wrong or a later reason for a stop left out."""
    [left] = plan_without_solver(day).unassigned
    assert left.reason.code == code
    assert left.reason.text.endswith(".")


def test_full_workers_and_full_bags_are_told_apart() -> None:
    """Would fail if lack of time were told as lack of room, or the other way round."""
    busy = road([10, 10], [home("a", "9:00-9:00", minutes=60), home("b", "9:00-9:10")], [worker()])
    [left] = assemble(busy, {"w1": ("a",)}).unassigned
    assert left.reason.code == "workers.full"
    assert "09:00–09:10" in left.reason.text
    full = road([10, 10], [home("a", load=2), home("b", load=1)], [worker(capacity=2)])
    [left] = assemble(full, {"w1": ("a",)}).unassigned
    assert left.reason.code == "capacity.full"


def test_a_place_that_was_not_taken_tells_its_detour() -> None:
    """Would fail if a feasible but costly stop were called impossible."""
    [left] = plan_without_solver(one(60, drop_penalty=600)).unassigned
    assert "120 phút" in left.reason.text
    assert "10 phút" in left.reason.text


def test_windows_read_as_people_write_them() -> None:
    """Would fail if times in reasons were not on the 24-hour clock."""
    assert window_text((window("8:00-9:30"), window("14:00-16:00"))) == "08:00–09:30 hoặc 14:00–16:00"
