"""What routing and the postal workers report: offices, workers, plans, visits, and copies of them."""

from __future__ import annotations

from sqlmodel import delete

from services.intake.application.agreement import office_name
from services.intake.application.booking import (
    advance,
    book,
    can_advance,
    close,
    errand,
    follow,
    goes_home_refused,
    promise_instead,
    promised,
    the_appointment,
    the_request,
    the_worker,
    was_promised_before,
)
from services.intake.application.notices import note_progress, speaker_for, tell
from services.intake.application.ports import Ports
from services.intake.application.records import (
    AppointmentRow,
    CoverageCopy,
    OfficeCopy,
    RequestRow,
    WorkerCopy,
)
from services.intake.domain.appointments import (
    AppointmentStatus,
    AppointmentStep,
    VisitPurpose,
    same_time_next_working_day,
)
from services.intake.domain.notice_texts import FAILURE_REASONS
from services.intake.domain.requests import MAX_ATTEMPTS, RequestStep
from services.intake.domain.windows import Window
from shared.clock import local_date
from shared.contracts.postal import VisitCompleted, VisitFailed, VisitStarted
from shared.contracts.routing import (
    OfficePublished,
    StopScheduled,
    StopUnassigned,
    StopWithdrawn,
    WorkerPublished,
)
from shared.messaging.unit_of_work import UnitOfWork

RECEIPT_SAYS = "theo biên lai"
"""The amount in a pickup notice: money travels on its own stream and the receipt was given at the door."""

_CAUSES = {
    "citizen": "phía người dân",
    "post": "phía bưu chính",
    "agency": "phía cơ quan",
    "force_majeure": "bất khả kháng",
}


def copy_office(event: OfficePublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Keeps a post office and the units it serves; a unit that moved to another office stays there."""
    uow.session.merge(
        OfficeCopy(office_id=event.office_id, name=event.name, unit_id=event.unit_id, is_desk=event.is_desk)
    )
    mine = CoverageCopy.office_id == event.office_id
    uow.session.exec(delete(CoverageCopy).where(mine))  # type: ignore[arg-type]
    for unit_id in event.coverage:
        uow.session.merge(CoverageCopy(unit_id=unit_id, office_id=event.office_id))


def copy_worker(event: WorkerPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Keeps the name and badge that citizens are told."""
    uow.session.merge(
        WorkerCopy(
            worker_id=event.worker_id,
            name=event.name,
            badge=event.badge,
            office_id=event.office_id,
            active=event.active,
        )
    )


def on_stop_scheduled(event: StopScheduled, uow: UnitOfWork, ports: Ports) -> None:
    """A worker will come: the citizen learns who, and of a changed window before it starts.

    A plan made for a window that was replaced since, or for a visit that is over, changes nothing.
    """
    appointment = the_appointment(uow.session, event.stop_id)
    window = Window(event.window.start, event.window.end)
    if not can_advance(appointment, AppointmentStep.SCHEDULE):
        return
    moved = window != promised(appointment)
    if moved and was_promised_before(appointment, window):
        return
    worker = the_worker(uow.session, event.worker_id)
    request = the_request(uow.session, appointment.request_id)
    news = moved or appointment.worker_id != event.worker_id
    verb = "Đổi" if appointment.worker_id not in (None, event.worker_id) else "Đã phân công"
    advance(appointment, AppointmentStep.SCHEDULE, uow)
    appointment.worker_id, appointment.unassigned_reason = event.worker_id, ""
    appointment.expected_arrival = event.expected_arrival
    task, speaker = errand(appointment, uow.session), speaker_for(request, ports)
    if VisitPurpose(appointment.purpose).first:
        follow(request, RequestStep.SCHEDULE, uow)
    if moved:
        promise_instead(appointment, window, uow.now)
        tell(uow, request, speaker.rescheduled(task, window), appointment)
        note_progress(uow, request, "Giờ hẹn thay đổi", window.text)
    if news:
        telling = speaker.worker_assigned(task, worker.name, worker.badge, window)
        tell(uow, request, telling, appointment)
        note_progress(uow, request, f"{verb} nhân viên {task}", f"{worker.name}, {window.text}")


def on_stop_unassigned(event: StopUnassigned, uow: UnitOfWork, _ports: Ports) -> None:
    """No worker can come as planned: the promise stays, a dispatcher works on it."""
    appointment = the_appointment(uow.session, event.stop_id)
    if event.day == local_date(appointment.window_start):
        _take_off_route(appointment, uow, event.reason)


def on_stop_withdrawn(event: StopWithdrawn, uow: UnitOfWork, _ports: Ports) -> None:
    """The stop left its plan because of a change that we made."""
    _take_off_route(the_appointment(uow.session, event.stop_id), uow, "")


def _take_off_route(appointment: AppointmentRow, uow: UnitOfWork, reason: str) -> None:
    if not can_advance(appointment, AppointmentStep.UNSCHEDULE):
        return
    advance(appointment, AppointmentStep.UNSCHEDULE, uow)
    appointment.worker_id, appointment.expected_arrival = None, None
    appointment.unassigned_reason = reason
    if VisitPurpose(appointment.purpose).first:
        follow(the_request(uow.session, appointment.request_id), RequestStep.UNSCHEDULE, uow)


def on_visit_started(event: VisitStarted, uow: UnitOfWork, ports: Ports) -> None:
    """The worker set off: "sắp đến". A cancellation that crossed this on its way is overtaken by it."""
    appointment = the_appointment(uow.session, event.visit_id)
    if can_advance(appointment, AppointmentStep.START):
        request = the_request(uow.session, appointment.request_id)
        _set_off(appointment, request, event.worker_id, uow, ports)
        appointment.started_at = event.started_at


def _set_off(
    appointment: AppointmentRow, request: RequestRow, worker_id: str, uow: UnitOfWork, ports: Ports
) -> None:
    worker = the_worker(uow.session, worker_id)
    overtaken = appointment.status == AppointmentStatus.CANCELLED
    advance(appointment, AppointmentStep.START, uow)
    appointment.worker_id = worker_id
    if VisitPurpose(appointment.purpose).first:
        follow(request, RequestStep.START, uow)
    speaker = speaker_for(request, ports)
    say = speaker.coming_despite_cancel if overtaken else speaker.worker_coming
    tell(uow, request, say(worker.name, worker.badge, promised(appointment)), appointment)
    note_progress(
        uow, request, "Nhân viên đã lên đường trước khi nhận tin huỷ" if overtaken else "Nhân viên đang đến"
    )


def on_visit_completed(event: VisitCompleted, uow: UnitOfWork, ports: Ports) -> None:
    """The visit ended; what the citizen learns depends on how."""
    appointment = the_appointment(uow.session, event.visit_id)
    request = the_request(uow.session, appointment.request_id)
    if can_advance(appointment, AppointmentStep.START):
        _set_off(appointment, request, event.worker_id, uow, ports)
    if not can_advance(appointment, AppointmentStep.FINISH):
        return
    advance(appointment, AppointmentStep.FINISH, uow)
    appointment.outcome, appointment.arrived_at = event.outcome, event.arrived_at
    appointment.finished_at = event.finished_at
    speaker = speaker_for(request, ports)
    match event.outcome:
        case "picked_up":
            follow(request, RequestStep.PICK_UP, uow)
            request.withdrawn_at = None
            tell(uow, request, speaker.picked_up(event.paper_count, RECEIPT_SAYS), appointment)
            note_progress(uow, request, "Đã thu gom hồ sơ", f"{event.paper_count} giấy tờ, đã niêm phong")
        case "supplement_collected":
            tell(uow, request, speaker.picked_up(event.paper_count, RECEIPT_SAYS), appointment)
            note_progress(uow, request, "Đã nhận giấy tờ bổ sung", f"{event.paper_count} giấy tờ")
        case "papers_incomplete":
            if VisitPurpose(appointment.purpose).first:
                follow(request, RequestStep.FIND_INCOMPLETE, uow)
            tell(uow, request, speaker.papers_incomplete(event.missing), appointment)
            note_progress(uow, request, "Còn thiếu giấy tờ, chưa thu gom được", "; ".join(event.missing))
        case "guided":
            note_progress(uow, request, "Nhân viên đã hướng dẫn tại nhà")
            close(uow, request, "guided")
        case "delivered":
            what = (
                "trả lại hồ sơ" if goes_home_refused(appointment.dossier_id, uow.session) else "giao kết quả"
            )
            note_progress(uow, request, f"Nhân viên đã {what} tại nhà")


def on_visit_failed(event: VisitFailed, uow: UnitOfWork, ports: Ports) -> None:
    """Nobody was served: another visit at the same time of the next working day, or hold at the counter.

    Only what failed on the citizen's side counts against their attempts.
    """
    appointment = the_appointment(uow.session, event.visit_id)
    if not can_advance(appointment, AppointmentStep.FAIL):
        return
    request = the_request(uow.session, appointment.request_id)
    advance(appointment, AppointmentStep.FAIL, uow)
    appointment.outcome, appointment.arrived_at = event.reason, event.arrived_at
    appointment.finished_at = event.failed_at or event.arrived_at
    if VisitPurpose(appointment.purpose).first:
        follow(request, RequestStep.FAIL, uow)
    why = FAILURE_REASONS[event.reason]
    if request.withdrawn_at is not None:
        follow(request, RequestStep.CANCEL, uow)
        note_progress(uow, request, "Yêu cầu đã được huỷ")
        return
    if event.cause == "citizen" and appointment.attempt >= MAX_ATTEMPTS:
        office = office_name(appointment.office_id, uow.session)
        telling = speaker_for(request, ports).held_at_counter(event.reason, office)
        tell(uow, request, telling, appointment)
        note_progress(uow, request, "Hai lần hẹn không thành", f"{why}; mời Ông/Bà liên hệ {office}")
        return
    _try_again(event, appointment, request, uow, ports)


def _try_again(
    event: VisitFailed, appointment: AppointmentRow, request: RequestRow, uow: UnitOfWork, ports: Ports
) -> None:
    window = same_time_next_working_day(promised(appointment), uow.now, ports.calendar)
    purpose, why = VisitPurpose(appointment.purpose), FAILURE_REASONS[event.reason]
    if purpose.first:
        follow(request, RequestStep.RETRY, uow)
    again = book(
        uow,
        request,
        purpose,
        window,
        attempt=appointment.attempt + 1 if event.cause == "citizen" else appointment.attempt,
        dossier_id=appointment.dossier_id,
        office_id=appointment.office_id,
        note=_note_of_retry(appointment.note, event, why),
    )
    tell(uow, request, speaker_for(request, ports).visit_failed(event.reason, event.cause, window), again)
    note_progress(uow, request, f"Lần hẹn không thành: {why}", f"Hẹn lại {window.text}")


def _note_of_retry(note: str, event: VisitFailed, why: str) -> str:
    told = f"Lần {event.attempt} không thành: {why} ({_CAUSES[event.cause]})."
    return f"{note} {told}".strip()
