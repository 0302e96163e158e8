"""A stop that comes after its day was planned is never left unplanned because nobody looked.

When its window is near it is put, unasked, where it fits best in the plan in force; nothing else changes its
worker or its order. What does not fit is left out with the reason, for the dispatcher to see.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, col, select

from services.routing.application.commands import InsertUrgentStops
from services.routing.application.draft import PlanDraft
from services.routing.application.moving import PlanOutdated
from services.routing.application.planner import draft_of
from services.routing.application.planning_day import read_day, stops_of
from services.routing.application.ports import Ports
from services.routing.application.publishing import URGENT, StopsChanged, publish_plan, still_left_out
from services.routing.application.records import PlanRow, StopRow
from services.routing.domain.assemble import insert_urgent
from services.routing.domain.stops import StopState
from shared.clock import local_date
from shared.contracts.envelope import ActorRef
from shared.errors import Problem
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions, UnitOfWork

log = structlog.get_logger(__name__)

NEAR = timedelta(hours=24)
"""A window that starts within this time is not left to the next planning by hand."""

MOST_AT_ONCE = 50
"""So many stops of a day are decided together: others can write in between, and pages go on answering."""


def insert_urgent_stops(command: InsertUrgentStops, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The plan with the near stops comes into force. See `publish_plan` for what is refused."""
    return publish_plan(uow, command.office_id, command.day, command.draft, origin=URGENT)


def _is_near(row: StopRow, now: datetime) -> bool:
    return row.status is StopState.WAITING and row.window_start < now + NEAR


@dataclass(frozen=True)
class UrgentPlanner:
    """Looks for near stops that no plan has, and has them inserted by the service itself."""

    transactions: Transactions
    bus: CommandBus
    ports: Ports
    every_seconds: float = 3.0

    def work(self, stopping: threading.Event) -> float:
        """One round for a `SoleWorker`."""
        return 0.0 if self.sweep(stopping) else self.every_seconds

    def sweep(self, stopping: threading.Event | None = None) -> int:
        """Looks after every day once; answers how many stops were decided. A day that fails does not stop
        the rest, and is looked at again in the next round."""
        with self.transactions.reading() as session:
            days = _days_to_look_at(session, self.transactions.clock())
        decided = 0
        for office_id, day in days:
            if stopping is not None and stopping.is_set():
                break
            decided += self._insert(office_id, day)
        return decided

    def _insert(self, office_id: str, day: date) -> int:
        """Inserts the next ones; when a stop of the day changed meanwhile fewer, which takes less time."""
        most = MOST_AT_ONCE
        try:
            while most:
                stop_ids, draft = self._draft(office_id, day, most)
                if not stop_ids:
                    return 0
                command = InsertUrgentStops(office_id=office_id, day=day, draft=draft)
                try:
                    self.bus.execute(command, ActorRef.system("routing"))
                except StopsChanged:
                    most = len(stop_ids) // 2
                else:
                    return len(stop_ids)
            log.info("urgent.overtaken", office_id=office_id, day=str(day))
        except Problem as problem:
            log.info("urgent.not_inserted", office_id=office_id, day=str(day), code=problem.problem_code)
        except Exception as error:
            log.exception("urgent.failed", office_id=office_id, day=str(day), error=type(error).__name__)
        return 0

    def _draft(self, office_id: str, day: date, most: int) -> tuple[list[str], PlanDraft]:
        """The next near stops, and the plan in force with them in it, or left out with a reason.

        Made outside of any transaction: while it takes its time nobody else has to wait. Raises PlanOutdated
        when only a new search helps; then the stops go on waiting for it.
        """
        now = self.transactions.clock()
        with self.transactions.reading() as session:
            near = [row.stop_id for row in stops_of(session, office_id, day) if _is_near(row, now)][:most]
            planning_day = read_day(session, office_id, day, now, self.ports)
            known = still_left_out(session, office_id, day)
        try:
            solution = insert_urgent(planning_day.problem, planning_day.open_orders, near)
        except ValueError as error:
            raise PlanOutdated from error
        draft = draft_of(planning_day, solution)
        return near, draft.model_copy(update={"unassigned": (*known, *draft.unassigned)})


def _days_to_look_at(session: Session, now: datetime) -> list[tuple[str, date]]:
    """Offices and days with a plan in force and a near stop that it does not know."""
    planned = select(PlanRow).where(PlanRow.office_id == StopRow.office_id, PlanRow.day == StopRow.day)
    found = select(col(StopRow.office_id), col(StopRow.day)).where(
        StopRow.state == StopState.WAITING,
        col(StopRow.day) >= local_date(now),
        col(StopRow.window_start) < now + NEAR,
        planned.exists(),
    )
    return sorted({(office_id, day) for office_id, day in session.exec(found)})
