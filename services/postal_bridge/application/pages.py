"""Read models of the pages: what a worker, a counter, a desk and a cashier see at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from services.postal_bridge.application.calendars import calendar_of
from services.postal_bridge.application.cash import cash_day, cashbook_id
from services.postal_bridge.application.dossiers import goes_home, limit_of
from services.postal_bridge.application.names import NameBook
from services.postal_bridge.application.parcels import chain_of, fault_of, holder_of, offered_of
from services.postal_bridge.application.queries import differences_of, my_holder, parcels
from services.postal_bridge.application.records import (
    CashbookRow,
    DossierActRow,
    DossierRow,
    ParcelRow,
    ReceiptRow,
    VisitRow,
)
from services.postal_bridge.application.visits import delivering
from services.postal_bridge.domain.custody import Act, Entry
from services.postal_bridge.domain.dossier import DossierState, due_instant
from services.postal_bridge.domain.money import CashDay
from services.postal_bridge.domain.visit import Purpose, VisitState
from shared.actor import Actor, Role
from shared.errors import NotFound

OFFER_IS_OLD_AFTER = timedelta(hours=4)
"""An offer nobody accepted for so long is shown in red."""

PARCEL_KINDS = {"dossier": "Hồ sơ", "supplement": "Giấy tờ bổ sung", "result": "Kết quả"}

ACTS = {
    "picked_up": "Thu gom tại nhà",
    "opened": "Mở túi, kiểm tra niêm phong",
    "accepted": "Tiếp nhận hồ sơ",
    "supplement_requested": "Yêu cầu bổ sung",
    "supplement_received": "Đã nhận bổ sung",
    "refused": "Từ chối tiếp nhận",
    "result_ready": "Có kết quả",
    "collected": "Bưu cục đã lấy về",
    "delivered": "Đã trao tận tay",
}


@dataclass(frozen=True)
class ParcelLine:
    """A parcel as a row of a list. `suggested` is the worker on whose route its visit is."""

    parcel_id: str
    dossier_id: str
    kind: str
    kind_text: str
    seal: str
    paper_count: int
    request_code: str
    dossier_code: str
    unit_id: str
    desk: str
    holder: str
    offered_to: str
    since: datetime
    offered: bool
    old: bool
    refused: bool
    goes_home: bool
    being_delivered: bool
    suggested: str = ""


@dataclass(frozen=True)
class HandoverBoard:
    """What somebody holds, what is on offer to them, and what they offered and waits."""

    held: list[ParcelLine]
    incoming: list[ParcelLine]
    outgoing: list[ParcelLine]


@dataclass(frozen=True)
class Moment:
    """A line of a timeline."""

    at: datetime
    text: str
    detail: str = ""
    state: str = "done"


@dataclass(frozen=True)
class WorkerCash:
    """A worker's cash day as the cashier sees it."""

    worker_id: str
    name: str
    cashbook_id: str
    cash: CashDay
    closed_at: datetime | None
    receipts: list[ReceiptRow]
    differences: list[dict[str, Any]]


def handover_board(session: Session, actor: Actor, now: datetime) -> HandoverBoard:
    """The parcels of the actor's hand, sorted by what can be done with them."""
    me = my_holder(actor)
    rows = parcels(session, actor)
    lines = [(row, line) for row, line in zip(rows, parcel_lines(session, rows, now), strict=True)]
    return HandoverBoard(
        held=[line for row, line in lines if holder_of(row) == me and not row.offered_kind],
        incoming=[line for row, line in lines if offered_of(row) == me],
        outgoing=[line for row, line in lines if holder_of(row) == me and row.offered_kind],
    )


def offered_by_seal(session: Session, actor: Actor) -> dict[str, str]:
    """The parcels on offer to the actor: their ids by the seal that is scanned on them."""
    me = my_holder(actor)
    return {row.seal: row.parcel_id for row in parcels(session, actor) if offered_of(row) == me}


def parcel_lines(session: Session, rows: Iterable[ParcelRow], now: datetime) -> list[ParcelLine]:
    """Parcels with the names that belong to them."""
    names = NameBook(session)
    return [_line(session, names, row, now) for row in rows]


def worker_of_return(session: Session, dossier_id: str) -> str:
    """The worker on whose route the return visit of a dossier is; empty when nobody is planned."""
    planned = select(VisitRow).where(
        VisitRow.dossier_id == dossier_id,
        VisitRow.purpose == Purpose.RETURN.value,
        VisitRow.state == VisitState.PLANNED.value,
    )
    row = session.exec(planned.order_by(col(VisitRow.window_start))).first()
    return (row.worker_id or "") if row else ""


def dossier_timeline(session: Session, dossier_id: str) -> list[Moment]:
    """Everything that happened to a dossier and its parcels, in time."""
    names = NameBook(session)
    moments = [
        Moment(row.at, ACTS.get(row.act, row.act), row.note, "bad" if row.act == "refused" else "done")
        for row in session.exec(select(DossierActRow).where(DossierActRow.dossier_id == dossier_id))
    ]
    for parcel in parcels_of(session, dossier_id):
        moments += _moments(names, parcel, chain_of(session, parcel.parcel_id).entries)
    return sorted(moments, key=lambda moment: moment.at)


def parcels_of(session: Session, dossier_id: str) -> list[ParcelRow]:
    """The parcels of a dossier, oldest first."""
    wanted = select(ParcelRow).where(ParcelRow.dossier_id == dossier_id)
    return list(session.exec(wanted.order_by(col(ParcelRow.parcel_id))))


def faults_of_dossier(session: Session, dossier_id: str) -> list[str]:
    """What is wrong with the ledgers of a dossier's parcels; empty when all verify."""
    found = ((row, fault_of(session, row)) for row in parcels_of(session, dossier_id))
    return [f"Túi {row.seal}: {fault}" for row, fault in found if fault is not None]


def expected_due(session: Session, row: DossierRow, now: datetime) -> datetime:
    """The due instant that accepting the dossier right now would give."""
    return due_instant(now, limit_of(row), calendar_of(session, row.unit_id))


def deadline_tone(row: DossierRow, now: datetime) -> str:
    """The colour of a deadline: bad when overdue, wait within a day, good before; info while it stands."""
    if row.state == DossierState.SUPPLEMENT:
        return "info"
    if row.due_at is None:
        return ""
    if row.due_at < now:
        return "bad"
    return "wait" if row.due_at - now < timedelta(days=1) else "good"


def find_scanned(session: Session, actor: Actor, text: str) -> tuple[DossierRow, ParcelRow | None] | None:
    """What was scanned at the desk: a seal, a dossier code or a request code of the own unit."""
    code = text.strip().upper()
    parcel = session.exec(select(ParcelRow).where(ParcelRow.seal == code)).first()
    if parcel is not None:
        dossier = session.get(DossierRow, parcel.dossier_id)
    else:
        named = or_(col(DossierRow.dossier_code) == code, col(DossierRow.request_code) == code)
        dossier = session.exec(select(DossierRow).where(named)).first()
    if dossier is None or (actor.role is Role.DESK_OFFICER and dossier.unit_id != actor.unit):
        return None
    return dossier, parcel


def cash_board(session: Session, office_id: str, day: date) -> list[WorkerCash]:
    """The cash days of a post office's workers; those with money first."""
    names = NameBook(session)
    lines = []
    for worker in names.workers_of(office_id):
        row = session.get(CashbookRow, cashbook_id(worker.worker_id, day))
        lines.append(
            WorkerCash(
                worker_id=worker.worker_id,
                name=worker.name,
                cashbook_id=row.cashbook_id if row else "",
                cash=cash_day(session, row) if row else CashDay(),
                closed_at=row.closed_at if row else None,
                receipts=receipts_of(session, row.cashbook_id) if row else [],
                differences=differences_of(session, row.cashbook_id) if row else [],
            )
        )
    return sorted(lines, key=lambda line: (-line.cash.in_hand.total, -line.cash.collected.total, line.name))


def receipts_of(session: Session, book: str) -> list[ReceiptRow]:
    """The receipts of a cash day in order."""
    wanted = select(ReceiptRow).where(ReceiptRow.cashbook_id == book)
    return list(session.exec(wanted.order_by(col(ReceiptRow.receipt_no))))


def cash_in_hand(session: Session, worker_id: str, day: date) -> CashDay:
    """A worker's own cash day."""
    row = session.get(CashbookRow, cashbook_id(worker_id, day))
    return cash_day(session, row) if row else CashDay()


def dossier_in_sight(session: Session, actor: Actor, dossier_id: str) -> DossierRow:
    """A dossier the actor may look at. Raises NotFound, or Forbidden for another desk's."""
    row = session.get(DossierRow, dossier_id)
    if row is None:
        raise NotFound("Không có hồ sơ này.", code="dossier.missing")
    if actor.role is Role.DESK_OFFICER:
        actor.must_serve_unit(row.unit_id)
    return row


def _line(session: Session, names: NameBook, row: ParcelRow, now: datetime) -> ParcelLine:
    dossier = session.get(DossierRow, row.dossier_id)
    offered = offered_of(row)
    home = dossier is not None and goes_home(row, dossier)
    return ParcelLine(
        parcel_id=row.parcel_id,
        dossier_id=row.dossier_id,
        kind=row.kind,
        kind_text=PARCEL_KINDS[row.kind],
        seal=row.seal,
        paper_count=row.paper_count,
        request_code=dossier.request_code if dossier else "",
        dossier_code=(dossier.dossier_code or "") if dossier else "",
        unit_id=dossier.unit_id if dossier else "",
        desk=names.desk(dossier.unit_id) if dossier else "",
        holder=names.holder(holder_of(row)),
        offered_to=names.holder(offered) if offered else "",
        since=row.since,
        offered=offered is not None,
        old=offered is not None and now - row.since > OFFER_IS_OLD_AFTER,
        refused=home and row.kind == "dossier",
        goes_home=home,
        being_delivered=home and delivering(session, row) is not None,
        suggested=worker_of_return(session, row.dossier_id),
    )


def _moments(names: NameBook, parcel: ParcelRow, entries: tuple[Entry, ...]) -> list[Moment]:
    """A ledger in words. Opening is told by the dossier's own act; a hand-over at one instant is one line."""
    told = []
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        at_once = (
            entry.act is Act.OFFERED
            and following is not None
            and following.act is Act.ACCEPTED
            and following.by.at == entry.by.at
        )
        if entry.act is not Act.OPENED and not at_once:
            told.append(_moment(names, parcel, entry))
    return told


def _moment(names: NameBook, parcel: ParcelRow, entry: Entry) -> Moment:
    what = f"{PARCEL_KINDS[parcel.kind]} · túi {entry.seal} · {entry.paper_count} giấy tờ"
    giver, receiver = names.holder(entry.giver), names.holder(entry.receiver)
    text = {
        Act.SEALED: f"{giver}: niêm phong",
        Act.OFFERED: f"{giver} giao cho {receiver}",
        Act.ACCEPTED: f"{receiver} đã nhận từ {giver}",
        Act.DISPUTED: f"{receiver} không nhận",
        Act.RESEALED: f"{giver}: niêm phong lại",
    }.get(entry.act, "")
    detail = what + (f" · {entry.note}" if entry.note else "")
    return Moment(entry.by.at, text, detail, "bad" if entry.act is Act.DISPUTED else "done")
