"""Coming back to the office in the middle of the day, because a result became ready after everybody left.

A worker who leaves the office, visits and returns makes a *tour*. The problem knows each tour as a worker of
its own, named `worker/number`. Where to cut the rest of a tour under way in two is decided here, by trying
every place of the order; the search then works with the tours it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.routing.domain.assemble import routes_of
from services.routing.domain.insertion import Draft
from services.routing.domain.problem import FrozenPrefix, Problem, Stop, Worker
from services.routing.domain.schedule import route_of


def tour_id(worker_id: str, number: int) -> str:
    """The name of a worker's tour inside the problem."""
    return f"{worker_id}/{number}"


def tour_of(name: str) -> tuple[str, int]:
    """The worker and the number behind a tour's name."""
    worker_id, _, number = name.rpartition("/")
    return worker_id, int(number)


def next_tour(name: str) -> str:
    """The tour after this one."""
    worker_id, number = tour_of(name)
    return tour_id(worker_id, number + 1)


@dataclass(frozen=True)
class _Cut:
    """A tour under way that ends earlier, and the tour that follows it with the rest of the stops."""

    first: Worker
    second: Worker
    starts: FrozenPrefix
    orders: Mapping[str, tuple[str, ...]]
    fetched: int
    travel_seconds: int


def with_second_tours(problem: Problem) -> Problem:
    """The problem in which workers on the road may come back for results that wait at the office.

    Unchanged when none waits. A cut tour may not end later than the cut says, so that a worker's two tours
    cannot overlap; lunch is owed by the second one when the first is back before lunch is over.
    """
    waiting = [stop for stop in problem.stops if _waits_at_office(problem, stop)]
    planned = any(name not in problem.worker for name in problem.previous)
    if not waiting and not planned:
        return problem
    for worker in problem.workers:
        prefix = problem.prefix.get(worker.id)
        if prefix is not None and prefix.left_office is not None:
            cut = _best_cut(problem, worker, waiting)
            problem = _applied(problem, cut) if cut else problem
    return problem


def _waits_at_office(problem: Problem, stop: Stop) -> bool:
    return stop.load < 0 and stop.aboard_of is None and stop.id not in problem.done


def _best_cut(problem: Problem, worker: Worker, waiting: Sequence[Stop]) -> _Cut | None:
    """The cut made before if it still works, else the one after which most waiting results can be brought."""
    first = problem.previous.get(worker.id, ())
    later = problem.previous.get(next_tour(worker.id), ())
    order = (*first, *later)
    if later and (kept := _cut_at(problem, worker, order, len(first), waiting)):
        return kept
    places = range(len(order) + 1)
    cuts = [cut for place in places if (cut := _cut_at(problem, worker, order, place, waiting))]
    return max(cuts, key=lambda cut: (cut.fetched, -cut.travel_seconds), default=None)


def _cut_at(
    problem: Problem, worker: Worker, order: tuple[str, ...], place: int, waiting: Sequence[Stop]
) -> _Cut | None:
    route = route_of(problem, worker, order[:place])
    if route is None or not worker.shift_start < route.back_office < worker.shift_end:
        return None
    prefix = problem.prefix[worker.id]
    hungry = worker.lunch and not prefix.lunch and route.back_office <= worker.lunch.latest_start
    name = next_tour(worker.id)
    cut = _Cut(
        first=replace(worker, shift_end=route.back_office),
        second=replace(worker, id=name, lunch=worker.lunch if hungry else None),
        starts=FrozenPrefix(name, (), route.back_office),
        orders={worker.id: order[:place], name: order[place:]},
        fetched=0,
        travel_seconds=0,
    )
    alone = _applied(replace(problem, workers=(worker,), frozen=(prefix,), locked={}), cut)
    routes = routes_of(alone, cut.orders)
    if routes is None:
        return None
    draft = Draft(alone, cut.orders)
    able = [stop for stop in waiting if stop.id not in order and draft.best(stop.id, [cut.second])]
    return replace(cut, fetched=len(able), travel_seconds=sum(route.travel_seconds for route in routes))


def _applied(problem: Problem, cut: _Cut) -> Problem:
    """The problem with one tour cut in two; what is aboard stays with the worker on the second tour."""
    first, second = cut.first.id, cut.second.id
    later = set(cut.orders[second])
    stops = tuple(
        replace(stop, aboard_of=second) if stop.aboard_of == first and stop.id in later else stop
        for stop in problem.stops
    )
    workers: list[Worker] = []
    for worker in problem.workers:
        workers += [cut.first, cut.second] if worker.id == first else [worker]
    fetch = {stop.id for stop in problem.stops if _waits_at_office(problem, stop)}
    locked = {
        stop_id: second if name == first and stop_id in later | fetch else name
        for stop_id, name in problem.locked.items()
    }
    return replace(
        problem,
        workers=tuple(workers),
        stops=stops,
        frozen=(*problem.frozen, cut.starts),
        locked=locked,
        previous={**problem.previous, **cut.orders},
    )
