"""Read models: what pages and the API show, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, or_, select

from services.intake.application.booking import appointments_of, errand, the_request
from services.intake.application.handlers_dossiers import holder_words
from services.intake.application.ports import Ports
from services.intake.application.records import (
    AppointmentRow,
    DossierCopy,
    NoticeRow,
    ParcelCopy,
    ProgressRow,
    ReceiptCopy,
    RequestRow,
    WorkerCopy,
    ZaloMessageRow,
)
from services.intake.domain.appointments import AppointmentStatus, AppointmentStep, allows
from services.intake.domain.catalogue import (
    Procedure,
    fare_on,
    fee_for,
    find_procedures,
    home_service,
    subject_of,
)
from services.intake.domain.requests import RequestStatus, RequestStep
from services.intake.domain.requests import allows as request_allows
from services.intake.domain.windows import Window
from shared.clock import local_date
from shared.errors import NotFound

FINISHED_VISITS = {"picked_up", "supplement_collected", "delivered", "guided"}


def window_json(window: Window) -> dict[str, str]:
    """A window for programs and people."""
    return {"start": window.start.isoformat(), "end": window.end.isoformat(), "text": window.text}


def procedure_json(procedure: Procedure, now: datetime, ports: Ports) -> dict[str, Any]:
    """A procedure with everything a citizen should know before booking; amounts in VND."""
    service, day = home_service(procedure), local_date(now)
    fee = fee_for(procedure)
    return {
        "procedure_code": procedure.code,
        "title": procedure.title_vi,
        "sector": procedure.sector,
        "home_class": procedure.home_class.value,
        "documents": [
            {"name": paper.name, "kind": paper.kind, "keep": paper.keep.value}
            for paper in procedure.documents
        ],
        "fee": fee,
        "fee_kind": procedure.fee.kind.value,
        "fee_amount": procedure.fee.amount,
        "fee_free_days": procedure.fee.free_days,
        "fare_pickup": fare_on(day, "pickup", ports.fares) if service.pickup else 0,
        "fare_return": fare_on(day, "return", ports.fares) if service.home_return else 0,
        "fare_fee_transfer": fare_on(day, "fee_transfer", ports.fares) if fee and service.pickup else 0,
        "limit": procedure.limit.text,
        "service_minutes": procedure.service_minutes,
        "pickup": service.pickup,
        "guidance": service.guidance,
        "home_return": service.home_return,
        "why_not": service.why_not,
    }


def procedures_json(text: str, now: datetime, ports: Ports) -> list[dict[str, Any]]:
    """The procedures that `text` may mean, likeliest first; all of them in force for an empty text."""
    day = local_date(now)
    in_force = [procedure for procedure in ports.procedures if procedure.in_force(day)]
    chosen = (
        [match.procedure for match in find_procedures(text, in_force)] if text.strip() else list(in_force)
    )
    return [procedure_json(procedure, now, ports) for procedure in chosen]


def title_of(procedure_code: str, ports: Ports) -> str:
    """The title of a procedure, empty when none is known."""
    return next((row.title_vi for row in ports.procedures if row.code == procedure_code), "")


def public_title_of(procedure_code: str, ports: Ports) -> str:
    """The same as anybody who looks over a shoulder may read it: neutral where the matter is private."""
    return next((subject_of(row) for row in ports.procedures if row.code == procedure_code), "")


def unit_name(unit_id: str, ports: Ports) -> str:
    """The full name of a unit, empty when none is known."""
    try:
        return ports.gazetteer.unit(unit_id).full_name if unit_id else ""
    except NotFound:
        return ""


def appointment_json(row: AppointmentRow, session: Session) -> dict[str, Any]:
    """One appointment with its worker and what may still be done."""
    worker = session.get(WorkerCopy, row.worker_id) if row.worker_id else None
    window = Window(row.window_start, row.window_end)
    return {
        "appointment_id": row.appointment_id,
        "purpose": row.purpose,
        "purpose_text": errand(row, session),
        "attempt": row.attempt,
        "status": row.status,
        "status_text": AppointmentStatus(row.status).label,
        "window": window_json(window),
        "office_id": row.office_id,
        "worker_id": row.worker_id,
        "worker_name": worker.name if worker else None,
        "worker_badge": worker.badge if worker else None,
        "expected_arrival": _iso(row.expected_arrival),
        "arrived_at": _iso(row.arrived_at),
        "finished_at": _iso(row.finished_at),
        "outcome": row.outcome,
        "unassigned_reason": row.unassigned_reason,
        "can_change": allows(AppointmentStatus(row.status), AppointmentStep.RESCHEDULE),
    }


def status_json(request: RequestRow, session: Session, ports: Ports) -> dict[str, Any]:
    """What a citizen may see of the own request: no name, no phone, no address."""
    rows = appointments_of(session, request.request_id)
    dossier = _newest(
        session.exec(select(DossierCopy).where(DossierCopy.request_id == request.request_id)).all()
    )
    parcels = session.exec(select(ParcelCopy).where(ParcelCopy.request_id == request.request_id)).all()
    receipts = session.exec(
        select(ReceiptCopy)
        .where(ReceiptCopy.request_id == request.request_id)
        .order_by(col(ReceiptCopy.collected_at))
    ).all()
    status = RequestStatus(request.status)
    last = rows[-1] if rows else None
    return {
        "request_id": request.request_id,
        "code": request.code,
        "status": status.value,
        "status_text": status.label,
        "procedure": public_title_of(request.procedure_code, ports),
        "appointments": [appointment_json(row, session) for row in rows],
        "dossier_code": dossier.dossier_code if dossier else "",
        "dossier_state": dossier.state if dossier else "",
        "accepted_at": _iso(dossier.accepted_at) if dossier else None,
        "due_at": _iso(dossier.due_at) if dossier else None,
        "papers": [
            {
                "kind": parcel.kind,
                "holder_kind": parcel.holder_kind,
                "holder": holder_words(parcel.holder_kind, parcel.holder_id, session, ports.gazetteer),
            }
            for parcel in parcels
        ],
        "receipts": [
            {"receipt_no": row.receipt_no, "fee": row.fee, "fare": row.fare, "day": row.day.isoformat()}
            for row in receipts
        ],
        "progress": [
            {"at": row.at.isoformat(), "text": row.text, "detail": row.detail}
            for row in progress_of(request.request_id, session)
        ],
        "can_cancel": request_allows(status, RequestStep.CANCEL),
        "can_book_again": last is not None
        and not status.ended
        and not AppointmentStatus(last.status).open
        and last.outcome not in FINISHED_VISITS,
    }


def progress_of(request_id: str, session: Session) -> Sequence[ProgressRow]:
    """What happened to a request, oldest first."""
    mine = select(ProgressRow).where(ProgressRow.request_id == request_id)
    return session.exec(mine.order_by(col(ProgressRow.at), col(ProgressRow.progress_id))).all()


def find_by_code(code: str, last4: str, session: Session) -> RequestRow | None:
    """The request of a code, if the four digits end its phone number; the same None for either mistake."""
    request = session.exec(select(RequestRow).where(RequestRow.code == code)).first()
    if request is None or len(last4) != 4 or not request.phone or request.phone[-4:] != last4:
        return None
    return request


def request_json(request_id: str, session: Session, ports: Ports) -> dict[str, Any]:
    """Everything an operator works with. Raises NotFound."""
    request = the_request(session, request_id)
    messages = session.exec(
        select(ZaloMessageRow)
        .where(ZaloMessageRow.request_id == request_id)
        .order_by(col(ZaloMessageRow.sent_at))
    ).all()
    return {
        **status_json(request, session, ports),
        "procedure": title_of(request.procedure_code, ports),
        "channel": request.channel,
        "procedure_code": request.procedure_code,
        "applicant_name": request.applicant_name,
        "phone": request.phone,
        "address": request.address,
        "landmark": request.landmark,
        "unit_id": request.unit_id,
        "unit": unit_name(request.unit_id, ports),
        "lat": request.lat,
        "lon": request.lon,
        "precision": request.precision,
        "office_id": request.office_id,
        "note": request.note,
        "reading": request.reading,
        "created_at": request.created_at.isoformat(),
        "messages": [
            {"at": row.sent_at.isoformat(), "text": row.text, "lat": row.lat, "lon": row.lon}
            for row in messages
        ],
        "notices": notices_json(request_id, session),
    }


def requests_json(
    session: Session, ports: Ports, statuses: Iterable[str] = (), search: str = "", limit: int = 50
) -> list[dict[str, Any]]:
    """Requests for a list, the last changed first; `search` is a code or the end of a phone number."""
    query = select(RequestRow)
    wanted = [status for status in statuses if status]
    if wanted:
        query = query.where(col(RequestRow.status).in_(wanted))
    if search:
        typed = "".join(character for character in search.upper() if character.isalnum())
        digits = "".join(character for character in search if character.isdigit()).lstrip("0")
        matches = [col(RequestRow.code) == typed]
        if len(digits) >= 3:
            matches.append(col(RequestRow.phone).endswith(digits))
        query = query.where(or_(*matches))
    rows = session.exec(query.order_by(col(RequestRow.changed_at).desc()).limit(limit)).all()
    return [_row_json(row, session, ports) for row in rows]


def _row_json(row: RequestRow, session: Session, ports: Ports) -> dict[str, Any]:
    rows = appointments_of(session, row.request_id)
    last = rows[-1] if rows else None
    return {
        "request_id": row.request_id,
        "code": row.code,
        "channel": row.channel,
        "status": row.status,
        "status_text": RequestStatus(row.status).label,
        "procedure_code": row.procedure_code,
        "procedure": title_of(row.procedure_code, ports),
        "applicant_name": row.applicant_name,
        "phone": row.phone,
        "zalo_user": row.zalo_user,
        "unit": unit_name(row.unit_id, ports),
        "office_id": row.office_id,
        "window": window_json(Window(last.window_start, last.window_end)) if last else None,
        "appointment_id": last.appointment_id if last else None,
        "created_at": row.created_at.isoformat(),
        "changed_at": row.changed_at.isoformat(),
    }


def notices_json(request_id: str | None, session: Session, limit: int = 500) -> list[dict[str, Any]]:
    """Notices, oldest first: of one request, or the newest of all."""
    query = select(NoticeRow).order_by(col(NoticeRow.notice_id).desc()).limit(limit)
    if request_id:
        query = query.where(NoticeRow.request_id == request_id)
    return [
        {
            "notice_id": row.notice_id,
            "request_id": row.request_id,
            "appointment_id": row.appointment_id,
            "about": row.about,
            "text": row.text,
            "state": row.state,
            "channel": row.channel,
            "attempts": row.attempts,
            "reason": row.reason,
            "created_at": row.created_at.isoformat(),
            "settled_at": _iso(row.settled_at),
        }
        for row in reversed(session.exec(query).all())
    ]


def to_call(session: Session, limit: int = 20) -> list[dict[str, Any]]:
    """Notices that no machine could deliver: an operator calls."""
    by_hand = or_(col(NoticeRow.channel) == "call_list", col(NoticeRow.state) == "failed")
    rows = session.exec(
        select(NoticeRow, RequestRow)
        .join(RequestRow, col(RequestRow.request_id) == col(NoticeRow.request_id))
        .where(by_hand)
        .order_by(col(NoticeRow.notice_id).desc())
        .limit(limit)
    ).all()
    return [
        {
            "request_id": request.request_id,
            "code": request.code,
            "phone": request.phone,
            "text": notice.text,
            "created_at": notice.created_at,
        }
        for notice, request in rows
    ]


def counts(session: Session) -> dict[str, dict[str, int]]:
    """How many requests, appointments and notices are in each state."""
    columns = {
        "requests": col(RequestRow.status),
        "appointments": col(AppointmentRow.status),
        "notices": col(NoticeRow.state),
    }
    return {
        name: dict(session.exec(select(column, func.count()).group_by(column)).all())
        for name, column in columns.items()
    }


def overview_json(session: Session) -> dict[str, Any]:
    """Counts, and every appointment with what was promised, announced and kept."""
    kinds: dict[str, list[dict[str, str | None]]] = {}
    for notice in session.exec(select(NoticeRow).order_by(col(NoticeRow.notice_id))).all():
        if notice.appointment_id:
            kinds.setdefault(notice.appointment_id, []).append(
                {
                    "about": notice.about,
                    "state": notice.state,
                    "created_at": notice.created_at.isoformat(),
                    "settled_at": _iso(notice.settled_at),
                }
            )
    rows = session.exec(select(AppointmentRow).order_by(col(AppointmentRow.created_at))).all()
    return {
        "counts": counts(session),
        "appointments": [
            {
                "appointment_id": row.appointment_id,
                "request_id": row.request_id,
                "purpose": row.purpose,
                "attempt": row.attempt,
                "status": row.status,
                "outcome": row.outcome,
                "office_id": row.office_id,
                "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
                "former_windows": row.former_windows,
                "worker_id": row.worker_id,
                "arrived_at": _iso(row.arrived_at),
                "notices": kinds.get(row.appointment_id, []),
            }
            for row in rows
        ],
    }


def _newest(rows: Sequence[DossierCopy]) -> DossierCopy | None:
    return max(rows, key=lambda row: row.dossier_id, default=None)


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


STATE_LABELS: dict[str, dict[str, str]] = {
    "requests": {status.value: status.label for status in RequestStatus},
    "appointments": {status.value: status.label for status in AppointmentStatus},
    "notices": {"queued": "Chờ gửi", "sent": "Đã gửi", "failed": "Cần gọi điện"},
}
"""The states of `counts` in plain words."""
