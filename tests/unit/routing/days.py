"""Small days to plan, for tests: homes along one straight road, times in minutes or as `H:MM`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from services.routing.domain.problem import (
    FrozenPrefix,
    LunchBand,
    Point,
    Prices,
    Problem,
    Stop,
    Window,
    Worker,
)
from services.routing.domain.solution import Solution

MINUTE = 60
PLAIN = Prices(imbalance_permille=0)


def at(clock: str) -> int:
    """`9:30` in seconds since midnight."""
    hour, minute = clock.split(":")
    return int(hour) * 3600 + int(minute) * 60


def window(span: str) -> Window:
    """`8:00-10:00` as a window."""
    earliest, latest = span.split("-")
    return Window(at(earliest), at(latest))


NOON = LunchBand(at("11:30"), at("13:00"), 60 * MINUTE)


def home(name: str, *spans: str, minutes: int = 5, **more: Any) -> Stop:
    """A stop served in `minutes` whose start lies in one of the spans (all day when none is given)."""
    windows = tuple(window(span) for span in spans or ("7:30-16:30",))
    return Stop(name, Point(15.7, 108.4), windows, minutes * MINUTE, **more)


def worker(name: str = "w1", shift: str = "7:30-16:30", **more: Any) -> Worker:
    """A worker on shift, without lunch unless given."""
    span = window(shift)
    return Worker(name, span.earliest, span.latest, **more)


def road(positions: Sequence[int], stops: Sequence[Stop], workers: Sequence[Worker], **more: Any) -> Problem:
    """A day along one road: the office at 0, each stop as many minutes away as its position says."""
    places = [0, *positions]
    seconds = tuple(tuple(abs(here - there) * MINUTE for there in places) for here in places)
    more.setdefault("prices", PLAIN)
    return Problem(Point(15.7, 108.4), tuple(workers), tuple(stops), seconds, **more)


def four_homes_on_a_line(**more: Any) -> Problem:
    """Homes 10, 20, 30 and 40 minutes from the office, one worker: there and back are 80 minutes."""
    return road([10, 20, 30, 40], [home(name) for name in "abcd"], [worker()], **more)


@st.composite
def days(draw: st.DrawFn, most_stops: int = 7, workers_on_shift: tuple[int, int] = (0, 3)) -> Problem:
    """Any small day: windows, lunch, skills, loads and distances as they come, often too tight."""
    hours = st.integers(7, 16)
    stops, positions = [], []
    for number in range(draw(st.integers(0, most_stops))):
        first, length = draw(hours), draw(st.integers(0, 3))
        spans = [f"{first}:00-{min(first + length, 18)}:30"]
        if draw(st.booleans()) and first + length + 1 <= 16:
            spans.append(f"{first + length + 1}:00-17:00")
        stops.append(
            home(
                f"s{number}",
                *spans,
                minutes=draw(st.integers(0, 90)),
                load=draw(st.integers(-3, 3)),
                skill=draw(st.sampled_from([None, None, "sealed"])),
                drop_penalty=draw(st.sampled_from([600, 3600, 8 * 3600])),
            )
        )
        positions.append(draw(st.integers(-90, 90)))
    workers = [
        worker(
            f"w{number}",
            draw(st.sampled_from(["7:30-16:30", "7:00-11:00", "12:15-18:00", "11:45-17:00"])),
            lunch=draw(st.sampled_from([None, NOON])),
            capacity=draw(st.integers(0, 6)),
            skills=frozenset(draw(st.sampled_from([(), ("sealed",)]))),
        )
        for number in range(draw(st.integers(*workers_on_shift)))
    ]
    return road(positions, stops, workers, prices=Prices())


def at_work(problem: Problem, solution: Solution, now: int, extra: Stop, position_row: int) -> Problem:
    """The same day at `now`, as the plan foresaw it: done and begun stops frozen, every promise made.

    `extra` is a new request at the place of matrix row `position_row`.
    """
    frozen, aboard = [], {}
    for route in solution.routes:
        leave, begun = route.leave_office, []
        for visit in route.visits:
            if leave > now:
                break
            begun.append(visit)
            leave = visit.depart
        has_left = route.leave_office <= now and bool(route.visits)
        reached = max(now, begun[-1].depart if begun else now)
        lunch = route.lunch if route.lunch and route.lunch.start <= reached else None
        if lunch and (not begun or lunch.start >= begun[-1].depart):
            reached = max(reached, lunch.end)
        left_office = route.leave_office if has_left else None
        frozen.append(FrozenPrefix(route.worker_id, tuple(begun), reached, left_office, lunch))
        if has_left:
            aboard.update(dict.fromkeys(route.stop_ids, route.worker_id))
    stops = [
        replace(
            stop,
            promised=stop.id in solution.worker_of,
            aboard_of=aboard.get(stop.id) if stop.load < 0 else None,
        )
        for stop in problem.stops
    ]
    rows = [*range(len(problem.stops) + 1), position_row]
    legs = tuple(tuple(problem.travel_seconds[here][there] for there in rows) for here in rows)
    return Problem(
        problem.office,
        problem.workers,
        (*stops, extra),
        legs,
        frozen=tuple(frozen),
        previous=solution.sequences,
        prices=problem.prices,
    )
