"""A dispatcher's own move of one stop to another worker: what it would cost, and whether it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from services.routing.domain import rules
from services.routing.domain.assemble import assemble, open_orders
from services.routing.domain.explain import clock_text, window_text
from services.routing.domain.insertion import Draft
from services.routing.domain.problem import OFFICE, Problem, Stop, Worker
from services.routing.domain.schedule import Timetable, lunch_owed, timetable
from services.routing.domain.solution import Reason, Solution
from shared.errors import RuleBroken


@dataclass(frozen=True)
class MoveCost:
    """What moving a stop does: change of travel over the whole day, promises broken, rules violated.

    `violations` is empty exactly when the move is allowed. A forbidden move still has its price, at
    the place of the target route that breaks the fewest windows by the fewest seconds.
    """

    stop_id: str
    to_worker: str
    position: int
    added_seconds: int
    broken_promises: tuple[str, ...]
    violations: tuple[Reason, ...]

    @property
    def added_minutes(self) -> int:
        """Added travel in whole minutes, rounded."""
        return round(self.added_seconds / 60)

    @property
    def allowed(self) -> bool:
        """Whether no rule is violated."""
        return not self.violations


class MoveRefused(RuleBroken):
    """The move breaks a rule; the message is the rule in Vietnamese."""

    code = "routing.move.refused"


def move_cost(problem: Problem, solution: Solution, stop_id: str, to_worker: str) -> MoveCost:
    """Price a move without doing it. A lock of the moved stop itself is not heeded: the move replaces it.

    Raises KeyError for a stop or a worker that the day does not have.
    """
    stop, worker = problem.stop(stop_id), problem.worker[to_worker]
    if stop_id in problem.done:
        return MoveCost(stop_id, to_worker, 0, 0, (), (rules.ALREADY_VISITED,))
    unlocked, draft, saved = _without(problem, solution, stop)
    place = draft.best(stop_id, [worker])
    if place is not None:
        return MoveCost(stop_id, to_worker, place.position, place.added_travel - saved, (), ())
    return _forbidden(unlocked, draft, stop, worker, saved)


def move_stop(problem: Problem, solution: Solution, stop_id: str, to_worker: str) -> Solution:
    """The day after the move, the stop at its best place on the new route, nothing else moved.

    The caller keeps the lock (`Problem.locked`) for the next planning; the totals of the answer
    already count it as the worker in force. Raises `MoveRefused` with the first violated rule.
    """
    cost = move_cost(problem, solution, stop_id, to_worker)
    if cost.violations:
        first = cost.violations[0]
        hints = tuple(reason.text for reason in cost.violations[1:])
        raise MoveRefused(first.text, code=first.code, hints=hints)
    unlocked, draft, _ = _without(problem, solution, problem.stop(stop_id))
    orders = {worker_id: list(order) for worker_id, order in draft.open_ids.items()}
    orders[to_worker].insert(cost.position, stop_id)
    return assemble(replace(unlocked, locked={**problem.locked, stop_id: to_worker}), orders)


def _without(problem: Problem, solution: Solution, stop: Stop) -> tuple[Problem, Draft, int]:
    """The day without the stop and its lock, and the travel that leaving it out saves."""
    locked = {stop_id: worker_id for stop_id, worker_id in problem.locked.items() if stop_id != stop.id}
    unlocked = replace(problem, locked=locked)
    orders = open_orders(problem, solution)
    saved = 0
    for worker_id, order in orders.items():
        if stop.id in order:
            rest = tuple(other for other in order if other != stop.id)
            table = timetable(unlocked, problem.worker[worker_id], rest)
            saved = table.detour(order.index(stop.id), problem.row[stop.id])
            orders[worker_id] = rest
    return unlocked, Draft(unlocked, orders), saved


def _forbidden(problem: Problem, draft: Draft, stop: Stop, worker: Worker, saved: int) -> MoveCost:
    order = draft.open_ids[worker.id]
    table = timetable(problem, worker, order)
    tries = []
    for position in range(len(order) + 1):
        late, overtime = lateness(problem, worker, [*order[:position], stop.id, *order[position:]])
        broken = [stop_id for stop_id in late if problem.stop(stop_id).promised]
        tries.append((len(broken), sum(late.values()) + overtime, position, late, overtime, broken))
    _, _, position, late, overtime, broken = min(tries, key=lambda each: each[:3])
    found: list[Reason] = []
    standing = rules.refusal(problem, stop, worker)
    if standing:
        found.append(standing)
    levels = rules.load_levels(problem, worker, [*order[:position], stop.id, *order[position:]])
    if max(levels) > rules.load_bound(problem, worker, levels):
        found.append(rules.CAPACITY)
    found += [_late_reason(problem.stop(stop_id), seconds) for stop_id, seconds in late.items()]
    if overtime:
        text = f"Bưu tá sẽ về bưu cục lúc {clock_text(worker.shift_end + overtime)}, sau giờ hết ca."
        found.append(Reason(rules.SHIFT_EXCEEDED.code, text))
    if not found:
        found.append(draft.obstacle(stop, worker) or rules.WINDOW_MISSED)
    added = table.detour(position, problem.row[stop.id]) - saved
    return MoveCost(stop.id, worker.id, position, added, tuple(broken), tuple(found))


def _late_reason(stop: Stop, seconds: int) -> Reason:
    minutes = -(-seconds // 60)
    kind = "đã hẹn với người dân" if stop.promised else "của điểm dừng"
    text = f"Sẽ đến trễ {minutes} phút so với khung giờ {window_text(stop.windows)} {kind}."
    return Reason(rules.WINDOW_MISSED.code, text)


def lateness(problem: Problem, worker: Worker, open_ids: Sequence[str]) -> tuple[dict[str, int], int]:
    """Seconds late at each missed stop and after the shift, when nobody ever turns back.

    Lunch is taken in the gap that makes the day least late. A late service happens at once.
    """
    table = timetable(problem, worker, open_ids)
    band = lunch_owed(problem, worker)
    outcomes = []
    for gap in [None, *range(len(table.rows) - 1)]:
        late, back, legal = _drive(table, gap)
        if gap is None and band is not None and back > band.latest_start:
            continue
        if legal:
            outcomes.append((late, max(0, back - worker.shift_end)))
    return min(outcomes, key=lambda each: sum(each[0].values()) + each[1])


def _drive(table: Timetable, meal: int | None) -> tuple[dict[str, int], int, bool]:
    """Drive on whatever happens: how late, when back, and whether lunch still fell into its band."""
    band = table.timing.band
    late: dict[str, int] = {}
    moment = min(table.ready[0])
    for gap, (before, here) in enumerate(pairwise(table.rows)):
        available = moment + table.problem.leg(before, here)
        if gap == meal:
            if band is None or moment > band.latest_start:
                return late, available, False
            available = max(available, band.earliest) + band.seconds
        moment = available
        if here != OFFICE:
            stop = table.problem.stops[here - 1]
            window = next((each for each in stop.windows if available <= each.latest), stop.windows[-1])
            start = max(available, window.earliest)
            if start > window.latest:
                late[stop.id] = start - window.latest
            moment = start + stop.service_seconds
    return late, moment, True
