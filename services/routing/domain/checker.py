"""An independent judge of a planned day: it reads the listed times and believes nothing else.

It shares no code with anything that plans: it never schedules, it only verifies. What is frozen
happened and is not judged; the rest must keep every rule of `Problem`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from services.routing.domain.problem import Break, Problem, Stop, Visit, Worker
from services.routing.domain.solution import Route, Solution


@dataclass(frozen=True)
class Violation:
    """One broken rule: its name, and where it was broken."""

    rule: str
    worker_id: str | None = None
    stop_id: str | None = None


def check(problem: Problem, solution: Solution) -> list[Violation]:
    """Every broken rule of a solution; empty when it can be carried out as listed.

    Rules: `routes` (one for each worker), `coverage` (each stop once, served or unassigned),
    `reason`, `frozen`, `lock`, `skill`, `aboard`, `travel`, `window`, `service`, `shift`, `lunch`,
    `capacity`, `totals`.
    """
    found = list(_coverage(problem, solution))
    if any(violation.rule == "routes" for violation in found):
        return found
    for worker in problem.workers:
        route = next(route for route in solution.routes if route.worker_id == worker.id)
        if any(visit.stop_id not in problem.row for visit in route.visits):
            continue
        found += _frozen(problem, worker, route)
        found += _permissions(problem, worker, route)
        found += _times(problem, worker, route)
        found += _lunch(problem, worker, route)
        found += _capacity(problem, worker, route)
    return found + list(_totals(problem, solution))


def _coverage(problem: Problem, solution: Solution) -> Iterator[Violation]:
    listed = Counter(route.worker_id for route in solution.routes)
    for worker_id in listed.keys() | {worker.id for worker in problem.workers}:
        if listed[worker_id] != 1 or worker_id not in problem.worker:
            yield Violation("routes", worker_id)
    times = Counter(visit.stop_id for route in solution.routes for visit in route.visits)
    times.update(left.stop_id for left in solution.unassigned)
    for stop_id in times.keys() | problem.row.keys():
        if times[stop_id] != 1 or stop_id not in problem.row:
            yield Violation("coverage", None, stop_id)
    for left in solution.unassigned:
        if not left.reason.code or not left.reason.text:
            yield Violation("reason", None, left.stop_id)


def _frozen(problem: Problem, worker: Worker, route: Route) -> Iterator[Violation]:
    prefix = problem.prefix.get(worker.id)
    if prefix is None:
        return
    if route.visits[: len(prefix.visits)] != prefix.visits:
        yield Violation("frozen", worker.id)
    if prefix.lunch is not None and route.lunch != prefix.lunch:
        yield Violation("frozen", worker.id)
    if prefix.left_office is not None and route.leave_office != prefix.left_office:
        yield Violation("frozen", worker.id)


def _open_visits(problem: Problem, worker: Worker, route: Route) -> list[tuple[Visit, Stop]]:
    prefix = problem.prefix.get(worker.id)
    visits = route.visits[len(prefix.visits) if prefix else 0 :]
    return [(visit, problem.stops[problem.row[visit.stop_id] - 1]) for visit in visits]


def _permissions(problem: Problem, worker: Worker, route: Route) -> Iterator[Violation]:
    prefix = problem.prefix.get(worker.id)
    left = prefix is not None and prefix.left_office is not None
    for _, stop in _open_visits(problem, worker, route):
        if problem.locked.get(stop.id) not in {None, worker.id}:
            yield Violation("lock", worker.id, stop.id)
        if stop.skill and stop.skill not in worker.skills:
            yield Violation("skill", worker.id, stop.id)
        if stop.aboard_of not in {None, worker.id} or (stop.load < 0 and left and stop.aboard_of is None):
            yield Violation("aboard", worker.id, stop.id)


def _times(problem: Problem, worker: Worker, route: Route) -> Iterator[Violation]:
    """Each leg long enough, each service in a window and of full length, out and back within the shift."""
    prefix = problem.prefix.get(worker.id)
    lunch = None if prefix and prefix.lunch else route.lunch
    place, moment = 0, route.leave_office
    if prefix and prefix.visits:
        place = problem.row[prefix.visits[-1].stop_id]
    earliest = max(worker.shift_start, prefix.ready_at) if prefix else worker.shift_start
    if prefix and prefix.left_office is not None:
        moment = earliest
    elif moment < earliest:
        yield Violation("shift", worker.id)
    for visit, stop in _open_visits(problem, worker, route):
        row = problem.row[stop.id]
        if _moving(moment, visit.arrive, lunch) < problem.travel_seconds[place][row]:
            yield Violation("travel", worker.id, stop.id)
        if not any(window.earliest <= visit.start <= window.latest for window in stop.windows):
            yield Violation("window", worker.id, stop.id)
        if visit.start < visit.arrive or visit.depart - visit.start != stop.service_seconds:
            yield Violation("service", worker.id, stop.id)
        place, moment = row, visit.depart
    if _moving(moment, route.back_office, lunch) < problem.travel_seconds[place][0]:
        yield Violation("travel", worker.id)
    if route.back_office > worker.shift_end and _open_visits(problem, worker, route):
        yield Violation("shift", worker.id)


def _moving(leave: int, arrive: int, lunch: Break | None) -> int:
    """Seconds between leaving and arriving that are not lunch."""
    eaten = max(0, min(arrive, lunch.end) - max(leave, lunch.start)) if lunch else 0
    return arrive - leave - eaten


def _lunch(problem: Problem, worker: Worker, route: Route) -> Iterator[Violation]:
    prefix, band = problem.prefix.get(worker.id), worker.lunch
    if prefix and prefix.lunch:
        return
    lunch = route.lunch
    free_from = max(worker.shift_start, prefix.ready_at) if prefix else worker.shift_start
    if lunch is None:
        owed = band is not None and free_from <= band.latest - band.seconds < route.back_office
        if owed and route.back_office > route.leave_office:
            yield Violation("lunch", worker.id)
        return
    if band is None or lunch.start < max(band.earliest, free_from) or lunch.end > band.latest:
        yield Violation("lunch", worker.id)
    if band and lunch.end - lunch.start != band.seconds:
        yield Violation("lunch", worker.id)
    for visit, stop in _open_visits(problem, worker, route):
        if lunch.start < visit.depart and visit.start < lunch.end:
            yield Violation("lunch", worker.id, stop.id)


def _capacity(problem: Problem, worker: Worker, route: Route) -> Iterator[Violation]:
    """Count what is aboard, visit by visit; what reality overloaded may only shrink."""
    stops = [problem.stops[problem.row[visit.stop_id] - 1] for visit in route.visits]
    prefix = problem.prefix.get(worker.id)
    frozen = len(prefix.visits) if prefix else 0
    left = prefix is not None and prefix.left_office is not None
    aboard = sum(-stop.load for stop in stops if stop.load < 0)
    if left:
        planned = {stop.id for stop in stops}
        aboard += sum(
            -stop.load
            for stop in problem.stops
            if stop.load < 0 and stop.aboard_of == worker.id and stop.id not in planned | problem.done.keys()
        )
    aboard += sum(stop.load for stop in stops[:frozen])
    bound = max(worker.capacity, aboard) if left else worker.capacity
    if aboard > bound:
        yield Violation("capacity", worker.id)
    for stop in stops[frozen:]:
        aboard += stop.load
        if aboard > bound:
            yield Violation("capacity", worker.id, stop.id)


def _totals(problem: Problem, solution: Solution) -> Iterator[Violation]:
    """Add everything up again from the matrix and the listed times."""
    travel, works, moved = 0, [], 0
    before = {stop_id: worker_id for worker_id, ids in problem.previous.items() for stop_id in ids}
    for route in solution.routes:
        rows = [0, *(problem.row.get(visit.stop_id, 0) for visit in route.visits), 0]
        legs = sum(problem.travel_seconds[rows[k]][rows[k + 1]] for k in range(len(rows) - 1))
        if legs != route.travel_seconds:
            yield Violation("totals", route.worker_id)
        travel += legs
        work = route.back_office - route.leave_office
        if route.lunch and route.leave_office <= route.lunch.start and route.lunch.end <= route.back_office:
            work -= route.lunch.end - route.lunch.start
        works.append(work)
        moved += sum(before.get(v.stop_id) not in {None, route.worker_id} for v in route.visits)
    price = travel + moved * problem.prices.moved
    for left in solution.unassigned:
        if left.stop_id in problem.row:
            stop = problem.stops[problem.row[left.stop_id] - 1]
            price += stop.drop_penalty + (problem.prices.promise if stop.promised else 0)
    if works:
        mean = sum(works) // len(works)
        beyond = sum(work - mean for work in works if work > mean)
        price += beyond * problem.prices.imbalance_permille // 1000
    totals = solution.totals
    listed = (totals.travel_seconds, totals.work_seconds, totals.moved, totals.objective)
    if listed != (travel, sum(works), moved, price):
        yield Violation("totals")
