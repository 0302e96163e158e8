"""What routing does when asked and when it hears something; the foot of this file lists all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmodel import select

from services.routing.application.commands import InsertUrgentStops, LoadReference, MoveStop, PublishPlan
from services.routing.application.handlers_reference import (
    copy_calendar_day,
    copy_procedure,
    copy_unit,
    load_reference,
)
from services.routing.application.moving import move_option, plan_as_it_stands
from services.routing.application.planner import draft_of
from services.routing.application.planning_day import read_day
from services.routing.application.ports import Ports
from services.routing.application.publishing import publish_plan, still_left_out
from services.routing.application.records import Procedure, StopRow
from services.routing.application.urgent import insert_urgent_stops
from services.routing.domain import stops
from services.routing.domain.stops import FIXED, StopState
from shared.actor import Role
from shared.clock import local_date
from shared.contracts.envelope import Event
from shared.contracts.intake import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentRescheduled,
    CalendarDayPublished,
    NoticeSent,
    OrgUnitPublished,
    ProcedurePublished,
    RequestCancelled,
    SignInsRecalled,
)
from shared.contracts.postal import VisitCompleted, VisitFailed, VisitStarted
from shared.contracts.routing import StopWithdrawn
from shared.contracts.topics import topic_of
from shared.errors import Forbidden, NotFound, RuleBroken
from shared.messaging.commands import Command, CommandHandler
from shared.messaging.guard import Waiting
from shared.messaging.unit_of_work import UnitOfWork
from shared.sign_ins import keep_recalled

# --- commands ---------------------------------------------------------------------------------------


def publish(command: PublishPlan, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """A searched plan comes into force. See `publish_plan` for what is refused."""
    _must_dispatch(uow, command.office_id)
    return publish_plan(uow, command.office_id, command.day, command.draft, origin="solver")


def move_stop(command: MoveStop, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """A stop changes its worker by hand; the day becomes a new revision and later plans keep the choice.

    Raises RuleBroken with the rule that forbids it.
    """
    row = uow.session.get(StopRow, command.stop_id)
    if row is None:
        raise NotFound("Không có điểm dừng này.", code="stop.unknown")
    _must_dispatch(uow, row.office_id)
    if row.status not in stops.OPEN:
        raise RuleBroken(f"Điểm dừng {row.status.label}, không chuyển được nữa.", code="stop.not_open")
    planning_day = read_day(uow.session, row.office_id, row.day, uow.now, ports)
    present = plan_as_it_stands(planning_day)
    option = move_option(planning_day, present, command.stop_id, command.to_worker)
    if option.after is None:
        first, *others = option.cost.violations
        raise RuleBroken(first.text, code=first.code, hints=tuple(reason.text for reason in others))
    row.locked_to = command.to_worker
    uow.session.add(row)
    left = still_left_out(uow.session, row.office_id, row.day, except_for={row.stop_id})
    draft = draft_of(planning_day, option.after).model_copy(update={"unassigned": left})
    return publish_plan(uow, row.office_id, row.day, draft, origin="move", note=command.note)


def _must_dispatch(uow: UnitOfWork, office_id: str) -> None:
    if uow.person.role is not Role.DISPATCHER:
        raise Forbidden("Chỉ điều độ viên của bưu cục mới lập và đổi lộ trình.", code="scope.role")
    uow.person.must_serve_office(office_id)


# --- appointments -----------------------------------------------------------------------------------


def add_stop(event: AppointmentConfirmed, uow: UnitOfWork, _ports: Ports) -> None:
    """A confirmed appointment is a stop to plan, as long and as skilled as its procedure says."""
    procedure = uow.session.get(Procedure, event.procedure_code)
    if procedure is None:
        raise Waiting(topic_of(ProcedurePublished).name, event.procedure_code)
    if uow.session.get(StopRow, event.appointment_id) is not None:
        raise RuleBroken("Lịch hẹn này đã có điểm dừng.", code="stop.exists")
    uow.session.add(
        StopRow(
            stop_id=event.appointment_id,
            request_id=event.request_id,
            code=event.code,
            office_id=event.office_id,
            day=local_date(event.window.start),
            purpose=event.purpose,
            attempt=event.attempt,
            procedure_code=event.procedure_code,
            service_seconds=procedure.service_minutes * 60,
            skill=stops.skill_for(event.purpose, procedure.skill),
            load=stops.load_of(event.purpose),
            window_start=event.window.start,
            window_end=event.window.end,
            lat=event.place.lat,
            lon=event.place.lon,
            precision=event.place.precision,
            place=event.place.text,
            unit_id=event.place.unit_id,
        )
    )


def reschedule_stop(event: AppointmentRescheduled, uow: UnitOfWork, _ports: Ports) -> None:
    """The stop gets its new window and waits for a plan; on another day, whoever expected it is told."""
    row = _stop_of(uow, event.appointment_id)
    state = stops.reopen(row.status)
    if state in FIXED:
        return
    day = local_date(event.window.start)
    if day != row.day:
        _withdraw_from_plan(uow, row)
        row.locked_to = row.aboard_of = None
    row.leave_plan()
    row.day, row.window_start, row.window_end = day, event.window.start, event.window.end
    row.reason_code = row.reason = ""
    row.enter(state)
    uow.session.add(row)


def cancel_stop(event: AppointmentCancelled, uow: UnitOfWork, _ports: Ports) -> None:
    """The visit will not take place."""
    _withdraw(uow, _stop_of(uow, event.appointment_id))


def cancel_stops(event: RequestCancelled, uow: UnitOfWork, _ports: Ports) -> None:
    """None of the request's visits will take place any more."""
    for row in uow.session.exec(select(StopRow).where(StopRow.request_id == event.request_id)).all():
        _withdraw(uow, row)


def _withdraw(uow: UnitOfWork, row: StopRow) -> None:
    state = stops.withdraw(row.status)
    if state in FIXED or state is row.status:
        return
    _withdraw_from_plan(uow, row)
    row.leave_plan()
    row.enter(state)
    uow.session.add(row)


def _withdraw_from_plan(uow: UnitOfWork, row: StopRow) -> None:
    """Tells those who expect the stop, if anybody was ever told that it comes."""
    if row.status is StopState.UNASSIGNED or row.told is not None:
        uow.publish(StopWithdrawn(stop_id=row.stop_id, request_id=row.request_id))
    row.tell(None)


def note_announcement(event: NoticeSent, uow: UnitOfWork, _ports: Ports) -> None:
    """Remembers when the citizen was last told about this visit."""
    row = uow.session.get(StopRow, event.appointment_id) if event.appointment_id else None
    if row is not None:
        row.announced_at = event.sent_at
        uow.session.add(row)


# --- what happens on the road -----------------------------------------------------------------------


def start_visit(event: VisitStarted, uow: UnitOfWork, _ports: Ports) -> None:
    """The stop belongs to the worker who set off for it, whatever was planned."""
    row = _visited(uow, event)
    if row.worker_id != event.worker_id:
        row.worker_id, row.tour = event.worker_id, _tour_under_way(uow, row, event.worker_id)
    _load_results(uow, row, event.worker_id)
    row.set_off_at = row.set_off_at or event.started_at
    row.enter(stops.begin(row.status))
    uow.session.add(row)


def complete_visit(event: VisitCompleted, uow: UnitOfWork, _ports: Ports) -> None:
    """The visit took place."""
    row = _visited(uow, event)
    row.worker_id = event.worker_id
    row.arrived_at, row.finished_at = event.arrived_at, event.finished_at
    row.enter(stops.end(row.status, served=True))
    uow.session.add(row)


def fail_visit(event: VisitFailed, uow: UnitOfWork, _ports: Ports) -> None:
    """Nobody could be served; a new attempt comes as a new appointment."""
    row = _visited(uow, event)
    row.worker_id = event.worker_id
    row.arrived_at, row.finished_at = event.arrived_at, event.failed_at or event.arrived_at
    row.enter(stops.end(row.status, served=False))
    uow.session.add(row)


def _visited(uow: UnitOfWork, event: VisitStarted | VisitCompleted | VisitFailed) -> StopRow:
    row = uow.session.get(StopRow, event.visit_id)
    if row is None:
        raise Waiting(topic_of(AppointmentConfirmed).name, event.request_id)
    return row


def _tour_under_way(uow: UnitOfWork, row: StopRow, worker_id: str) -> int:
    same = select(StopRow).where(StopRow.worker_id == worker_id, StopRow.day == row.day)
    fixed = [other.tour for other in uow.session.exec(same).all() if other.status in FIXED]
    return max(fixed, default=1)


def _load_results(uow: UnitOfWork, row: StopRow, worker_id: str) -> None:
    """A worker who leaves the office takes along the results of the whole tour; nobody else has them then."""
    same = select(StopRow).where(
        StopRow.worker_id == worker_id, StopRow.day == row.day, StopRow.tour == row.tour
    )
    tour = uow.session.exec(same).all()
    if any(other.status in FIXED for other in tour):
        return
    for other in tour:
        if other.load < 0 and other.status is StopState.PLANNED:
            other.aboard_of = worker_id
            uow.session.add(other)


def _stop_of(uow: UnitOfWork, appointment_id: str) -> StopRow:
    row = uow.session.get(StopRow, appointment_id)
    if row is None:
        raise NotFound("Lịch hẹn này không có điểm dừng.", code="stop.unknown")
    return row


COMMANDS: Mapping[type[Command], CommandHandler] = {
    LoadReference: load_reference,
    PublishPlan: publish,
    MoveStop: move_stop,
    InsertUrgentStops: insert_urgent_stops,
}

EVENTS: Mapping[type[Event], Callable[[Any, UnitOfWork, Any], None]] = {
    AppointmentConfirmed: add_stop,
    AppointmentRescheduled: reschedule_stop,
    AppointmentCancelled: cancel_stop,
    RequestCancelled: cancel_stops,
    NoticeSent: note_announcement,
    OrgUnitPublished: copy_unit,
    ProcedurePublished: copy_procedure,
    CalendarDayPublished: copy_calendar_day,
    SignInsRecalled: keep_recalled,
    VisitStarted: start_visit,
    VisitCompleted: complete_visit,
    VisitFailed: fail_visit,
}
