"""What the API shows: offices, workers, stops, plans and the overview, as plain objects."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from services.routing.application.moving import MoveOption
from services.routing.application.planning_day import latest_plan, stops_of
from services.routing.application.publishing import plan_answer
from services.routing.application.records import Office, PlanRow, PostalWorker, StopRow, plan_id_of
from services.routing.application.times import instant_of
from services.routing.application.tours import tour_of
from shared.errors import NotFound


def offices(session: Session) -> list[Office]:
    """All post offices by name."""
    return list(session.exec(select(Office).order_by(Office.name)))


def office(session: Session, office_id: str) -> Office:
    """One post office. Raises NotFound."""
    row = session.get(Office, office_id)
    if row is None:
        raise NotFound("Không có bưu cục này.", code="office.unknown")
    return row


def stop(session: Session, stop_id: str) -> StopRow:
    """One stop. Raises NotFound."""
    row = session.get(StopRow, stop_id)
    if row is None:
        raise NotFound("Không có điểm dừng này.", code="stop.unknown")
    return row


def workers(session: Session, office_id: str | None = None) -> list[PostalWorker]:
    """Active workers, of one office or of all."""
    found = select(PostalWorker).where(col(PostalWorker.active)).order_by(PostalWorker.worker_id)
    if office_id is not None:
        found = found.where(PostalWorker.office_id == office_id)
    return list(session.exec(found))


def office_answer(row: Office) -> dict[str, Any]:
    """A post office for programs."""
    return row.model_dump(include={"office_id", "name", "unit_id", "lat", "lon", "coverage", "is_desk"})


def worker_answer(row: PostalWorker) -> dict[str, Any]:
    """A worker for programs."""
    return row.model_dump(exclude={"fingerprint"})


def stops_answer(session: Session, office_id: str, day: date) -> list[dict[str, Any]]:
    """The stops of an office's day, in the order of their windows."""
    return [stop_answer(row) for row in stops_of(session, office_id, day)]


def stop_answer(row: StopRow) -> dict[str, Any]:
    """A stop for programs: what it is, where it stands, who comes when."""
    return {
        "stop_id": row.stop_id,
        "request_id": row.request_id,
        "code": row.code,
        "office_id": row.office_id,
        "day": row.day.isoformat(),
        "purpose": row.purpose,
        "attempt": row.attempt,
        "state": row.state,
        "worker_id": row.worker_id,
        "locked_to": row.locked_to,
        "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
        "lat": row.lat,
        "lon": row.lon,
        "precision": row.precision,
        "arrival": _iso(row.arrival),
        "start": _iso(row.start),
        "set_off_at": _iso(row.set_off_at),
        "arrived_at": _iso(row.arrived_at),
        "finished_at": _iso(row.finished_at),
        "reason_code": row.reason_code,
        "reason": row.reason,
    }


def plan_in_force(session: Session, office_id: str, day: date) -> dict[str, Any]:
    """The newest plan. Raises NotFound when the day has none."""
    plan = latest_plan(session, office_id, day)
    if plan is None:
        raise NotFound("Ngày này chưa có lộ trình.", code="plan.none")
    return plan_answer(session, plan)


def plan_named(session: Session, plan_id: str, revision: int) -> PlanRow:
    """One revision. Raises NotFound."""
    plan = session.get(PlanRow, (plan_id, revision))
    if plan is None:
        raise NotFound("Không có lộ trình này.", code="plan.unknown")
    return plan


def revisions(session: Session, office_id: str, day: date) -> list[PlanRow]:
    """All plans of a day, newest first."""
    found = select(PlanRow).where(PlanRow.plan_id == plan_id_of(office_id, day))
    return list(session.exec(found.order_by(col(PlanRow.revision).desc())))


def move_answer(option: MoveOption, day: date) -> dict[str, Any]:
    """A move for programs: minutes added, promises it would break, rules that forbid it, expected times."""
    cost, visit = option.cost, None
    if option.after is not None:
        visits = [visit for route in option.after.routes for visit in route.visits]
        visit = next(visit for visit in visits if visit.stop_id == cost.stop_id)
    return {
        "stop_id": cost.stop_id,
        "to_worker": option.worker_id,
        "allowed": cost.allowed,
        "added_minutes": cost.added_minutes,
        "broken_promises": list(cost.broken_promises),
        "violations": [{"code": reason.code, "reason": reason.text} for reason in cost.violations],
        "tour": tour_of(cost.to_worker)[1],
        "arrival": instant_of(day, visit.arrive).isoformat() if visit else None,
        "start": instant_of(day, visit.start).isoformat() if visit else None,
    }


def overview(session: Session) -> dict[str, Any]:
    """Everything an inspector compares: stops by state, and each stop's promise against its schedule."""
    rows = list(session.exec(select(StopRow).order_by(col(StopRow.window_start), col(StopRow.stop_id))))
    plans = session.exec(select(PlanRow.plan_id)).all()
    return {
        "stops_by_state": dict(Counter(row.state for row in rows)),
        "plans": len(plans),
        "days_planned": len(set(plans)),
        "stops": [_promise(row) for row in rows],
    }


def _promise(row: StopRow) -> dict[str, Any]:
    return {
        "stop_id": row.stop_id,
        "request_id": row.request_id,
        "office_id": row.office_id,
        "worker_id": row.worker_id,
        "day": row.day.isoformat(),
        "purpose": row.purpose,
        "state": row.state,
        "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
        "planned_start": _iso(row.start),
        "arrived_at": _iso(row.arrived_at),
        "changes": row.changes,
        "announced_at": _iso(row.announced_at),
        "reason_code": row.reason_code,
    }


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def codes(session: Session, plan: PlanRow) -> dict[str, str]:
    """The request codes of a plan's stops, as people know them."""
    rows = session.exec(select(StopRow).where(StopRow.office_id == plan.office_id, StopRow.day == plan.day))
    return {row.stop_id: row.code for row in rows}
