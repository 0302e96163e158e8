"""What other services said: appointments become visits, plans give them a worker, the rest is copied."""

from __future__ import annotations

from sqlmodel import col, delete, select

from services.postal_bridge.application.ports import Ports
from services.postal_bridge.application.records import (
    CalendarCopy,
    OfficeCopy,
    PlanCopy,
    ProcedureCopy,
    RouteRow,
    UnitCopy,
    VisitRow,
    WorkerCopy,
)
from services.postal_bridge.application.visits import load_visit
from services.postal_bridge.domain.visit import VisitState
from shared.contracts import intake, routing
from shared.messaging.guard import Waiting
from shared.messaging.unit_of_work import UnitOfWork

REQUESTS = "intake.request.v1"


def keep_procedure(event: intake.ProcedurePublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Copies a procedure."""
    uow.session.merge(
        ProcedureCopy(
            procedure_code=event.procedure_code, version=event.version, body=event.model_dump(mode="json")
        )
    )


def keep_unit(event: intake.OrgUnitPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Copies a unit."""
    uow.session.merge(
        UnitCopy(unit_id=event.unit_id, name=event.name, kind=event.kind, agency_code=event.agency_code)
    )


def keep_calendar_day(event: intake.CalendarDayPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Copies a day of the calendar."""
    uow.session.merge(
        CalendarCopy(
            entry_id=event.entry_id, day=event.day, kind=event.kind, scope=event.scope, name=event.name
        )
    )


def keep_office(event: routing.OfficePublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Copies a post office."""
    uow.session.merge(
        OfficeCopy(
            office_id=event.office_id, name=event.name, unit_id=event.unit_id, coverage=list(event.coverage)
        )
    )


def keep_worker(event: routing.WorkerPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Copies a worker."""
    uow.session.merge(
        WorkerCopy(
            worker_id=event.worker_id,
            name=event.name,
            badge=event.badge,
            office_id=event.office_id,
            active=event.active,
        )
    )


def keep_routes(event: routing.PlanPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Takes over the order of driving of a post office's day; the newest plan replaces all of it.

    The revisions of an office's day come in order; one that is replayed late is passed over all the same.
    """
    known = uow.session.get(PlanCopy, (event.office_id, event.day))
    if known is not None and event.revision < known.revision:
        return
    uow.session.merge(PlanCopy(office_id=event.office_id, day=event.day, revision=event.revision))
    uow.session.exec(
        delete(RouteRow).where(col(RouteRow.office_id) == event.office_id, col(RouteRow.day) == event.day)
    )
    uow.session.flush()
    for route in event.routes:
        uow.session.merge(
            RouteRow(
                worker_id=route.worker_id,
                day=event.day,
                office_id=event.office_id,
                revision=event.revision,
                stop_ids=list(route.stop_ids),
            )
        )


def plan_visit(event: intake.AppointmentConfirmed, uow: UnitOfWork, _ports: Ports) -> None:
    """A confirmed appointment is a visit to come."""
    uow.session.add(
        VisitRow(
            visit_id=event.appointment_id,
            request_id=event.request_id,
            request_code=event.code,
            purpose=event.purpose,
            attempt=event.attempt,
            window_start=event.window.start,
            window_end=event.window.end,
            procedure_code=event.procedure_code,
            applicant_name=event.applicant_name,
            phone=event.phone,
            place_text=event.place.text,
            landmark=event.place.landmark,
            unit_id=event.place.unit_id,
            lat=event.place.lat,
            lon=event.place.lon,
            precision=event.place.precision,
            office_id=event.office_id,
            note=event.note,
            dossier_id=event.dossier_id,
            state=VisitState.PLANNED.value,
        )
    )
    uow.session.flush()


def move_window(event: intake.AppointmentRescheduled, uow: UnitOfWork, _ports: Ports) -> None:
    """The citizen chose another window; a visit under way is not moved any more."""
    row = uow.session.get(VisitRow, event.appointment_id)
    if row is not None and row.state == VisitState.PLANNED:
        row.window_start, row.window_end = event.window.start, event.window.end


def cancel_visit(event: intake.AppointmentCancelled, uow: UnitOfWork, _ports: Ports) -> None:
    """The appointment was called off."""
    row = uow.session.get(VisitRow, event.appointment_id)
    if row is not None:
        _cancel(row, uow)


def cancel_visits(event: intake.RequestCancelled, uow: UnitOfWork, _ports: Ports) -> None:
    """The request was withdrawn: nobody sets off for it any more."""
    for row in uow.session.exec(select(VisitRow).where(VisitRow.request_id == event.request_id)):
        _cancel(row, uow)


def assign_visit(event: routing.StopScheduled, uow: UnitOfWork, _ports: Ports) -> None:
    """Routing says who comes and when about. Raises Waiting until the appointment itself is known.

    The window stays as intake agreed it: a plan that crossed a citizen's change on its way was made for
    the former one, and the plan after it says who comes then.
    """
    row = uow.session.get(VisitRow, event.stop_id)
    if row is None:
        raise Waiting(REQUESTS, event.request_id)
    if row.state != VisitState.PLANNED:
        return
    row.worker_id, row.day, row.expected_arrival = event.worker_id, event.day, event.expected_arrival
    row.office_id = event.office_id


def unassign_visit(
    event: routing.StopUnassigned | routing.StopWithdrawn, uow: UnitOfWork, _ports: Ports
) -> None:
    """Nobody comes for now. Raises Waiting until the appointment itself is known."""
    row = uow.session.get(VisitRow, event.stop_id)
    if row is None:
        raise Waiting(REQUESTS, event.request_id)
    if row.state == VisitState.PLANNED:
        row.worker_id = row.day = row.expected_arrival = None


def _cancel(row: VisitRow, uow: UnitOfWork) -> None:
    row.state = load_visit(uow.session, row).cancel().state.value
