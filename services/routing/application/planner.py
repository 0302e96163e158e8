"""Plans a day: read the problem, search outside of any transaction, publish if nothing has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.routing.application.commands import PublishPlan
from services.routing.application.draft import (
    LeftOut,
    Lunch,
    PlanDraft,
    PlannedRoute,
    PlannedVisit,
    ProgressRow,
)
from services.routing.application.planning_day import PlanningDay, read_day
from services.routing.application.ports import Ports
from services.routing.application.publishing import StopsChanged
from services.routing.application.records import StopRow
from services.routing.application.solver_port import Progress
from services.routing.application.times import instant_of
from services.routing.application.tours import tour_of
from services.routing.domain.problem import Break
from services.routing.domain.solution import Route, Solution
from shared.actor import Actor
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions

OnRow = Callable[[ProgressRow], None]
ATTEMPTS = 3
"""Searches before giving up on a day whose stops keep changing meanwhile."""


@dataclass(frozen=True)
class DayPlanner:
    """The use case behind the button "Lập lộ trình"."""

    transactions: Transactions
    bus: CommandBus
    ports: Ports

    def plan(
        self,
        actor: Actor,
        office_id: str,
        day: date,
        *,
        seconds: float | None = None,
        idempotency_key: str | None = None,
        on_row: OnRow = lambda _row: None,
    ) -> dict[str, Any]:
        """Searches for at most `seconds` and publishes; answers as `GET /api/offices/…/plans/…` does.

        A stop that changed during the search (a visit began, an appointment was cancelled, a late one was
        inserted) makes a new search; NewerPlan is raised when somebody else has just decided.
        """
        actor.must_serve_office(office_id)
        for remaining in reversed(range(ATTEMPTS)):
            draft = self._search(office_id, day, seconds or self.ports.solver_seconds, on_row)
            command = PublishPlan(office_id=office_id, day=day, seconds=seconds, draft=draft)
            try:
                return self.bus.execute(command, actor, idempotency_key)
            except StopsChanged:
                if not remaining:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _search(self, office_id: str, day: date, seconds: float, on_row: OnRow) -> PlanDraft:
        with self.transactions.reading() as session:
            now = self.transactions.clock()
            planning_day = read_day(session, office_id, day, now, self.ports)
        rows: list[ProgressRow] = []

        def heard(progress: Progress) -> None:
            row = ProgressRow(
                seconds=round(progress.elapsed_seconds, 2),
                objective=progress.objective,
                served=progress.served,
            )
            rows.append(row)
            on_row(row)

        solution = self.ports.solver.solve(
            planning_day.problem, time_limit_seconds=seconds, on_progress=heard
        )
        return draft_of(planning_day, solution, rows)


def draft_of(
    planning_day: PlanningDay, solution: Solution, progress: Iterable[ProgressRow] = ()
) -> PlanDraft:
    """A solution of the day's problem as a plan: tours joined to days, seconds turned into instants."""
    by_worker: dict[str, list[Route]] = {}
    for route in solution.routes:
        by_worker.setdefault(tour_of(route.worker_id)[0], []).append(route)
    return PlanDraft(
        base_revision=planning_day.base_revision,
        versions=dict(planning_day.versions),
        routes=tuple(_whole_day(planning_day, worker_id, tours) for worker_id, tours in by_worker.items()),
        unassigned=tuple(
            LeftOut(stop_id=left.stop_id, reason_code=left.reason.code, reason=left.reason.text)
            for left in solution.unassigned
        ),
        objective=solution.totals.objective,
        travel_seconds=solution.totals.travel_seconds,
        progress=tuple(progress),
    )


def _whole_day(planning_day: PlanningDay, worker_id: str, tours: list[Route]) -> PlannedRoute:
    day, problem = planning_day.day, planning_day.problem
    visits = [_past(row) for row in planning_day.history.get(worker_id, ())]
    used = [route for route in tours if route.visits] or tours[:1]
    lunches: list[Lunch] = []
    for route in used:
        number = tour_of(route.worker_id)[1]
        visits += [
            PlannedVisit(
                stop_id=visit.stop_id,
                tour=number,
                arrival=instant_of(day, visit.arrive),
                start=instant_of(day, visit.start),
                depart=instant_of(day, visit.depart),
                fixed=visit.stop_id in problem.done,
            )
            for visit in route.visits
        ]
        lunches += _lunch(day, route.lunch) if route.visits else []
    leave = instant_of(day, used[0].leave_office)
    return PlannedRoute(
        worker_id=worker_id,
        leave_office=min(leave, visits[0].arrival) if visits else leave,
        back_office=instant_of(day, used[-1].back_office),
        lunches=tuple(lunches),
        travel_seconds=sum(route.travel_seconds for route in used),
        work_seconds=sum(route.work_seconds for route in used),
        visits=tuple(visits),
    )


def _past(row: StopRow) -> PlannedVisit:
    arrived = row.arrived_at or row.set_off_at or row.window_start
    return PlannedVisit(
        stop_id=row.stop_id,
        tour=row.tour,
        arrival=arrived,
        start=arrived,
        depart=row.finished_at or arrived,
        fixed=True,
    )


def _lunch(day: date, taken: Break | None) -> list[Lunch]:
    if taken is None:
        return []
    return [Lunch(start=instant_of(day, taken.start), end=instant_of(day, taken.end))]
