"""What the desk and the custody ledger report: who has the papers, codes, due dates, results, money."""

from __future__ import annotations

from sqlmodel import Session

from services.intake.application.agreement import office_name
from services.intake.application.booking import (
    GOING_HOME,
    REFUSED,
    RETURNED,
    appointments_of,
    book,
    call_off,
    can_advance,
    close,
    goes_home_refused,
    promised,
    the_request,
)
from services.intake.application.notices import note_progress, speaker_for, tell
from services.intake.application.ports import Ports
from services.intake.application.records import DossierCopy, ParcelCopy, ReceiptCopy
from services.intake.domain.appointments import (
    AppointmentStep,
    VisitPurpose,
    earliest_return,
    same_time_next_working_day,
)
from services.intake.domain.gazetteer import Gazetteer
from shared.contracts.postal import (
    DossierAccepted,
    DossierOpened,
    DossierRefused,
    HandoverAccepted,
    Holder,
    MoneyCollected,
    ParcelSealed,
    ResultCollected,
    ResultDelivered,
    ResultReady,
    SupplementReceived,
    SupplementRequested,
)
from shared.errors import NotFound
from shared.messaging.unit_of_work import UnitOfWork
from shared.vietnamese.dates import format_date

_PARCELS = {"dossier": "Hồ sơ", "supplement": "Giấy tờ bổ sung", "result": "Kết quả"}


def holder_words(kind: str, holder_id: str, session: Session, gazetteer: Gazetteer) -> str:
    """Who has a parcel, in plain words; workers are named on the appointment, not here."""
    if kind == "post_office":
        return office_name(holder_id, session)
    if kind == "desk":
        try:
            return f"Bộ phận Một cửa {gazetteer.unit(holder_id).full_name}"
        except NotFound:
            return "Bộ phận Một cửa"
    return "nhân viên bưu chính" if kind == "worker" else "Ông/Bà"


def on_parcel_sealed(event: ParcelSealed, uow: UnitOfWork, _ports: Ports) -> None:
    """A sealed parcel began its way."""
    uow.session.merge(
        ParcelCopy(
            parcel_id=event.parcel_id,
            request_id=event.request_id,
            kind=event.kind,
            holder_kind=event.holder.kind,
            holder_id=event.holder.id,
            moved_at=uow.now,
        )
    )


def on_handover_accepted(event: HandoverAccepted, uow: UnitOfWork, ports: Ports) -> None:
    """Both sides agreed: somebody else has the parcel now."""
    parcel = uow.session.get(ParcelCopy, event.parcel_id)
    if parcel is None:
        raise NotFound("Không có gói hồ sơ này.", code="parcel.missing")
    _set_holder(parcel, event.receiver, uow)
    request = the_request(uow.session, event.request_id)
    if event.receiver.kind in ("post_office", "desk"):
        where = holder_words(event.receiver.kind, event.receiver.id, uow.session, ports.gazetteer)
        note_progress(uow, request, f"{_PARCELS[parcel.kind]} đã đến {where}")


def _set_holder(parcel: ParcelCopy, holder: Holder, uow: UnitOfWork) -> None:
    parcel.holder_kind, parcel.holder_id, parcel.moved_at = holder.kind, holder.id, uow.now
    uow.session.add(parcel)


def on_dossier_opened(event: DossierOpened, uow: UnitOfWork, _ports: Ports) -> None:
    """A dossier exists; it has no dossier code before the desk accepts it."""
    uow.session.merge(DossierCopy(dossier_id=event.dossier_id, request_id=event.request_id, state="opened"))


def _dossier(dossier_id: str, state: str, uow: UnitOfWork) -> DossierCopy:
    dossier = uow.session.get(DossierCopy, dossier_id)
    if dossier is None:
        raise NotFound("Không có hồ sơ này.", code="dossier.missing")
    dossier.state = state
    uow.session.add(dossier)
    return dossier


def on_dossier_accepted(event: DossierAccepted, uow: UnitOfWork, ports: Ports) -> None:
    """Form 01: the dossier code and the due date exist from here on."""
    dossier = _dossier(event.dossier_id, "accepted", uow)
    dossier.dossier_code = event.dossier_code
    dossier.accepted_at, dossier.due_at = event.accepted_at, event.due_at
    request = the_request(uow.session, event.request_id)
    tell(uow, request, speaker_for(request, ports).dossier_accepted(event.dossier_code, event.due_at))
    detail = f"Mã hồ sơ {event.dossier_code}, hẹn trả {format_date(event.due_at)}"
    note_progress(uow, request, "Bộ phận Một cửa đã tiếp nhận hồ sơ", detail)


def on_supplement_requested(event: SupplementRequested, uow: UnitOfWork, ports: Ports) -> None:
    """Form 02: a visit to fetch what is missing, at the time of day that suited the citizen before."""
    _dossier(event.dossier_id, "supplement_requested", uow)
    request = the_request(uow.session, event.request_id)
    before = promised(appointments_of(uow.session, request.request_id)[-1])
    window = same_time_next_working_day(before, uow.now, ports.calendar)
    items = "; ".join(event.items)
    free = " Miễn cước." if event.free_of_fare else ""
    appointment = book(
        uow,
        request,
        VisitPurpose.SUPPLEMENT,
        window,
        dossier_id=event.dossier_id,
        note=f"Bổ sung: {items}.{free}",
    )
    tell(uow, request, speaker_for(request, ports).supplement_needed(event.items, window), appointment)
    note_progress(uow, request, "Bộ phận Một cửa yêu cầu bổ sung", f"{items}. Hẹn nhận {window.text}")


def on_supplement_received(event: SupplementReceived, uow: UnitOfWork, _ports: Ports) -> None:
    """What was asked for is at the desk; the due date has moved by the time of waiting."""
    dossier = _dossier(event.dossier_id, "supplement_received", uow)
    request = the_request(uow.session, event.request_id)
    detail = ""
    if event.due_at is not None:
        dossier.due_at = event.due_at
        detail = f"Hẹn trả mới {format_date(event.due_at)}"
    note_progress(uow, request, "Bộ phận Một cửa đã nhận giấy tờ bổ sung", detail)


def on_dossier_refused(event: DossierRefused, uow: UnitOfWork, ports: Ports) -> None:
    """Form 03: the dossier goes back to the citizen; nothing more is fetched for it."""
    _dossier(event.dossier_id, REFUSED, uow)
    request = the_request(uow.session, event.request_id)
    for appointment in appointments_of(uow.session, request.request_id):
        supplement = appointment.purpose == VisitPurpose.SUPPLEMENT
        if supplement and can_advance(appointment, AppointmentStep.CANCEL):
            call_off(uow, appointment, "Hồ sơ không được tiếp nhận, không cần bổ sung nữa.")
    tell(uow, request, speaker_for(request, ports).dossier_refused(event.reason))
    note_progress(uow, request, "Bộ phận Một cửa không tiếp nhận hồ sơ", event.reason)


def on_result_ready(event: ResultReady, uow: UnitOfWork, ports: Ports) -> None:
    """The agency finished."""
    _dossier(event.dossier_id, "result_ready", uow)
    request = the_request(uow.session, event.request_id)
    tell(uow, request, speaker_for(request, ports).result_ready())
    note_progress(uow, request, "Đã có kết quả", "; ".join(f"Nộp lại: {paper}" for paper in event.withdraw))


def on_result_collected(event: ResultCollected, uow: UnitOfWork, ports: Ports) -> None:
    """The result, or a refused dossier, is at the delivery office: a visit to bring it home."""
    refused = goes_home_refused(event.dossier_id, uow.session)
    _dossier(event.dossier_id, GOING_HOME if refused else "result_collected", uow)
    request = the_request(uow.session, event.request_id)
    window = earliest_return(uow.now, ports.calendar)
    appointment = book(
        uow,
        request,
        VisitPurpose.RETURN,
        window,
        dossier_id=event.dossier_id,
        office_id=event.office_id,
        note="Trả lại hồ sơ không được tiếp nhận." if refused else "",
    )
    speaker = speaker_for(request, ports)
    telling = speaker.papers_return_scheduled(window) if refused else speaker.return_scheduled(window)
    tell(uow, request, telling, appointment)
    what = "Đã hẹn trả lại hồ sơ tại nhà" if refused else "Đã hẹn trả kết quả tại nhà"
    note_progress(uow, request, what, window.text)


def on_result_delivered(event: ResultDelivered, uow: UnitOfWork, ports: Ports) -> None:
    """The story ends: with the result in hand, or with the papers of a refused dossier at home again."""
    refused = goes_home_refused(event.dossier_id, uow.session)
    _dossier(event.dossier_id, RETURNED if refused else "delivered", uow)
    request = the_request(uow.session, event.request_id)
    speaker = speaker_for(request, ports)
    tell(uow, request, speaker.papers_returned() if refused else speaker.result_delivered())
    note_progress(uow, request, "Hồ sơ đã được trả lại" if refused else "Đã trả kết quả")
    close(uow, request, "returned" if refused else "delivered")


def on_money_collected(event: MoneyCollected, uow: UnitOfWork, _ports: Ports) -> None:
    """A receipt the citizen can look up again."""
    uow.session.merge(
        ReceiptCopy(
            receipt_no=event.receipt_no,
            request_id=event.request_id,
            fee=event.fee,
            fare=event.fare,
            day=event.day,
            collected_at=uow.now,
        )
    )
