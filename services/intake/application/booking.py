"""Moving requests and appointments: the few acts that commands and foreign events share."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session, col, select

from services.intake.application.records import AppointmentRow, DossierCopy, RequestRow, WorkerCopy
from services.intake.domain import appointments, requests
from services.intake.domain.appointments import AppointmentStatus, AppointmentStep, VisitPurpose
from services.intake.domain.requests import RequestStatus, RequestStep
from services.intake.domain.windows import Window
from shared.contracts.intake import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentRescheduled,
    Place,
    RequestClosed,
)
from shared.contracts.intake import Window as PublishedWindow
from shared.errors import NotFound
from shared.messaging.guard import Waiting
from shared.messaging.unit_of_work import UnitOfWork


def the_request(session: Session, request_id: str) -> RequestRow:
    """The request. Raises NotFound."""
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("Không có yêu cầu này.", code="request.missing")
    return request


def the_appointment(session: Session, appointment_id: str) -> AppointmentRow:
    """The appointment. Raises NotFound."""
    appointment = session.get(AppointmentRow, appointment_id)
    if appointment is None:
        raise NotFound("Không có lịch hẹn này.", code="appointment.missing")
    return appointment


def the_worker(session: Session, worker_id: str) -> WorkerCopy:
    """The worker as routing published them. Raises Waiting until that has been heard of."""
    worker = session.get(WorkerCopy, worker_id)
    if worker is None:
        raise Waiting("routing.worker.v1", worker_id)
    return worker


def appointments_of(session: Session, request_id: str) -> list[AppointmentRow]:
    """All appointments of a request, oldest first."""
    mine = select(AppointmentRow).where(AppointmentRow.request_id == request_id)
    in_order = mine.order_by(col(AppointmentRow.created_at), col(AppointmentRow.appointment_id))
    return list(session.exec(in_order))


def promised(appointment: AppointmentRow) -> Window:
    """The window of an appointment."""
    return Window(appointment.window_start, appointment.window_end)


def errand(appointment: AppointmentRow, session: Session) -> str:
    """What the worker comes for, in plain words; a refused dossier goes home and is no result."""
    purpose = VisitPurpose(appointment.purpose)
    if purpose is VisitPurpose.RETURN and goes_home_refused(appointment.dossier_id, session):
        return "trả lại hồ sơ"
    return purpose.label


REFUSED, GOING_HOME, RETURNED = "refused", "going_home", "returned"
"""The states of a dossier that the desk did not accept: told, on its way home, and at home."""


def goes_home_refused(dossier_id: str | None, session: Session) -> bool:
    """Whether the papers of a refused dossier come home, instead of a result."""
    dossier = session.get(DossierCopy, dossier_id) if dossier_id else None
    return dossier is not None and dossier.state in (REFUSED, GOING_HOME, RETURNED)


def promise_instead(appointment: AppointmentRow, window: Window, now: datetime) -> None:
    """Replaces the promised window and remembers the former one, so that a plan made for it is stale."""
    former = [*appointment.former_windows, _mark(promised(appointment))]
    appointment.former_windows = [mark for mark in former if mark != _mark(window)]
    appointment.window_start, appointment.window_end = window.start, window.end
    appointment.promised_at = now


def move_visit(
    uow: UnitOfWork, request: RequestRow, appointment: AppointmentRow, window: Window, reason: str
) -> None:
    """Moves a visit that has not begun to another window, without a worker for now, and publishes it."""
    advance(appointment, AppointmentStep.RESCHEDULE, uow)
    promise_instead(appointment, window, uow.now)
    appointment.worker_id, appointment.expected_arrival = None, None
    uow.publish(
        AppointmentRescheduled(
            request_id=request.request_id,
            appointment_id=appointment.appointment_id,
            window=PublishedWindow(start=window.start, end=window.end),
            reason=reason,
        )
    )


def call_off(uow: UnitOfWork, appointment: AppointmentRow, reason: str) -> None:
    """Cancels a visit that has not begun, and publishes it."""
    advance(appointment, AppointmentStep.CANCEL, uow)
    uow.publish(
        AppointmentCancelled(
            request_id=appointment.request_id,
            appointment_id=appointment.appointment_id,
            reason=reason,
        )
    )


def was_promised_before(appointment: AppointmentRow, window: Window) -> bool:
    """Whether `window` is a promise that was replaced since."""
    return _mark(window) in appointment.former_windows


def _mark(window: Window) -> str:
    return window.start.astimezone(UTC).isoformat()


def move(request: RequestRow, step: RequestStep, uow: UnitOfWork) -> None:
    """Takes a step. Raises RuleBroken when it is out of order."""
    request.status = requests.after(RequestStatus(request.status), step)
    request.changed_at = uow.now
    uow.session.add(request)


def follow(request: RequestRow, step: RequestStep, uow: UnitOfWork) -> bool:
    """Takes a step that another service reports, if it still applies; a late report changes nothing."""
    if not requests.allows(RequestStatus(request.status), step):
        return False
    move(request, step, uow)
    return True


def advance(appointment: AppointmentRow, step: AppointmentStep, uow: UnitOfWork) -> None:
    """Takes a step of an appointment. Raises RuleBroken when it is out of order."""
    appointment.status = appointments.after(AppointmentStatus(appointment.status), step)
    uow.session.add(appointment)


def can_advance(appointment: AppointmentRow, step: AppointmentStep) -> bool:
    """Whether the step applies to the appointment now."""
    return appointments.allows(AppointmentStatus(appointment.status), step)


def book(
    uow: UnitOfWork,
    request: RequestRow,
    purpose: VisitPurpose,
    window: Window,
    *,
    attempt: int = 1,
    dossier_id: str | None = None,
    note: str = "",
    office_id: str | None = None,
) -> AppointmentRow:
    """Makes an appointment of a request whose place is known, and publishes it."""
    appointment = AppointmentRow(
        appointment_id=uow.new_id(),
        request_id=request.request_id,
        purpose=purpose,
        attempt=attempt,
        status=AppointmentStatus.CONFIRMED,
        window_start=window.start,
        window_end=window.end,
        promised_at=uow.now,
        office_id=office_id or request.office_id,
        dossier_id=dossier_id,
        note=note,
        created_at=uow.now,
    )
    uow.session.add(appointment)
    uow.publish(
        AppointmentConfirmed(
            request_id=request.request_id,
            code=request.code,
            appointment_id=appointment.appointment_id,
            purpose=purpose.value,
            attempt=attempt,
            window=PublishedWindow(start=window.start, end=window.end),
            procedure_code=request.procedure_code,
            applicant_name=request.applicant_name,
            phone=request.phone,
            place=_place(request),
            office_id=appointment.office_id,
            note=note,
            dossier_id=dossier_id,
        )
    )
    return appointment


def close(uow: UnitOfWork, request: RequestRow, outcome: str) -> None:
    """Ends a request, once."""
    if follow(request, RequestStep.CLOSE, uow):
        uow.publish(RequestClosed(request_id=request.request_id, outcome=outcome))


def _place(request: RequestRow) -> Place:
    return Place.model_validate(
        {
            "text": request.address,
            "unit_id": request.unit_id,
            "lat": request.lat,
            "lon": request.lon,
            "precision": request.precision,
            "landmark": request.landmark,
        }
    )
