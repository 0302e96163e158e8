"""The day solver: hand-solvable days first, then any day at all, judged by the independent checker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.adapters.ortools_solver import OrToolsSolver
from services.routing.application.solver_port import Progress
from services.routing.domain.assemble import plan_without_solver
from services.routing.domain.checker import check
from services.routing.domain.problem import Break, FrozenPrefix, LunchBand, Prices, Problem, Visit
from services.routing.domain.solution import Solution
from tests.unit.routing.days import (
    MINUTE,
    NOON,
    at,
    at_work,
    days,
    four_homes_on_a_line,
    home,
    road,
    worker,
)


def solve(problem: Problem, seconds: float = 0.3) -> Solution:
    """Plan, and insist that the plan keeps every rule."""
    solution = OrToolsSolver().solve(problem, time_limit_seconds=seconds)
    assert check(problem, solution) == []
    return solution


def test_four_homes_on_a_line_are_visited_in_one_sweep() -> None:
    """Would fail if the search did not find the obvious shortest tour."""
    solution = solve(four_homes_on_a_line())
    assert solution.totals.travel_seconds == 80 * MINUTE
    assert solution.totals.served == 4
    assert solution.unassigned == ()


def test_windows_decide_the_order() -> None:
    """Would fail if appointments were traded for a shorter road."""
    stops = [home("near", "14:00-15:00"), home("far", "8:00-9:00")]
    [route] = solve(road([10, 40], stops, [worker()])).routes
    assert route.stop_ids == ("far", "near")
    assert at("14:00") <= route.visits[1].start <= at("15:00")


def test_a_stop_with_two_windows_is_never_served_between_them() -> None:
    """Would fail if the gap between two windows were taken for free time."""
    stops = [home("blocker", "8:00-8:00", minutes=120), home("split", "8:00-9:00", "14:00-15:00")]
    [route] = solve(road([10, 11], stops, [worker()])).routes
    assert route.visits[-1].stop_id == "split"
    assert route.visits[-1].start >= at("14:00")


def test_lunch_lies_in_its_band_and_between_services() -> None:
    """Would fail if a worker had to eat outside the band or with a citizen waiting."""
    stops = [home("before", "11:00-11:00", minutes=30), home("after", "13:00-13:30")]
    [route] = solve(road([10, 20], stops, [worker(lunch=NOON)])).routes
    assert route.lunch is not None
    assert at("11:30") <= route.lunch.start
    assert route.lunch.end <= at("13:00")


def test_a_service_that_leaves_no_room_for_lunch_is_not_planned() -> None:
    """Would fail if the plan took a worker's lunch away to serve one stop more."""
    stops = [home("noon", "12:00-12:00", minutes=20)]
    day = road([10], stops, [worker(lunch=NOON)])
    assert solve(day).totals.unassigned == 1
    short = LunchBand(at("11:30"), at("13:00"), 20 * MINUTE)
    assert solve(replace(day, workers=(worker(lunch=short),))).totals.served == 1


def test_a_morning_route_owes_no_lunch() -> None:
    """Would fail if a route that is over by noon were made to wait for lunch."""
    [route] = solve(road([30], [home("early", "9:00-9:30")], [worker(lunch=NOON)])).routes
    assert route.lunch is None
    assert route.back_office < at("12:00")


def test_results_leave_room_only_after_they_are_delivered() -> None:
    """Would fail if pickups and returns were not carried on the same bike at the same time."""
    stops = [home("pickup", load=2), home("return", load=-2)]
    [route] = solve(road([10, 20], stops, [worker(capacity=2)])).routes
    assert route.stop_ids == ("return", "pickup")


def test_what_does_not_fit_stays_with_a_reason() -> None:
    """Would fail if a bag were overfilled or a left stop forgotten."""
    stops = [home(name, load=1) for name in "abc"]
    solution = solve(road([10, 20, 30], stops, [worker(capacity=2)]))
    assert solution.totals.served == 2
    assert [left.reason.code for left in solution.unassigned] == ["capacity.full"]


def test_skills_and_locks_choose_the_worker() -> None:
    """Would fail if a dispatcher's decision or a needed skill were ignored."""
    stops = [home("sealed", skill="sealed"), home("locked"), home("free")]
    workers = [worker("w1"), worker("w2", skills=frozenset({"sealed"}))]
    solution = solve(road([10, 11, 12], stops, workers, locked={"locked": "w1"}))
    assert solution.worker_of["sealed"] == "w2"
    assert solution.worker_of["locked"] == "w1"


def test_an_uneven_day_has_a_price() -> None:
    """Would fail if one worker got everything and the other nothing although sharing costs little."""
    stops = [home(name, minutes=60) for name in "abcd"]
    workers = [worker("w1"), worker("w2")]
    day = road([10, 10, 10, 10], stops, workers, prices=Prices(imbalance_permille=300))
    assert sorted(len(route.visits) for route in plan_without_solver(day).routes) == [0, 4]
    solution = solve(day)
    assert sorted(len(route.visits) for route in solution.routes) == [2, 2]


def test_frozen_visits_stay_and_the_rest_follows() -> None:
    """Would fail if a second planning rewrote what has already happened."""
    done = Visit("d", at("9:00"), at("9:07"), at("9:20"))
    prefix = FrozenPrefix("w1", (done,), at("9:20"), at("8:20"))
    [route] = solve(four_homes_on_a_line(frozen=(prefix,))).routes
    assert route.visits[0] == done
    assert set(route.stop_ids) == set("abcd")
    assert route.visits[1].arrive >= at("9:20") + 10 * MINUTE


def test_a_result_cannot_join_a_worker_who_has_left() -> None:
    """Would fail if a plan handed a paper in the office to a worker on the road."""
    prefix = FrozenPrefix("w1", (Visit("a", at("8:00"), at("8:00"), at("8:05")),), at("8:05"), at("7:50"))
    stops = [home("a"), home("late", load=-1), home("aboard", load=-1, aboard_of="w1")]
    solution = solve(road([10, 20, 30], stops, [worker()], frozen=(prefix,)))
    assert [left.reason.code for left in solution.unassigned] == ["load.not_aboard"]
    assert solution.worker_of["aboard"] == "w1"


def test_a_worker_who_is_already_late_stops_nobody_else() -> None:
    """Would fail if one overdue worker made the whole office unplannable."""
    prefix = FrozenPrefix(
        "w1", (Visit("a", at("16:00"), at("16:00"), at("17:00")),), at("17:00"), at("15:00")
    )
    day = road([10, 20], [home("a"), home("b")], [worker("w1"), worker("w2")], frozen=(prefix,))
    assert solve(day).worker_of == {"a": "w1", "b": "w2"}


def test_a_lunch_already_eaten_is_not_eaten_again() -> None:
    """Would fail if re-planning in the afternoon lost or doubled the lunch."""
    lunch = Break(at("11:30"), at("12:30"))
    prefix = FrozenPrefix("w1", (), at("12:30"), None, lunch)
    [route] = solve(road([10], [home("b", "12:40-12:40")], [worker(lunch=NOON)], frozen=(prefix,))).routes
    assert route.lunch == lunch
    assert route.stop_ids == ("b",)


def test_replanning_prefers_the_worker_in_force() -> None:
    """Would fail if every planning shuffled the day although nothing was gained."""
    stops = [home("a"), home("b")]
    workers = [worker("w1"), worker("w2")]
    previous = {"w2": ("a",), "w1": ("b",)}
    solution = solve(road([10, -10], stops, workers, previous=previous))
    assert solution.worker_of == {"a": "w2", "b": "w1"}
    assert solution.totals.moved == 0


def test_a_late_worker_still_keeps_the_promise() -> None:
    """Would fail if a delay were paid with a promised stop while an unpromised one is visited before it."""
    stops = [
        home("done"),
        home("unpromised", "9:00-9:05", minutes=60),
        home("promised", "9:00-9:10", promised=True),
    ]
    late = FrozenPrefix("w1", (Visit("done", at("7:40"), at("7:40"), at("9:00")),), at("9:00"), at("7:30"))
    day = road([10, 11, 12], stops, [worker()], frozen=(late,), previous={"w1": ("unpromised", "promised")})
    assert plan_without_solver(day).routes[0].stop_ids == ("done", "promised")
    assert solve(day).routes[0].stop_ids == ("done", "promised")


def test_progress_tells_falling_prices() -> None:
    """Would fail if the dispatcher saw no progress or the shown price were not that of the answer."""
    seen: list[Progress] = []
    day = four_homes_on_a_line()
    solution = OrToolsSolver().solve(day, time_limit_seconds=0.2, on_progress=seen.append)
    prices = [progress.objective for progress in seen]
    assert prices == sorted(prices, reverse=True)
    assert prices[-1] == solution.totals.objective
    assert seen[-1].served == 4


@pytest.mark.parametrize("day", [road([], [], [worker()]), road([10], [home("a")], [])])
def test_empty_days_have_empty_plans(day: Problem) -> None:
    """Would fail if a day without stops or without workers raised instead of answering."""
    assert solve(day).totals.served == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days())
def test_every_plan_passes_the_checker(day: Problem) -> None:
    """Would fail if any small day led to a plan with a broken rule or a stop without an answer."""
    solution = OrToolsSolver().solve(day, time_limit_seconds=0.05)
    assert check(day, solution) == []
    assert solution.totals.objective <= plan_without_solver(day).totals.objective


@settings(max_examples=300, deadline=None)
@given(days(most_stops=12))
def test_every_inserted_plan_passes_the_checker(day: Problem) -> None:
    """Would fail if insertion alone, the fallback of the solver, broke a rule."""
    assert check(day, plan_without_solver(day)) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days(workers_on_shift=(1, 3)), st.integers(at("7:00"), at("16:00")), st.data())
def test_replanning_keeps_what_happened_and_what_was_promised(
    day: Problem, now: int, data: st.DataObject
) -> None:
    """Would fail if a new request at any moment broke a promise or rewrote the past."""
    planned = plan_without_solver(day)
    row = data.draw(st.integers(0, len(day.stops)))
    later = at_work(day, planned, now, home("new", "9:00-16:00", load=1), row)
    solution = OrToolsSolver().solve(later, time_limit_seconds=0.05)
    assert check(later, solution) == []
    assert solution.totals.broken_promises == 0
