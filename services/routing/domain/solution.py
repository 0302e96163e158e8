"""A planned day: what every worker does when, what stays undone and why, and what it all costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from services.routing.domain.problem import Break, Problem, Visit


@dataclass(frozen=True)
class Reason:
    """Why something is refused: `code` for programs, `text` in Vietnamese for people."""

    code: str
    text: str


@dataclass(frozen=True)
class Route:
    """One worker's day, all of it: from leaving the office to being back, frozen visits first.

    An idle worker has no visits and leaves and returns at the same moment.
    """

    worker_id: str
    leave_office: int
    visits: tuple[Visit, ...]
    back_office: int
    lunch: Break | None
    travel_seconds: int

    @property
    def stop_ids(self) -> tuple[str, ...]:
        """The stops in the order of visiting."""
        return tuple(visit.stop_id for visit in self.visits)

    @property
    def work_seconds(self) -> int:
        """From leaving to being back, without the lunch taken in between."""
        lunch = 0
        if self.lunch and self.lunch.start >= self.leave_office and self.lunch.end <= self.back_office:
            lunch = self.lunch.end - self.lunch.start
        return self.back_office - self.leave_office - lunch

    @property
    def service_seconds(self) -> int:
        """Time spent at doors."""
        return sum(visit.depart - visit.start for visit in self.visits)

    @property
    def waiting_seconds(self) -> int:
        """What is left of the work when travel and service are taken off."""
        return max(0, self.work_seconds - self.service_seconds - self.travel_seconds)


@dataclass(frozen=True)
class Unassigned:
    """A stop that nobody visits today; `reason` is the first plain obstacle."""

    stop_id: str
    reason: Reason


@dataclass(frozen=True)
class Totals:
    """A plan in numbers: stops, seconds, and the price that planning tries to lower."""

    served: int
    unassigned: int
    broken_promises: int
    travel_seconds: int
    service_seconds: int
    waiting_seconds: int
    work_seconds: int
    moved: int
    objective: int


@dataclass(frozen=True)
class Solution:
    """One route for each worker on shift (in the order of `Problem.workers`) and the rest with reasons."""

    routes: tuple[Route, ...]
    unassigned: tuple[Unassigned, ...]
    totals: Totals

    @cached_property
    def route(self) -> dict[str, Route]:
        """Worker id to route."""
        return {route.worker_id: route for route in self.routes}

    @cached_property
    def worker_of(self) -> dict[str, str]:
        """Stop id to the worker who visits it."""
        return {visit.stop_id: route.worker_id for route in self.routes for visit in route.visits}

    @property
    def sequences(self) -> dict[str, tuple[str, ...]]:
        """Worker id to stop ids in order: what the next planning takes as `Problem.previous`."""
        return {route.worker_id: route.stop_ids for route in self.routes}


def totals_of(problem: Problem, routes: Iterable[Route], unassigned_ids: Iterable[str]) -> Totals:
    """Add up a plan; the objective is travel + dropped stops + changed workers + imbalance."""
    routes, dropped = list(routes), [problem.stop(stop_id) for stop_id in unassigned_ids]
    travel = sum(route.travel_seconds for route in routes)
    moved = sum(
        problem.previous_worker.get(stop_id, route.worker_id) != route.worker_id
        for route in routes
        for stop_id in route.stop_ids
    )
    price = travel + sum(map(problem.drop_price, dropped)) + moved * problem.prices.moved
    return Totals(
        served=sum(len(route.visits) for route in routes),
        unassigned=len(dropped),
        broken_promises=sum(stop.promised for stop in dropped),
        travel_seconds=travel,
        service_seconds=sum(route.service_seconds for route in routes),
        waiting_seconds=sum(route.waiting_seconds for route in routes),
        work_seconds=sum(route.work_seconds for route in routes),
        moved=moved,
        objective=price + imbalance_price(problem, [route.work_seconds for route in routes]),
    )


def imbalance_price(problem: Problem, work_seconds: list[int]) -> int:
    """What the seconds worked beyond the mean cost, rounded down."""
    if not work_seconds:
        return 0
    mean = sum(work_seconds) // len(work_seconds)
    return sum(max(0, work - mean) for work in work_seconds) * problem.prices.imbalance_permille // 1000
