"""A dispatcher's move by hand, tour by tour: what it would cost, which rule forbids it, the day after it."""

from __future__ import annotations

from dataclasses import dataclass

from services.routing.application.planning_day import PlanningDay
from services.routing.application.tours import tour_of
from services.routing.domain.assemble import assemble
from services.routing.domain.moves import MoveCost, move_cost, move_stop
from services.routing.domain.rules import NO_WORKER
from services.routing.domain.solution import Solution
from shared.errors import NotFound, RuleBroken


class PlanOutdated(RuleBroken):
    """The plan in force can no longer be kept: only a new search helps."""

    code = "plan.outdated"

    def __init__(self) -> None:
        super().__init__(
            "Lộ trình hiện tại không còn kịp giờ.", hints=("Lập lộ trình lại rồi mới chuyển điểm.",)
        )


@dataclass(frozen=True)
class MoveOption:
    """Giving a stop to a worker, on the tour where it fits best; `after` is None when a rule forbids it."""

    worker_id: str
    cost: MoveCost
    after: Solution | None


def plan_as_it_stands(planning_day: PlanningDay) -> Solution:
    """The plan in force from now on. Raises PlanOutdated when it can no longer be kept."""
    try:
        return assemble(planning_day.problem, planning_day.open_orders)
    except ValueError as error:
        raise PlanOutdated from error


def move_option(planning_day: PlanningDay, present: Solution, stop_id: str, worker_id: str) -> MoveOption:
    """What giving the stop to the worker does, nothing else changing worker or order.

    Raises NotFound for a stop that is not open on this day, RuleBroken for a worker who is not on shift.
    """
    problem = planning_day.problem
    if stop_id not in problem.row:
        raise NotFound("Không có điểm dừng này trong ngày.", code="stop.unknown")
    tours = planning_day.tours_of(worker_id)
    if not tours:
        raise RuleBroken("Bưu tá này không trong ca ngày đó.", code=NO_WORKER.code)
    costs = [move_cost(problem, present, stop_id, tour.id) for tour in tours]
    best = min(costs, key=lambda cost: (len(cost.violations), cost.added_seconds))
    after = move_stop(problem, present, stop_id, best.to_worker) if best.allowed else None
    return MoveOption(worker_id, best, after)


def move_options(planning_day: PlanningDay, stop_id: str, without: str | None) -> list[MoveOption]:
    """Every worker on shift except `without`: possible ones first, cheapest first."""
    present = plan_as_it_stands(planning_day)
    names = dict.fromkeys(tour_of(tour.id)[0] for tour in planning_day.problem.workers)
    options = [
        move_option(planning_day, present, stop_id, worker_id) for worker_id in names if worker_id != without
    ]
    return sorted(options, key=lambda option: (not option.cost.allowed, option.cost.added_seconds))
