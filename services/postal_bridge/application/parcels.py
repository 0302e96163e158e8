"""Loading and lengthening the custody ledger of a parcel, and telling the world about it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from services.postal_bridge.application.records import CustodyEntryRow, ParcelRow, SealRow
from services.postal_bridge.domain.custody import Act, By, Chain, Entry, Holder, HolderKind, read_seal
from shared.actor import Actor, Role
from shared.contracts import postal
from shared.errors import Forbidden, NotFound, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork


def parcel_row(session: Session, parcel_id: str, *, for_update: bool = False) -> ParcelRow:
    """The row of a parcel. Raises NotFound."""
    row = session.get(ParcelRow, parcel_id, with_for_update=for_update)
    if row is None:
        raise NotFound("Không có túi hồ sơ này.", code="parcel.missing")
    return row


def chain_of(session: Session, parcel_id: str) -> Chain:
    """The ledger of a parcel as it is stored."""
    rows = session.exec(
        select(CustodyEntryRow)
        .where(CustodyEntryRow.parcel_id == parcel_id)
        .order_by(col(CustodyEntryRow.position))
    )
    return Chain(parcel_id, tuple(_entry(row) for row in rows))


def fault_of(session: Session, row: ParcelRow) -> str | None:
    """What is wrong with a parcel's ledger, in Vietnamese; None when it verifies.

    Besides the chain itself its end is compared with the parcel's row, so that entries cut off at the
    end are noticed, and the row's holder and paper count with the fold.
    """
    chain = chain_of(session, row.parcel_id)
    fault = chain.fault()
    if fault is not None:
        return f"Dòng {fault} của sổ bàn giao không khớp."
    if len(chain.entries) != row.length or chain.head != row.head:
        return "Sổ bàn giao thiếu hoặc thừa dòng ở cuối."
    if holder_of(row) != chain.holder or offered_of(row) != chain.offered_to:
        return "Người đang giữ ghi trên túi khác với sổ bàn giao."
    if row.paper_count != chain.paper_count:
        return "Số giấy tờ ghi trên túi khác với sổ bàn giao."
    return None


def holder_of(row: ParcelRow) -> Holder:
    """Who has the parcel."""
    return Holder(HolderKind(row.holder_kind), row.holder_id)


def offered_of(row: ParcelRow) -> Holder | None:
    """Who is to take it."""
    return Holder(HolderKind(row.offered_kind), row.offered_id) if row.offered_kind else None


def by_of(uow: UnitOfWork) -> By:
    """The one who acts now."""
    return By(uow.actor.account, uow.actor.role, uow.now)


def speaks_for(actor: Actor, holder: Holder) -> bool:
    """Whether a person may give and take in the name of a holder; nobody speaks for a citizen."""
    return {
        HolderKind.WORKER: actor.role is Role.WORKER and actor.worker == holder.id,
        HolderKind.POST_OFFICE: actor.role in {Role.DISPATCHER, Role.CASHIER} and actor.office == holder.id,
        HolderKind.DESK: actor.role is Role.DESK_OFFICER and actor.unit == holder.id,
        HolderKind.CITIZEN: False,
    }[holder.kind]


def must_speak_for(actor: Actor, holder: Holder) -> None:
    """Raises Forbidden when somebody else holds, or is to receive, the parcel."""
    if not speaks_for(actor, holder):
        raise Forbidden(
            f"Việc giao nhận này thuộc {holder.kind.label} khác.",
            code="custody.wrong_person",
            hints=("Chỉ bên đang giữ mới được giao, chỉ bên được giao mới được nhận.",),
        )


def claim_seal(uow: UnitOfWork, text: str, used_for: str) -> str:
    """Uses up a seal serial. Raises Invalid for a wrong one, RuleBroken for one used before."""
    serial = read_seal(text)
    if uow.session.get(SealRow, serial) is not None:
        message = f"Số niêm phong {serial} đã dùng rồi; mỗi số chỉ dùng một lần."
        raise RuleBroken(message, code="custody.seal_used", fields={"serial": message})
    uow.session.add(SealRow(serial=serial, used_for=used_for, used_at=uow.now))
    uow.session.flush()
    return serial


def seal_parcel(
    uow: UnitOfWork,
    *,
    dossier_id: str,
    request_id: str,
    kind: postal.ParcelKind,
    seal: str,
    papers: tuple[str, ...],
    paper_count: int,
    giver: Holder,
    taker: Holder | None = None,
) -> ParcelRow:
    """A new parcel sealed by `giver`; with a `taker` it passes at once, both having signed.

    `seal` must be claimed. Publishes ParcelSealed with the one who has it afterwards.
    """
    parcel_id, by = uow.new_id(), by_of(uow)
    chain = Chain(parcel_id).sealed(giver, seal, paper_count, by)
    if taker is not None:
        chain = chain.offer(taker, by).accept(by)
    row = ParcelRow(
        parcel_id=parcel_id,
        dossier_id=dossier_id,
        request_id=request_id,
        kind=kind,
        seal=seal,
        paper_count=paper_count,
        papers=list(papers),
        holder_kind=giver.kind,
        holder_id=giver.id,
        since=uow.now,
        length=0,
        head="",
    )
    keep(uow, row, chain)
    publish_sealed(uow, row)
    return row


def keep(uow: UnitOfWork, row: ParcelRow, chain: Chain) -> None:
    """Stores the new end of a ledger and brings the parcel's row up to it."""
    fresh = chain.entries[row.length :]
    if any(entry.act in {Act.SEALED, Act.ACCEPTED} for entry in fresh):
        row.since = uow.now
    row.seal, row.length, row.head = chain.seal, len(chain.entries), chain.head
    row.paper_count = chain.paper_count
    row.holder_kind, row.holder_id = chain.holder.kind.value, chain.holder.id
    offered = chain.offered_to
    row.offered_kind, row.offered_id = (offered.kind.value, offered.id) if offered else ("", "")
    uow.session.add(row)
    uow.session.flush()
    uow.session.add_all(_row(entry) for entry in fresh)
    uow.session.flush()


def publish_sealed(uow: UnitOfWork, row: ParcelRow) -> None:
    """Tells that a parcel is closed under its present seal."""
    uow.publish(
        postal.ParcelSealed(
            parcel_id=row.parcel_id,
            dossier_id=row.dossier_id,
            request_id=row.request_id,
            kind=row.kind,
            seal=row.seal,
            paper_count=row.paper_count,
            holder=public(holder_of(row)),
        )
    )


def publish_handover(uow: UnitOfWork, row: ParcelRow, entry: Entry) -> None:
    """Tells about an offer, an acceptance or a dispute."""
    common = {
        "parcel_id": row.parcel_id,
        "dossier_id": row.dossier_id,
        "request_id": row.request_id,
        "giver": public(entry.giver),
        "receiver": public(entry.receiver),
    }
    if entry.act is Act.OFFERED:
        uow.publish(postal.HandoverOffered(**common))
    elif entry.act is Act.ACCEPTED:
        uow.publish(postal.HandoverAccepted(**common))
    elif entry.act is Act.DISPUTED:
        uow.publish(postal.HandoverDisputed(**common, reason=entry.note))


def public(holder: Holder) -> postal.Holder:
    """A holder as events carry it."""
    return postal.Holder(kind=holder.kind.value, id=holder.id)


def _entry(row: CustodyEntryRow) -> Entry:
    return Entry(
        parcel_id=row.parcel_id,
        position=row.position,
        act=Act(row.act),
        giver=Holder(HolderKind(row.giver_kind), row.giver_id),
        receiver=Holder(HolderKind(row.receiver_kind), row.receiver_id),
        seal=row.seal,
        paper_count=row.paper_count,
        by=By(row.account, row.role, row.at),
        note=row.note,
        previous=row.previous,
        digest=row.digest,
    )


def _row(entry: Entry) -> CustodyEntryRow:
    return CustodyEntryRow(
        parcel_id=entry.parcel_id,
        position=entry.position,
        act=entry.act.value,
        giver_kind=entry.giver.kind.value,
        giver_id=entry.giver.id,
        receiver_kind=entry.receiver.kind.value,
        receiver_id=entry.receiver.id,
        seal=entry.seal,
        paper_count=entry.paper_count,
        account=entry.by.account,
        role=entry.by.role,
        at=entry.by.at,
        note=entry.note,
        previous=entry.previous,
        digest=entry.digest,
    )
