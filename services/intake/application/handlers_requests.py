"""Commands about requests: ask, complete, ask back, change, book again, withdraw."""

from __future__ import annotations

from typing import Any

from services.intake.application.agreement import (
    CONSENT_PURPOSE,
    CONSENT_TEXT_VERSION,
    Agreement,
    agree,
    agree_window,
)
from services.intake.application.booking import (
    appointments_of,
    book,
    call_off,
    can_advance,
    errand,
    move,
    move_visit,
    promised,
    the_appointment,
    the_request,
)
from services.intake.application.commands import (
    AskCitizen,
    BookAgain,
    CancelRequest,
    CompleteDraft,
    Reschedule,
    SubmitRequest,
)
from services.intake.application.notices import note_progress, speaker_for, tell
from services.intake.application.ports import Ports
from services.intake.application.records import AppointmentRow, ConsentRow, RequestRow
from services.intake.domain.appointments import AppointmentStatus, AppointmentStep, VisitPurpose
from services.intake.domain.catalogue import subject_of
from services.intake.domain.requests import RequestStatus, RequestStep
from shared.contracts.intake import RequestCancelled, RequestReceived
from shared.errors import NotFound, RuleBroken
from shared.ids import new_code
from shared.messaging.unit_of_work import UnitOfWork

Answer = dict[str, Any]


def open_request(uow: UnitOfWork, channel: str, status: RequestStatus) -> RequestRow:
    """A new request with an id and a code of its own."""
    request = RequestRow(
        request_id=uow.new_id(),
        code=new_code(),
        channel=channel,
        status=status,
        entered_by=uow.actor.account,
        created_at=uow.now,
        changed_at=uow.now,
    )
    uow.session.add(request)
    # Rows that refer to it follow; the database checks that it is there first.
    uow.session.flush()
    return request


def submit_request(command: SubmitRequest, uow: UnitOfWork, ports: Ports) -> Answer:
    """Receives and confirms a complete request in one step."""
    agreement = agree(command, uow.session, uow.now, ports)
    request = open_request(uow, command.channel, RequestStatus.RECEIVED)
    return _confirm(uow, ports, request, agreement)


def complete_draft(command: CompleteDraft, uow: UnitOfWork, ports: Ports) -> Answer:
    """Turns a draft into a confirmed request; a point that the citizen sent before still counts."""
    request = the_request(uow.session, command.request_id)
    move(request, RequestStep.COMPLETE, uow)
    if command.lat is None and request.precision == "pin":
        command = command.model_copy(update={"lat": request.lat, "lon": request.lon})
    return _confirm(uow, ports, request, agree(command, uow.session, uow.now, ports))


def ask_citizen(command: AskCitizen, uow: UnitOfWork, ports: Ports) -> Answer:
    """Sends an operator's question and marks the draft as waiting for the answer."""
    request = the_request(uow.session, command.request_id)
    if request.status != RequestStatus.NEEDS_INFO:
        move(request, RequestStep.ASK, uow)
    tell(uow, request, speaker_for(request, ports).question(command.question))
    return {"request_id": request.request_id, "status": request.status}


def book_again(command: BookAgain, uow: UnitOfWork, ports: Ports) -> Answer:
    """Agrees on another visit after one that failed or found papers missing."""
    request = the_request(uow.session, command.request_id)
    earlier = appointments_of(uow.session, request.request_id)
    last = earlier[-1] if earlier else None
    if last is None or AppointmentStatus(last.status).open or last.outcome in _FINISHED:
        raise RuleBroken("Yêu cầu này không cần đặt lại lịch.", code="appointment.not_needed")
    if VisitPurpose(last.purpose).first:
        move(request, RequestStep.RETRY, uow)
    request.withdrawn_at = None
    window = agree_window(command.window, uow.now, ports)
    appointment = book(
        uow,
        request,
        VisitPurpose(last.purpose),
        window,
        attempt=last.attempt + 1,
        dossier_id=last.dossier_id,
        office_id=last.office_id,
    )
    telling = speaker_for(request, ports).rescheduled(errand(appointment, uow.session), window)
    tell(uow, request, telling, appointment)
    note_progress(uow, request, "Đã đặt lại lịch hẹn", window.text)
    return _answer(request, appointment)


_FINISHED = {"picked_up", "supplement_collected", "delivered", "guided"}


def reschedule(command: Reschedule, uow: UnitOfWork, ports: Ports) -> Answer:
    """Moves a visit that has not begun to another window."""
    request = the_request(uow.session, command.request_id)
    appointment = the_appointment(uow.session, command.appointment_id)
    if appointment.request_id != request.request_id:
        raise NotFound("Không có lịch hẹn này.", code="appointment.missing")
    if VisitPurpose(appointment.purpose).first:
        move(request, RequestStep.RESCHEDULE, uow)
    window = agree_window(command.window, uow.now, ports)
    if window == promised(appointment):
        raise RuleBroken("Đây đã là khung giờ đang hẹn.", code="window.same")
    move_visit(uow, request, appointment, window, command.reason)
    telling = speaker_for(request, ports).rescheduled(errand(appointment, uow.session), window)
    tell(uow, request, telling, appointment)
    note_progress(uow, request, "Đã đổi giờ hẹn", window.text)
    return _answer(request, appointment)


def cancel_request(command: CancelRequest, uow: UnitOfWork, ports: Ports) -> Answer:
    """Withdraws a request and its open appointments."""
    request = the_request(uow.session, command.request_id)
    was_known = request.status not in (RequestStatus.DRAFT, RequestStatus.NEEDS_INFO)
    move(request, RequestStep.CANCEL, uow)
    request.withdrawn_at = uow.now
    for appointment in appointments_of(uow.session, request.request_id):
        if can_advance(appointment, AppointmentStep.CANCEL):
            call_off(uow, appointment, command.reason)
    if was_known:
        uow.publish(RequestCancelled(request_id=request.request_id, reason=command.reason))
    tell(uow, request, speaker_for(request, ports).cancelled())
    note_progress(uow, request, "Yêu cầu đã được huỷ")
    return {"request_id": request.request_id, "code": request.code, "status": request.status}


def _confirm(uow: UnitOfWork, ports: Ports, request: RequestRow, agreement: Agreement) -> Answer:
    _write(request, agreement)
    move(request, RequestStep.CONFIRM, uow)
    _keep_consent(uow, request)
    uow.publish(
        RequestReceived.model_validate(
            {
                "request_id": request.request_id,
                "code": request.code,
                "channel": request.channel,
                "procedure_code": request.procedure_code,
                "unit_id": request.unit_id,
            }
        )
    )
    appointment = book(uow, request, agreement.purpose, agreement.window, note=request.note)
    telling = speaker_for(request, ports).confirmed(
        agreement.purpose.label, agreement.window, subject_of(agreement.procedure)
    )
    tell(uow, request, telling, appointment)
    note_progress(uow, request, "Đã xác nhận yêu cầu và hẹn lịch", agreement.window.text)
    return _answer(request, appointment)


def _write(request: RequestRow, agreement: Agreement) -> None:
    place = agreement.place
    request.procedure_code = agreement.procedure.code
    request.applicant_name, request.phone = agreement.applicant_name, agreement.phone
    request.address, request.landmark = place.text, place.landmark
    request.unit_id, request.office_id = place.unit.id, place.office_id
    request.lat, request.lon, request.precision = place.point.lat, place.point.lon, place.precision.value
    request.note = agreement.note


def _keep_consent(uow: UnitOfWork, request: RequestRow) -> None:
    """Who ticked the box, when, on which channel; a citizen's own tick has the request as evidence."""
    uow.session.add(
        ConsentRow(
            consent_id=uow.new_id(),
            request_id=request.request_id,
            purpose=CONSENT_PURPOSE,
            text_version=CONSENT_TEXT_VERSION,
            channel=request.channel,
            evidence=f"{uow.actor.role}:{uow.actor.account}",
            given_at=uow.now,
        )
    )


def _answer(request: RequestRow, appointment: AppointmentRow) -> Answer:
    return {
        "request_id": request.request_id,
        "code": request.code,
        "appointment_id": appointment.appointment_id,
        "status": request.status,
        "office_id": appointment.office_id,
        "window": {
            "start": appointment.window_start.isoformat(),
            "end": appointment.window_end.isoformat(),
        },
    }
