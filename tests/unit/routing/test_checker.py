"""The checker finds each kind of broken rule in a plan that was sound before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.routing.domain.assemble import assemble
from services.routing.domain.checker import check
from services.routing.domain.problem import Break, FrozenPrefix, Problem, Visit
from services.routing.domain.solution import Reason, Route, Solution, Unassigned
from tests.unit.routing.days import MINUTE, NOON, at, home, road, worker

DONE = Visit("done", at("8:00"), at("8:00"), at("8:05"))


def sound_day() -> tuple[Problem, Solution]:
    """One worker on the road since 7:50 with a window, a lunch, a skill and a load ahead; one idle."""
    stops = [
        home("done"),
        home("morning", "9:00-9:30", load=2),
        home("noon", "12:45-14:00", minutes=30, skill="sealed"),
        home("left", "3:00-4:00"),
    ]
    staff = [
        worker("w1", lunch=NOON, capacity=2, skills=frozenset({"sealed"})),
        worker("w2", skills=frozenset({"sealed"})),
    ]
    prefix = FrozenPrefix("w1", (DONE,), at("8:05"), at("7:50"))
    day = road([10, 20, 30, 40], stops, staff, frozen=(prefix,), locked={"noon": "w1"})
    return day, assemble(day, {"w1": ("morning", "noon")})


def with_route(solution: Solution, change: Callable[[Route], Route]) -> Solution:
    """The same plan with the first route changed."""
    return replace(solution, routes=(change(solution.routes[0]), *solution.routes[1:]))


def visit(number: int, **change: Any) -> Callable[[Solution], Solution]:
    """Change the times of one visit of the first route."""

    def changed(route: Route) -> Route:
        visits = list(route.visits)
        visits[number] = replace(visits[number], **change)
        return replace(route, visits=tuple(visits))

    return lambda solution: with_route(solution, changed)


def test_a_sound_plan_has_no_violation() -> None:
    """Would fail if the checker cried wolf."""
    assert check(*sound_day()) == []


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("routes", lambda s: replace(s, routes=s.routes[:1])),
        ("routes", lambda s: replace(s, routes=(*s.routes, s.routes[0]))),
        ("coverage", lambda s: replace(s, unassigned=())),
        ("coverage", lambda s: replace(s, unassigned=(*s.unassigned, s.unassigned[0]))),
        ("reason", lambda s: replace(s, unassigned=(Unassigned("left", Reason("", "")),))),
        ("frozen", visit(0, arrive=at("7:59"))),
        ("frozen", lambda s: with_route(s, lambda r: replace(r, leave_office=at("7:40")))),
        ("travel", visit(1, arrive=at("8:05"))),
        ("travel", lambda s: with_route(s, lambda r: replace(r, back_office=r.visits[-1].depart))),
        ("window", visit(1, start=at("9:31"), depart=at("9:36"))),
        ("service", visit(1, depart=at("9:01"))),
        ("service", visit(1, arrive=at("9:20"))),
        ("shift", lambda s: with_route(s, lambda r: replace(r, back_office=at("16:31")))),
        ("lunch", lambda s: with_route(s, lambda r: replace(r, lunch=None))),
        ("lunch", lambda s: with_route(s, lambda r: replace(r, lunch=Break(at("11:00"), at("12:00"))))),
        ("lunch", lambda s: with_route(s, lambda r: replace(r, lunch=Break(at("11:30"), at("12:00"))))),
        ("lunch", lambda s: with_route(s, lambda r: replace(r, lunch=Break(at("12:00"), at("13:00"))))),
        ("totals", lambda s: with_route(s, lambda r: replace(r, travel_seconds=1))),
        ("totals", lambda s: replace(s, totals=replace(s.totals, objective=1))),
    ],
)
def test_each_broken_rule_is_named(rule: str, spoil: Callable[[Solution], Solution]) -> None:
    """Would fail if a plan with this flaw could pass as sound."""
    day, solution = sound_day()
    spoiled = spoil(solution)
    if rule == "lunch" and spoiled.routes[0].lunch == Break(at("12:00"), at("13:00")):
        spoiled = visit(2, arrive=at("12:45"), start=at("12:45"), depart=at("13:15"))(spoiled)
    assert rule in {violation.rule for violation in check(day, spoiled)}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("lock", {"locked": {"noon": "w2"}}),
        ("skill", {"workers": (worker("w1", lunch=NOON, capacity=2), worker("w2"))}),
        (
            "capacity",
            {"workers": (worker("w1", lunch=NOON, capacity=1, skills=frozenset({"sealed"})), worker("w2"))},
        ),
    ],
)
def test_a_plan_for_another_day_is_refused(rule: str, change: dict[str, object]) -> None:
    """Would fail if a lock, a skill or a capacity of the day were not looked at."""
    day, solution = sound_day()
    other = replace(day, **change)  # type: ignore[arg-type]
    assert rule in {violation.rule for violation in check(other, solution)}


def test_a_result_from_the_office_on_a_bike_that_has_left_is_found() -> None:
    """Would fail if a plan could deliver a paper that nobody carries."""
    day, solution = sound_day()
    stops = tuple(replace(stop, load=-1) if stop.id == "morning" else stop for stop in day.stops)
    assert "aboard" in {violation.rule for violation in check(replace(day, stops=stops), solution)}


def test_waiting_before_a_door_is_allowed() -> None:
    """Would fail if the checker demanded that service starts on arrival."""
    day, solution = sound_day()
    morning = solution.routes[0].visits[1]
    assert morning.start - morning.arrive == 45 * MINUTE
    assert check(day, solution) == []
