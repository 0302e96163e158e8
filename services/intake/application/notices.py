"""Queueing what a citizen is told, in the transaction of the fact it tells."""

from __future__ import annotations

from sqlmodel import Session

from services.intake.application.booking import promised
from services.intake.application.commands import SettleNotice
from services.intake.application.notice_port import Channel, Notice, NoticeKind, Recipient
from services.intake.application.ports import Ports
from services.intake.application.records import (
    AppointmentRow,
    NoticeRow,
    ProgressRow,
    RequestRow,
    ZaloContactRow,
)
from services.intake.domain.notice_texts import About, Speaker, Telling, useful_until
from shared.contracts.intake import NoticeFailed, NoticeSent
from shared.errors import NotFound
from shared.messaging.unit_of_work import UnitOfWork

QUEUED, SENT, FAILED = "queued", "sent", "failed"

KINDS: dict[About, NoticeKind] = {
    About.CONFIRMED: NoticeKind.REQUEST_CONFIRMED,
    About.WORKER_ASSIGNED: NoticeKind.WORKER_COMING,
    About.WORKER_COMING: NoticeKind.WORKER_COMING,
    About.RESCHEDULED: NoticeKind.VISIT_RESCHEDULED,
    About.WINDOW_LOST: NoticeKind.VISIT_RESCHEDULED,
    About.COMING_DESPITE_CANCEL: NoticeKind.WORKER_COMING,
    About.VISIT_FAILED: NoticeKind.VISIT_FAILED,
    About.HELD_AT_COUNTER: NoticeKind.VISIT_FAILED,
    About.PAPERS_INCOMPLETE: NoticeKind.SUPPLEMENT_NEEDED,
    About.CANCELLED: NoticeKind.REQUEST_CANCELLED,
    About.PICKED_UP: NoticeKind.DOSSIER_COLLECTED,
    About.DOSSIER_ACCEPTED: NoticeKind.DOSSIER_ACCEPTED,
    About.SUPPLEMENT_NEEDED: NoticeKind.SUPPLEMENT_NEEDED,
    About.RESULT_READY: NoticeKind.RESULT_READY,
    About.RETURN_SCHEDULED: NoticeKind.REQUEST_CONFIRMED,
    About.PAPERS_RETURN_SCHEDULED: NoticeKind.REQUEST_CONFIRMED,
    About.RESULT_DELIVERED: NoticeKind.RESULT_DELIVERED,
}
"""The approved template behind each notice; what is not listed can go as free text or by a call only."""


def speaker_for(request: RequestRow, ports: Ports) -> Speaker:
    """The voice for messages about one request."""
    return Speaker(request.code, ports.hotline)


def tell(
    uow: UnitOfWork, request: RequestRow, telling: Telling, appointment: AppointmentRow | None = None
) -> None:
    """Queues one notice; it is true and will be sent once the transaction commits."""
    uow.session.add(
        NoticeRow(
            notice_id=uow.new_id(),
            request_id=request.request_id,
            appointment_id=appointment.appointment_id if appointment else None,
            about=telling.about,
            text=telling.text,
            facts=dict(telling.facts),
            state=QUEUED,
            useful_until=useful_until(telling.about, uow.now, promised(appointment) if appointment else None),
            created_at=uow.now,
        )
    )


def note_progress(uow: UnitOfWork, request: RequestRow, text: str, detail: str = "") -> None:
    """Adds a line to what the citizen sees on the status page."""
    uow.session.add(
        ProgressRow(
            progress_id=uow.new_id(),
            request_id=request.request_id,
            at=uow.now,
            text=text,
            detail=detail,
        )
    )


def recipient_of(request: RequestRow, session: Session) -> Recipient:
    """Where the citizen of a request is reached: Zalo, else the phone, else nowhere by machine."""
    if request.zalo_user:
        contact = session.get(ZaloContactRow, request.zalo_user)
        if contact is not None and contact.following:
            return Recipient(
                Channel.ZALO,
                request.zalo_user,
                phone=request.phone or None,
                last_interaction_at=contact.last_interaction_at,
            )
    if request.phone:
        return Recipient(Channel.PHONE, request.phone)
    return Recipient(Channel.NONE)


def as_notice(row: NoticeRow, recipient: Recipient) -> Notice:
    """A queued row as the port wants it."""
    kind = KINDS.get(About(row.about), NoticeKind.OTHER)
    return Notice(id=row.notice_id, kind=kind, recipient=recipient, text=row.text, facts=row.facts)


def settle_notice(command: SettleNotice, uow: UnitOfWork, _ports: Ports) -> dict[str, object]:
    """Records what became of a notice and publishes it. A settled notice stays as it is."""
    row = uow.session.get(NoticeRow, command.notice_id)
    if row is None:
        raise NotFound("Không có thông báo này.", code="notice.missing")
    if row.state != QUEUED:
        return {"notice_id": row.notice_id, "state": row.state}
    row.attempts += command.outcome != "held"
    row.reason, row.not_before = command.reason, command.not_before
    if command.outcome == "sent":
        row.state, row.channel, row.settled_at = SENT, command.channel, uow.now
        uow.publish(
            NoticeSent(
                notice_id=row.notice_id,
                request_id=row.request_id,
                appointment_id=row.appointment_id,
                about=row.about,
                channel=command.channel,
                sent_at=uow.now,
            )
        )
    elif command.outcome == "failed":
        row.state, row.settled_at = FAILED, uow.now
        uow.publish(
            NoticeFailed(
                notice_id=row.notice_id,
                request_id=row.request_id,
                appointment_id=row.appointment_id,
                about=row.about,
                reason=command.reason,
            )
        )
    uow.session.add(row)
    return {"notice_id": row.notice_id, "state": row.state}
