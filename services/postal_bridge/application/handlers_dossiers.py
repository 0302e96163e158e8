"""The officer at the one-stop desk: open, accept, ask for more, refuse, announce the result.

Only officers of the dossier's own unit act here; the post never decides a procedure.
"""

from __future__ import annotations

from typing import Any

from sqlmodel import col, select

from services.postal_bridge.application.calendars import calendar_of
from services.postal_bridge.application.commands import (
    AcceptDossier,
    MarkResultReady,
    OpenDossier,
    RefuseDossier,
    RequestSupplement,
)
from services.postal_bridge.application.dossiers import (
    desk_dossier,
    dossier_row,
    keep_dossier,
    limit_of,
    only_parcel,
)
from services.postal_bridge.application.parcels import (
    by_of,
    chain_of,
    claim_seal,
    holder_of,
    keep,
    publish_sealed,
    seal_parcel,
)
from services.postal_bridge.application.ports import Ports
from services.postal_bridge.application.records import (
    DeskSequence,
    DossierRow,
    ParcelRow,
    UnitCopy,
    VisitRow,
)
from services.postal_bridge.domain.custody import Holder, HolderKind, read_seal
from services.postal_bridge.domain.dossier import make_dossier_code, read_dossier_code
from services.postal_bridge.domain.visit import Purpose, VisitState
from shared.clock import local_date
from shared.contracts import postal
from shared.errors import Invalid, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork


def open_dossier(command: OpenDossier, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Opens the envelope on the desk, after a look at its seal."""
    row = _own_dossier(command.dossier_id, uow)
    parcel = _at_this_desk(row, "dossier", uow)
    if command.seal is not None and read_seal(command.seal) != parcel.seal:
        raise RuleBroken("Số niêm phong trên túi khác với sổ, không mở.", code="custody.seal_differs")
    opened = desk_dossier(row).open()
    words = [] if command.intact else ["niêm phong không nguyên vẹn"]
    note = "; ".join([*words, command.note] if command.note else words)
    keep(uow, parcel, chain_of(uow.session, parcel.parcel_id).open(by_of(uow), note))
    keep_dossier(uow, row, opened, "opened", note)
    return dossier_answer(row)


def accept_dossier(command: AcceptDossier, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Formal acceptance: dossier code and due date are born here."""
    row = _own_dossier(command.dossier_id, uow)
    calendar = calendar_of(uow.session, row.unit_id)
    accepted = desk_dossier(row).accept(uow.now, limit_of(row), calendar)
    row.dossier_code = _code(command, row, uow)
    keep_dossier(uow, row, accepted, "accepted", row.dossier_code)
    assert row.accepted_at is not None  # noqa: S101 - set by accept()
    assert row.due_at is not None  # noqa: S101 - as above
    uow.publish(
        postal.DossierAccepted(
            dossier_id=row.dossier_id,
            request_id=row.request_id,
            dossier_code=row.dossier_code,
            unit_id=row.unit_id,
            accepted_at=row.accepted_at,
            due_at=row.due_at,
        )
    )
    return dossier_answer(row)


def request_supplement(command: RequestSupplement, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Asks for more in one list; a running clock pauses."""
    row = _own_dossier(command.dossier_id, uow)
    items = tuple(item.strip() for item in command.items)
    waiting = desk_dossier(row).ask_supplement(items, uow.now)
    row.supplement_free = command.free_of_fare
    row.supplement_rounds += 1
    keep_dossier(uow, row, waiting, "supplement_requested", "; ".join(items))
    uow.publish(
        postal.SupplementRequested(
            dossier_id=row.dossier_id,
            request_id=row.request_id,
            items=items,
            free_of_fare=command.free_of_fare,
        )
    )
    return dossier_answer(row)


def refuse_dossier(command: RefuseDossier, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Does not accept the dossier; its envelope is closed again under a new seal for the way back.

    What was handed in later goes into the same envelope, so that exactly one parcel goes home.
    """
    row = _own_dossier(command.dossier_id, uow)
    refused = desk_dossier(row).refuse(command.reason)
    parcel = _at_this_desk(row, "dossier", uow)
    _no_supplement_under_way(row, uow)
    seal = claim_seal(uow, command.seal or ports.new_seal(), f"dossier:{row.dossier_id}")
    added = _empty_supplements(row, seal, uow)
    resealed = chain_of(uow.session, parcel.parcel_id).reseal(seal, by_of(uow), added=len(added))
    parcel.papers = [*parcel.papers, *added]
    keep(uow, parcel, resealed)
    publish_sealed(uow, parcel)
    keep_dossier(uow, row, refused, "refused", command.reason)
    uow.publish(
        postal.DossierRefused(dossier_id=row.dossier_id, request_id=row.request_id, reason=command.reason)
    )
    return dossier_answer(row) | {"parcel_id": parcel.parcel_id, "seal": seal}


def mark_result_ready(command: MarkResultReady, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The result lies sealed at the desk and waits for the post."""
    row = _own_dossier(command.dossier_id, uow)
    ready = desk_dossier(row).mark_result_ready()
    if command.withdraw is not None:
        row.withdraw = [name for name in command.withdraw if name.strip()]
    seal = claim_seal(uow, command.seal, f"result:{row.dossier_id}")
    parcel = seal_parcel(
        uow,
        dossier_id=row.dossier_id,
        request_id=row.request_id,
        kind="result",
        seal=seal,
        papers=("Kết quả giải quyết",),
        paper_count=command.paper_count,
        giver=Holder(HolderKind.DESK, row.unit_id),
    )
    keep_dossier(uow, row, ready, "result_ready")
    uow.publish(
        postal.ResultReady(
            dossier_id=row.dossier_id,
            request_id=row.request_id,
            unit_id=row.unit_id,
            withdraw=tuple(row.withdraw),
        )
    )
    return dossier_answer(row) | {"parcel_id": parcel.parcel_id, "seal": seal}


def dossier_answer(row: DossierRow) -> dict[str, Any]:
    """A dossier for programs."""
    return {
        "dossier_id": row.dossier_id,
        "request_id": row.request_id,
        "request_code": row.request_code,
        "unit_id": row.unit_id,
        "procedure_code": row.procedure_code,
        "procedure_title": row.procedure_title,
        "state": row.state,
        "dossier_code": row.dossier_code,
        "accepted_at": row.accepted_at.isoformat() if row.accepted_at else None,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "paused": row.paused_at is not None,
        "items": list(row.items),
        "supplement_rounds": row.supplement_rounds,
        "withdraw": list(row.withdraw),
    }


def _own_dossier(dossier_id: str, uow: UnitOfWork) -> DossierRow:
    row = dossier_row(uow.session, dossier_id, for_update=True)
    uow.person.must_serve_unit(row.unit_id)
    return row


def _at_this_desk(row: DossierRow, kind: str, uow: UnitOfWork) -> ParcelRow:
    parcel = only_parcel(uow.session, row.dossier_id, kind)
    if holder_of(parcel) != Holder(HolderKind.DESK, row.unit_id):
        raise RuleBroken("Túi hồ sơ chưa có ở bộ phận Một cửa này.", code="dossier.not_here")
    return parcel


def _supplements(row: DossierRow, uow: UnitOfWork) -> list[ParcelRow]:
    wanted = select(ParcelRow).where(ParcelRow.dossier_id == row.dossier_id, ParcelRow.kind == "supplement")
    return list(uow.session.exec(wanted.order_by(col(ParcelRow.parcel_id))))


def _empty_supplements(row: DossierRow, seal: str, uow: UnitOfWork) -> list[str]:
    """Opens the supplements at the desk; their papers, answered by name, go into the envelope `seal`."""
    moved: list[str] = []
    for parcel in _supplements(row, uow):
        chain = chain_of(uow.session, parcel.parcel_id)
        moved += parcel.papers
        parcel.papers = []
        keep(uow, parcel, chain.open(by_of(uow), f"giấy tờ chuyển vào túi {seal}", emptied=True))
    return moved


def _no_supplement_under_way(row: DossierRow, uow: UnitOfWork) -> None:
    """Papers on the road, or just being fetched, must arrive before the dossier can go back."""
    fetching = select(VisitRow).where(
        VisitRow.request_id == row.request_id,
        VisitRow.purpose == Purpose.SUPPLEMENT.value,
        col(VisitRow.state).in_([VisitState.EN_ROUTE.value, VisitState.AT_DOOR.value]),
    )
    on_the_road = any(holder_of(parcel).kind is not HolderKind.DESK for parcel in _supplements(row, uow))
    if on_the_road or uow.session.exec(fetching).first() is not None:
        raise RuleBroken(
            "Giấy tờ bổ sung đang trên đường đến, nhận xong mới quyết định.", code="dossier.supplement_coming"
        )


def _code(command: AcceptDossier, row: DossierRow, uow: UnitOfWork) -> str:
    """The code typed in, or the next free one of the agency's day. Raises RuleBroken for one in use."""
    if command.dossier_code:
        code = read_dossier_code(command.dossier_code)
        if _in_use(code, uow):
            message = f"Mã hồ sơ {code} đã được cấp."
            raise RuleBroken(message, code="dossier.code_used", fields={"dossier_code": message})
        return code
    unit = uow.session.get(UnitCopy, row.unit_id)
    if unit is None or not unit.agency_code:
        raise Invalid("Đơn vị chưa có mã cơ quan, nhập mã hồ sơ bằng tay.", code="dossier.no_agency_code")
    day = local_date(uow.now)
    sequence = uow.session.get(DeskSequence, (unit.agency_code, day), with_for_update=True)
    if sequence is None:
        sequence = DeskSequence(agency_code=unit.agency_code, day=day, last=0)
    while True:
        sequence.last += 1
        code = make_dossier_code(unit.agency_code, day, sequence.last)
        if not _in_use(code, uow):
            uow.session.add(sequence)
            return code


def _in_use(code: str, uow: UnitOfWork) -> bool:
    return uow.session.exec(select(DossierRow).where(DossierRow.dossier_code == code)).first() is not None
