"""Puts a plan into force in one transaction: checks its facts, writes it, tells who must know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlmodel import Session

from services.routing.application.draft import LeftOut, PlanDraft, PlannedRoute, PlannedVisit
from services.routing.application.planning_day import revisions_after, stops_of
from services.routing.application.records import PlanRow, StopRow, plan_id_of
from services.routing.domain import stops
from services.routing.domain.stops import StopState, Told
from shared.contracts.intake import Window
from shared.contracts.routing import PlanPublished, RouteSummary, StopScheduled, StopUnassigned
from shared.errors import RuleBroken
from shared.messaging.unit_of_work import UnitOfWork

URGENT = "urgent"
"""Origin of a revision that nobody asked for: a late stop was inserted and nothing else decided."""


class NewerPlan(RuleBroken):
    """Somebody else published a plan of this day while this one was being made."""

    code = "plan.newer"

    def __init__(self) -> None:
        super().__init__(
            "Đã có lộ trình mới hơn cho ngày này.",
            hints=("Xem lộ trình mới nhất rồi lập lại nếu vẫn cần.",),
        )


class StopsChanged(RuleBroken):
    """A stop began, moved, was cancelled or inserted unasked while the plan was being made."""

    code = "plan.stops_changed"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Có điểm dừng vừa thay đổi trong lúc lập lộ trình.", hints=("Lập lộ trình lại.",))


def publish_plan(
    uow: UnitOfWork, office_id: str, day: date, draft: PlanDraft, *, origin: str, note: str = ""
) -> dict[str, Any]:
    """Makes the draft the plan in force and answers it.

    The facts are read again in this transaction, which is serializable: what commits while it runs makes
    it lose and start over, so no start, cancellation or newer plan is overwritten. Raises NewerPlan or
    StopsChanged when the facts that the draft was computed on are no longer true.
    """
    rows = {row.stop_id: row for row in stops_of(uow.session, office_id, day)}
    newer = revisions_after(uow.session, office_id, day, draft.base_revision)
    if any(plan.origin != URGENT for plan in newer):
        raise NewerPlan
    changed = any(
        stop_id not in rows or rows[stop_id].version != version for stop_id, version in draft.versions.items()
    )
    if newer or changed:
        raise StopsChanged
    plan = PlanRow(
        plan_id=plan_id_of(office_id, day),
        office_id=office_id,
        day=day,
        revision=draft.base_revision + 1,
        origin=origin,
        note=note,
        made_by=uow.actor.account,
        made_at=uow.now,
        objective=draft.objective,
        served=sum(len(route.visits) for route in draft.routes),
        travel_seconds=draft.travel_seconds,
        routes=[route.model_dump(mode="json") for route in draft.routes],
        unassigned=[left.model_dump(mode="json") for left in draft.unassigned],
        progress=[row.model_dump(mode="json") for row in draft.progress],
    )
    uow.session.add(plan)
    uow.publish(_published(plan, draft))
    for route in draft.routes:
        for position, visit in enumerate(route.visits):
            _schedule(uow, plan, route.worker_id, position, visit, rows[visit.stop_id])
    for left in draft.unassigned:
        _leave_out(uow, rows[left.stop_id], left.reason_code, left.reason)
    uow.session.flush()
    return plan_answer(uow.session, plan)


def _published(plan: PlanRow, draft: PlanDraft) -> PlanPublished:
    return PlanPublished(
        plan_id=plan.plan_id,
        office_id=plan.office_id,
        day=plan.day,
        revision=plan.revision,
        routes=tuple(_summary(route) for route in draft.routes if route.visits),
        unassigned=tuple(left.stop_id for left in draft.unassigned),
    )


def _summary(route: PlannedRoute) -> RouteSummary:
    return RouteSummary(worker_id=route.worker_id, stop_ids=tuple(visit.stop_id for visit in route.visits))


def _schedule(
    uow: UnitOfWork, plan: PlanRow, worker_id: str, position: int, visit: PlannedVisit, row: StopRow
) -> None:
    row.plan_id, row.position = plan.plan_id, position
    uow.session.add(row)
    if not visit.fixed or row.status is StopState.STARTED:
        row.arrival, row.start, row.depart = visit.arrival, visit.start, visit.depart
    if visit.fixed:
        return  # its worker knows, and the citizen has been served or is being served
    row.state = stops.plan(row.status, worker_id)
    row.worker_id, row.tour = worker_id, visit.tour
    row.reason_code = row.reason = ""
    told = Told(worker_id, row.day, row.window_start, row.window_end, visit.start)
    if not stops.worth_telling(row.told, told):
        return
    row.changes += row.told is not None
    row.tell(told)
    uow.publish(
        StopScheduled(
            stop_id=row.stop_id,
            request_id=row.request_id,
            plan_id=plan.plan_id,
            office_id=row.office_id,
            worker_id=worker_id,
            day=row.day,
            window=Window(start=row.window_start, end=row.window_end),
            expected_arrival=visit.start,
        )
    )


def _leave_out(uow: UnitOfWork, row: StopRow, reason_code: str, reason: str) -> None:
    known = row.status is StopState.UNASSIGNED and row.reason_code == reason_code
    row.state = stops.plan(row.status, None)
    row.leave_plan()
    row.tell(None)
    row.reason_code, row.reason = reason_code, reason
    uow.session.add(row)
    if not known:
        uow.publish(
            StopUnassigned(
                stop_id=row.stop_id,
                request_id=row.request_id,
                office_id=row.office_id,
                day=row.day,
                reason_code=reason_code,
                reason=reason,
            )
        )


def still_left_out(
    session: Session, office_id: str, day: date, except_for: Collection[str] = ()
) -> tuple[LeftOut, ...]:
    """The stops the last search left out, with its reasons: a change of one stop explains nothing anew."""
    return tuple(
        LeftOut(stop_id=row.stop_id, reason_code=row.reason_code, reason=row.reason)
        for row in stops_of(session, office_id, day)
        if row.status is StopState.UNASSIGNED and row.stop_id not in except_for
    )


def plan_answer(session: Session, plan: PlanRow) -> dict[str, Any]:
    """A plan as the API shows it: routes with live states, unassigned stops with reasons, the search."""
    return {
        "plan_id": plan.plan_id,
        "office_id": plan.office_id,
        "day": plan.day.isoformat(),
        "revision": plan.revision,
        "origin": plan.origin,
        "made_at": plan.made_at.isoformat(),
        "objective": plan.objective,
        "travel_seconds": plan.travel_seconds,
        "routes": [_route_answer(session, route) for route in plan.routes],
        "unassigned": plan.unassigned,
        "progress": plan.progress,
    }


def _route_answer(session: Session, route: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in route.items() if key != "visits"}
    return {**shown, "stops": [_visit_answer(session, visit) for visit in route["visits"]]}


def _visit_answer(session: Session, visit: dict[str, Any]) -> dict[str, Any]:
    row = session.get(StopRow, visit["stop_id"])
    if row is None:
        return visit
    return {
        **visit,
        "request_id": row.request_id,
        "purpose": row.purpose,
        "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
        "state": row.state,
    }
