"""From the order of stops to a full answer: exact times, reasons for what is left out, totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.routing.domain.explain import explain
from services.routing.domain.insertion import Draft, construct
from services.routing.domain.problem import Problem, Stop
from services.routing.domain.rules import load_bound, load_levels, refusal
from services.routing.domain.schedule import route_of
from services.routing.domain.solution import Route, Solution, Unassigned, totals_of

BROKEN = "these orders of stops break a rule of the problem"


def routes_of(problem: Problem, open_ids: Mapping[str, Sequence[str]]) -> list[Route] | None:
    """Exact routes for these orders of open stops; None when any rule would be broken."""
    routes: list[Route] = []
    for worker in problem.workers:
        order = open_ids.get(worker.id, ())
        levels = load_levels(problem, worker, order)
        if max(levels) > load_bound(problem, worker, levels):
            return None
        if any(refusal(problem, problem.stop(stop_id), worker) for stop_id in order):
            return None
        route = route_of(problem, worker, order)
        if route is None:
            return None
        routes.append(route)
    return routes


def objective_of(problem: Problem, open_ids: Mapping[str, Sequence[str]]) -> int | None:
    """The exact price of a day in this order; None when it breaks a rule."""
    routes = routes_of(problem, open_ids)
    if routes is None:
        return None
    served = {stop_id for route in routes for stop_id in route.stop_ids}
    left = [stop.id for stop in problem.stops if stop.id not in served]
    return totals_of(problem, routes, left).objective


def assemble(problem: Problem, open_ids: Mapping[str, Sequence[str]]) -> Solution:
    """The solution for these orders of open stops (frozen visits are put before them).

    Raises ValueError when an order breaks a rule: a plan that cannot be kept is never returned.
    """
    draft = Draft(problem, open_ids)
    return _solution_of(draft, draft.missing)


def open_orders(problem: Problem, solution: Solution) -> dict[str, tuple[str, ...]]:
    """Worker id to the stops of a solution that are not frozen, in order."""
    return {
        route.worker_id: tuple(stop_id for stop_id in route.stop_ids if stop_id not in problem.done)
        for route in solution.routes
    }


def insert_urgent(
    problem: Problem, open_ids: Mapping[str, Sequence[str]], stop_ids: Iterable[str]
) -> Solution:
    """The day in these orders with more stops, one after the other, each at its exact cheapest place.

    Nothing else changes worker or order; a stop that is already planned or done stays where it is. One
    without a place comes back unassigned with its reason; what else is left out is not explained anew.
    Raises ValueError when the orders break a rule, KeyError when the day has no such stop.
    """
    if routes_of(problem, open_ids) is None:
        raise ValueError(BROKEN)
    draft = Draft(problem, open_ids)
    waiting = {stop.id for stop in draft.missing}
    urgent = [problem.stop(stop_id) for stop_id in dict.fromkeys(stop_ids)]
    for stop in urgent:
        if stop.id in waiting and (insertion := draft.best(stop.id)) is not None:
            draft.insert(insertion)
    missing = {stop.id for stop in draft.missing}
    return _solution_of(draft, [stop for stop in urgent if stop.id in missing])


def plan_without_solver(problem: Problem) -> Solution:
    """A feasible plan by insertion alone: the start of a search and the answer when there is no solver."""
    return assemble(problem, construct(problem))


def _solution_of(draft: Draft, explained: Iterable[Stop]) -> Solution:
    """A draft worked out, with the reasons for the stops named. Raises ValueError when it breaks a rule."""
    problem = draft.problem
    routes = routes_of(problem, draft.open_ids)
    if routes is None:
        raise ValueError(BROKEN)
    empty = Draft(problem)
    unassigned = tuple(Unassigned(stop.id, explain(draft, empty, stop)) for stop in explained)
    totals = totals_of(problem, routes, [stop.id for stop in draft.missing])
    return Solution(tuple(routes), unassigned, totals)
