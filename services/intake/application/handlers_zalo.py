"""Messages by Zalo become drafts that an operator completes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import col, select

from services.intake.application.commands import NoteZaloContact, ReceiveZaloMessage
from services.intake.application.handlers_requests import open_request
from services.intake.application.message_reading import read_messages
from services.intake.application.notices import note_progress, speaker_for, tell
from services.intake.application.ports import Ports
from services.intake.application.records import RequestRow, ZaloContactRow, ZaloMessageRow
from services.intake.domain.gazetteer import Point, Precision
from services.intake.domain.requests import RequestStatus
from shared.errors import Invalid
from shared.messaging.unit_of_work import UnitOfWork
from shared.vietnamese import phones

MOST_MESSAGES = 50
"""A draft keeps so many messages; an operator has long been called for by then."""


def receive_zalo_message(command: ReceiveZaloMessage, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Adds a message to the sender's open draft, or opens one; the same message twice is one."""
    known = uow.session.get(ZaloMessageRow, command.event_key)
    if known is not None:
        return {"request_id": known.request_id, "repeated": True}
    _keep_contact(uow, command.zalo_user, command.sent_at, following=True)
    request = _open_draft(uow, command.zalo_user) or _start_draft(uow, ports, command.zalo_user)
    uow.session.add(
        ZaloMessageRow(
            event_key=command.event_key,
            request_id=request.request_id,
            text=command.text[:2000],
            lat=command.lat,
            lon=command.lon,
            sent_at=command.sent_at,
        )
    )
    uow.session.flush()
    _take_contact(command, request)
    _read_again(uow, ports, request)
    return {"request_id": request.request_id, "repeated": False}


def note_zalo_contact(command: NoteZaloContact, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Remembers that a citizen follows us, or no longer does and must be reached another way."""
    _keep_contact(uow, command.zalo_user, command.at, following=command.following)
    return {}


def _keep_contact(uow: UnitOfWork, zalo_user: str, at: datetime, *, following: bool) -> None:
    contact = uow.session.get(ZaloContactRow, zalo_user)
    if contact is None:
        contact = ZaloContactRow(zalo_user=zalo_user, last_interaction_at=at)
    contact.following = following
    if following:
        contact.last_interaction_at = max(contact.last_interaction_at, at)
    uow.session.add(contact)


def _open_draft(uow: UnitOfWork, zalo_user: str) -> RequestRow | None:
    open_states = (RequestStatus.DRAFT.value, RequestStatus.NEEDS_INFO.value)
    mine = select(RequestRow).where(
        RequestRow.zalo_user == zalo_user, col(RequestRow.status).in_(open_states)
    )
    return uow.session.exec(mine.order_by(col(RequestRow.created_at).desc())).first()


def _start_draft(uow: UnitOfWork, ports: Ports, zalo_user: str) -> RequestRow:
    request = open_request(uow, "zalo", RequestStatus.DRAFT)
    request.zalo_user = zalo_user
    tell(uow, request, speaker_for(request, ports).message_received())
    note_progress(uow, request, "Đã nhận tin nhắn của Ông/Bà")
    return request


def _take_contact(command: ReceiveZaloMessage, request: RequestRow) -> None:
    if command.contact_name:
        request.applicant_name = command.contact_name[:80]
    if command.contact_address:
        request.address = command.contact_address[:300]
    if command.contact_phone:
        try:
            request.phone = phones.parse(command.contact_phone)
        except Invalid:
            return


def _read_again(uow: UnitOfWork, ports: Ports, request: RequestRow) -> None:
    """Reads the whole conversation afresh: messages may arrive in any order."""
    mine = select(ZaloMessageRow).where(ZaloMessageRow.request_id == request.request_id)
    newest = uow.session.exec(mine.order_by(col(ZaloMessageRow.sent_at).desc()).limit(MOST_MESSAGES)).all()
    messages = list(reversed(newest))
    pins = [Point(row.lat, row.lon) for row in messages if row.lat is not None and row.lon is not None]
    texts = [row.text for row in messages if row.text]
    reading = read_messages(texts, request.address, pins[-1] if pins else None, uow.now, ports)
    request.reading = reading.as_json()
    request.procedure_code, request.unit_id = reading.procedure_code, reading.unit_id
    if pins:
        request.lat, request.lon, request.precision = pins[-1].lat, pins[-1].lon, Precision.PIN.value
    request.changed_at = uow.now
    uow.session.add(request)
