"""Timing of a sequence and the exact cheapest insertion, held against slow and obvious ways."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.routing.adapters.ortools_solver import OrToolsSolver
from services.routing.domain.assemble import (
    assemble,
    insert_urgent,
    objective_of,
    open_orders,
    plan_without_solver,
)
from services.routing.domain.checker import check
from services.routing.domain.insertion import Draft
from services.routing.domain.moves import lateness
from services.routing.domain.problem import Problem
from services.routing.domain.rules import load_bound, load_levels, refusal
from services.routing.domain.schedule import route_of, timetable
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


def test_the_worker_leaves_just_in_time() -> None:
    """Would fail if a worker waited at the first door instead of working at the office."""
    day = road([30], [home("late", "10:00-11:00")], [worker()])
    route = route_of(day, day.workers[0], ["late"])
    assert route is not None
    assert route.leave_office == at("9:30")
    assert route.waiting_seconds == 0


def test_lunch_before_the_first_door_is_eaten_at_the_office() -> None:
    """Would fail if an afternoon route sent the worker out before lunch."""
    day = road([30], [home("late", "14:00-15:00")], [worker(lunch=NOON)])
    route = route_of(day, day.workers[0], ["late"])
    assert route is not None
    assert route.lunch is not None
    assert (route.lunch.end, route.leave_office) == (at("12:30"), at("13:30"))
    assert route.work_seconds == 65 * MINUTE


def test_lunch_on_a_long_leg_interrupts_the_leg() -> None:
    """Would fail if lunch were only taken at doors, too late after a long ride."""
    day = road([5, 95], [home("near", "11:00-11:00"), home("far", "13:00-14:00")], [worker(lunch=NOON)])
    route = route_of(day, day.workers[0], ["near", "far"])
    assert route is not None
    assert route.lunch is not None
    assert (route.lunch.start, route.visits[1].arrive) == (at("11:30"), at("13:35"))


def test_insertion_takes_the_gap_with_the_smallest_detour() -> None:
    """Would fail if an urgent stop were put anywhere but on the way."""
    day = road([10, 40, 25], [home("a", "7:40-7:45"), home("b"), home("urgent")], [worker()])
    plan = plan_without_solver(replace(day, stops=(*day.stops[:2], home("urgent", "3:00-4:00"))))
    [left] = plan.unassigned
    assert left.stop_id == "urgent"
    inserted = insert_urgent(day, open_orders(day, plan), ["urgent"])
    assert inserted.routes[0].stop_ids == ("a", "urgent", "b")
    assert inserted.totals.travel_seconds == plan.totals.travel_seconds


def test_an_urgent_stop_without_a_place_comes_back_with_a_reason() -> None:
    """Would fail if the dispatcher were told nothing when an urgent stop does not fit."""
    day = road([200], [home("far")], [worker(shift="8:00-12:00")])
    answer = insert_urgent(day, {}, ["far", "far"])
    assert [left.reason.code for left in answer.unassigned] == ["distance.too_far"]


@settings(max_examples=300, deadline=None)
@given(days(workers_on_shift=(1, 3)), st.data())
def test_a_sequence_is_feasible_exactly_when_driving_it_is_never_late(
    day: Problem, data: st.DataObject
) -> None:
    """Would fail if the two-moment arithmetic refused a day that works or accepted one that does not."""
    who = data.draw(st.sampled_from(day.workers))
    order = data.draw(st.permutations([stop.id for stop in day.stops]))
    assert timetable(day, who, order).feasible == (lateness(day, who, order) == ({}, 0))


@settings(max_examples=200, deadline=None)
@given(days(), st.data())
def test_a_gap_takes_a_stop_exactly_when_the_longer_sequence_is_feasible(
    day: Problem, data: st.DataObject
) -> None:
    """Would fail if the constant-time test differed from working out the whole route again."""
    plan = plan_without_solver(day)
    assume(plan.unassigned)
    stop = day.stop(data.draw(st.sampled_from(plan.unassigned)).stop_id)
    draft = Draft(day, open_orders(day, plan))
    for who in day.workers:
        order = draft.open_ids[who.id]
        works = False
        for gap in range(len(order) + 1):
            longer = [*order[:gap], stop.id, *order[gap:]]
            levels = load_levels(day, who, longer)
            in_time = timetable(day, who, longer).feasible
            assert timetable(day, who, order).takes(gap, stop) == in_time
            works |= in_time and max(levels) <= load_bound(day, who, levels)
        assert (draft.obstacle(stop, who) is None) == (works and refusal(day, stop, who) is None)


@settings(max_examples=100, deadline=None)
@given(days(workers_on_shift=(1, 3)), st.integers(at("7:00"), at("16:00")), st.data())
def test_an_urgent_insertion_moves_nothing_else(day: Problem, now: int, data: st.DataObject) -> None:
    """Would fail if inserting one stop changed the worker or the order of another."""
    plan = plan_without_solver(day)
    row = data.draw(st.integers(0, len(day.stops)))
    later = at_work(day, plan, now, home("new", load=-1), row)
    answer = insert_urgent(later, open_orders(later, plan), ["new"])
    assert check(later, assemble(later, open_orders(later, answer))) == []
    without = {route.worker_id: [s for s in route.stop_ids if s != "new"] for route in answer.routes}
    assert without == {route.worker_id: list(route.stop_ids) for route in plan.routes}


@settings(max_examples=100, deadline=None)
@given(days(workers_on_shift=(1, 3)))
def test_many_urgent_stops_at_once_end_like_one_after_the_other(day: Problem) -> None:
    """Would fail if a rush of late stops were planned otherwise than the same stops coming singly."""
    late, orders = [stop.id for stop in day.stops], open_orders(day, assemble(day, {}))
    for stop_id in late:
        orders = open_orders(day, insert_urgent(day, orders, [stop_id]))
    assert open_orders(day, insert_urgent(day, {}, late)) == orders


@settings(max_examples=25, deadline=None)
@given(days(most_stops=4, workers_on_shift=(1, 1)))
def test_tiny_days_are_solved_to_the_optimum(day: Problem) -> None:
    """Would fail if the search missed the best plan of a day small enough to try everything."""
    ids = [stop.id for stop in day.stops]
    who = day.workers[0].id
    prices = [
        objective_of(day, {who: order})
        for size in range(len(ids) + 1)
        for chosen in combinations(ids, size)
        for order in permutations(chosen)
    ]
    best = min(price for price in prices if price is not None)
    assert OrToolsSolver().solve(day, time_limit_seconds=0.2).totals.objective == best


def test_ties_go_to_the_worker_with_less_to_do() -> None:
    """Would fail if equal detours all went to the first worker of the list."""
    day = four_homes_on_a_line()
    day = replace(day, workers=(worker("w1"), worker("w2")))
    draft = Draft(day, {"w1": ("a",)})
    first = draft.best("b", [day.workers[1]])
    assert first is not None
    assert first.added_travel == 40 * MINUTE
    chosen = draft.best("b")
    assert chosen is not None
    assert (chosen.worker_id, chosen.added_travel) == ("w1", 20 * MINUTE)
