"""Hand-overs: offer, accept, dispute."""

from __future__ import annotations

from typing import Any

from services.postal_bridge.application.commands import AcceptParcel, DisputeParcel, OfferParcel
from services.postal_bridge.application.dossiers import (
    collect_result,
    dossier_row,
    goes_home,
    receive_supplement,
)
from services.postal_bridge.application.parcels import (
    by_of,
    chain_of,
    holder_of,
    keep,
    must_speak_for,
    parcel_row,
    publish_handover,
)
from services.postal_bridge.application.ports import Ports
from services.postal_bridge.application.records import DossierRow, OfficeCopy, ParcelRow, WorkerCopy
from services.postal_bridge.application.visits import delivering
from services.postal_bridge.domain.custody import Chain, Holder, HolderKind, read_seal
from shared.errors import Invalid, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork


def offer_parcel(command: OfferParcel, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The holder offers a parcel to the next hand on its way, and holds it until that one accepts."""
    row = parcel_row(uow.session, command.parcel_id, for_update=True)
    must_speak_for(uow.person, holder_of(row))
    receiver = Holder(command.receiver_kind, command.receiver_id)
    chain = chain_of(uow.session, row.parcel_id).offer(receiver, by_of(uow))
    _check_way(row, receiver, uow)
    return _done(uow, row, chain)


def accept_parcel(command: AcceptParcel, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The receiver takes a parcel; a scanned seal or a count that differs is refused, to be disputed."""
    row = parcel_row(uow.session, command.parcel_id, for_update=True)
    chain = chain_of(uow.session, row.parcel_id)
    taken = chain.accept(by_of(uow))
    must_speak_for(uow.person, taken.holder)
    _compare(command, row)
    answer = _done(uow, row, taken)
    _follow_up(row, chain.holder, taken.holder, uow)
    return answer


def dispute_parcel(command: DisputeParcel, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The receiver does not take a parcel; the giver goes on holding it."""
    row = parcel_row(uow.session, command.parcel_id, for_update=True)
    disputed = chain_of(uow.session, row.parcel_id).dispute(command.reason, by_of(uow))
    must_speak_for(uow.person, disputed.entries[-1].receiver)
    return _done(uow, row, disputed)


def _done(uow: UnitOfWork, row: ParcelRow, chain: Chain) -> dict[str, Any]:
    keep(uow, row, chain)
    publish_handover(uow, row, chain.entries[-1])
    offered = chain.offered_to
    return {
        "parcel_id": row.parcel_id,
        "dossier_id": row.dossier_id,
        "holder": {"kind": chain.holder.kind.value, "id": chain.holder.id},
        "offered_to": {"kind": offered.kind.value, "id": offered.id} if offered else None,
    }


def _check_way(row: ParcelRow, receiver: Holder, uow: UnitOfWork) -> None:
    """The receiver exists and is the right one of its kind for this parcel."""
    giver, session = holder_of(row), uow.session
    if HolderKind.CITIZEN in {giver.kind, receiver.kind}:
        raise RuleBroken("Giao nhận với người dân chỉ trong lượt đến nhà.", code="custody.only_at_door")
    dossier = dossier_row(session, row.dossier_id)
    if receiver.kind is HolderKind.DESK and receiver.id != dossier.unit_id:
        raise RuleBroken("Hồ sơ này thuộc bộ phận Một cửa khác.", code="custody.wrong_desk")
    if receiver.kind is HolderKind.DESK and goes_home(row, dossier):
        raise RuleBroken("Túi này phải trả về tận nhà người dân.", code="custody.no_way")
    if receiver.kind is HolderKind.WORKER:
        worker = session.get(WorkerCopy, receiver.id)
        if worker is None or worker.office_id != giver.id:
            raise Invalid("Nhân viên này không thuộc bưu cục.", code="custody.unknown_worker")
        if not goes_home(row, dossier):
            raise RuleBroken("Chỉ kết quả hoặc hồ sơ trả lại mới giao cho nhân viên.", code="custody.no_way")
    if receiver.kind is HolderKind.POST_OFFICE:
        _check_way_to_office(row, giver, receiver, dossier, uow)


def _check_way_to_office(
    row: ParcelRow, giver: Holder, receiver: Holder, dossier: DossierRow, uow: UnitOfWork
) -> None:
    """From a desk only what goes home; from a worker to the own office, and nothing being delivered."""
    if uow.session.get(OfficeCopy, receiver.id) is None:
        raise Invalid("Không có bưu cục này.", code="custody.unknown_office")
    if giver.kind is HolderKind.DESK and not goes_home(row, dossier):
        raise RuleBroken(
            "Chỉ kết quả hoặc hồ sơ bị từ chối mới trao lại cho bưu điện.", code="custody.stays_at_desk"
        )
    if giver.kind is not HolderKind.WORKER:
        return
    if uow.person.office != receiver.id:
        raise RuleBroken("Nhân viên chỉ giao cho bưu cục của mình.", code="custody.other_office")
    if delivering(uow.session, row) is not None:
        raise RuleBroken(
            "Túi này đang được mang đến nhà dân, không giao cho bưu cục giữa chừng.",
            code="custody.being_delivered",
            hints=("Làm xong lượt đến nhà, hoặc báo không phục vụ được, rồi mới giao lại.",),
        )


def _compare(command: AcceptParcel, row: ParcelRow) -> None:
    if command.seal is not None and read_seal(command.seal) != row.seal:
        raise RuleBroken(
            "Số niêm phong trên túi khác với sổ.",
            code="custody.seal_differs",
            hints=("Không nhận túi này: bấm “Không nhận” và ghi lý do.",),
        )
    if command.paper_count is not None and command.paper_count != row.paper_count:
        raise RuleBroken(
            f"Số giấy tờ khác với sổ ({row.paper_count}).",
            code="custody.count_differs",
            hints=("Không nhận túi này: bấm “Không nhận” và ghi lý do.",),
        )


def _follow_up(row: ParcelRow, giver: Holder, receiver: Holder, uow: UnitOfWork) -> None:
    """What an acceptance means for the dossier."""
    if receiver.kind is HolderKind.DESK and row.kind == "supplement":
        receive_supplement(uow, row)
    from_desk = receiver.kind is HolderKind.POST_OFFICE and giver.kind is HolderKind.DESK
    if from_desk and goes_home(row, dossier_row(uow.session, row.dossier_id)):
        collect_result(uow, row, receiver.id)
