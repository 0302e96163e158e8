"""What programs are shown, scoped to the one who asks: visits, parcels, dossiers, cashbooks, overview."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, select

from services.postal_bridge.application.cash import cash_day
from services.postal_bridge.application.commands import ParcelState
from services.postal_bridge.application.dossiers import dossier_row, goes_home
from services.postal_bridge.application.handlers_dossiers import dossier_answer
from services.postal_bridge.application.handlers_money import cash_answer
from services.postal_bridge.application.handlers_visits import answer_of
from services.postal_bridge.application.parcels import chain_of, fault_of, parcel_row, speaks_for
from services.postal_bridge.application.records import (
    CashbookRow,
    DepositRow,
    DifferenceRow,
    DossierRow,
    MoneyEntryRow,
    ParcelRow,
    ReceiptRow,
    RouteRow,
    VisitRow,
)
from services.postal_bridge.application.visits import load_visit
from services.postal_bridge.domain.custody import Holder, HolderKind
from services.postal_bridge.domain.money import EntryKind, Ledger
from shared.actor import Actor, Role
from shared.errors import Forbidden

SEES_ALL = {Role.INSPECTOR, Role.ADMINISTRATOR}


def visits_of_worker(session: Session, worker_id: str, day: date) -> list[VisitRow]:
    """A worker's visits of a day in the order of the plan; those outside it follow by arrival."""
    route = session.get(RouteRow, (worker_id, day))
    order = {stop_id: place for place, stop_id in enumerate(route.stop_ids if route else [])}
    rows = session.exec(select(VisitRow).where(VisitRow.worker_id == worker_id, VisitRow.day == day)).all()
    return sorted(
        rows, key=lambda row: (order.get(row.visit_id, len(order)), row.expected_arrival, row.visit_id)
    )


def visit_answer(session: Session, row: VisitRow) -> dict[str, Any]:
    """A visit for the worker's device: what the door needs, and the next step."""
    return answer_of(load_visit(session, row)) | {
        "request_id": row.request_id,
        "request_code": row.request_code,
        "purpose": row.purpose,
        "attempt": row.attempt,
        "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
        "expected_arrival": row.expected_arrival.isoformat() if row.expected_arrival else None,
        "applicant_name": row.applicant_name,
        "phone": row.phone,
        "place": {
            "text": row.place_text,
            "landmark": row.landmark,
            "lat": row.lat,
            "lon": row.lon,
            "precision": row.precision,
        },
        "procedure_code": row.procedure_code,
        "office_id": row.office_id,
        "dossier_id": row.dossier_id,
        "note": row.note,
    }


def my_holder(actor: Actor) -> Holder | None:
    """The holder a person speaks for; None for those who only look."""
    if actor.role is Role.WORKER:
        return Holder(HolderKind.WORKER, actor.worker or "")
    if actor.role in {Role.DISPATCHER, Role.CASHIER}:
        return Holder(HolderKind.POST_OFFICE, actor.office or "")
    if actor.role is Role.DESK_OFFICER:
        return Holder(HolderKind.DESK, actor.unit or "")
    return None


def parcels(
    session: Session,
    actor: Actor,
    *,
    holder_kind: HolderKind | None = None,
    holder_id: str | None = None,
    state: ParcelState | None = None,
    kind: str | None = None,
) -> list[ParcelRow]:
    """Parcels that the actor holds or is to receive (all of them for inspectors), newest hand first."""
    conditions: list[ColumnElement[bool]] = []
    if actor.role not in SEES_ALL:
        conditions.append(_in_sight(actor))
    if holder_kind is not None:
        conditions.append(col(ParcelRow.holder_kind) == holder_kind.value)
    if holder_id is not None:
        conditions.append(col(ParcelRow.holder_id) == holder_id)
    if kind is not None:
        conditions.append(col(ParcelRow.kind) == kind)
    if state is not None:
        offered = col(ParcelRow.offered_kind) != ""
        conditions.append(offered if state == "offered" else ~offered)
    newest = col(ParcelRow.since).desc()
    return list(session.exec(select(ParcelRow).where(*conditions).order_by(newest, col(ParcelRow.parcel_id))))


def parcel_answer(session: Session, row: ParcelRow) -> dict[str, Any]:
    """A parcel for programs."""
    dossier = dossier_row(session, row.dossier_id)
    return {
        "parcel_id": row.parcel_id,
        "dossier_id": row.dossier_id,
        "request_id": row.request_id,
        "kind": row.kind,
        "seal": row.seal,
        "paper_count": row.paper_count,
        "holder": {"kind": row.holder_kind, "id": row.holder_id},
        "offered_to": {"kind": row.offered_kind, "id": row.offered_id} if row.offered_kind else None,
        "state": "offered" if row.offered_kind else "held",
        "unit_id": dossier.unit_id,
        "goes_home": goes_home(row, dossier),
        "since": row.since.isoformat(),
    }


def chain_answer(session: Session, actor: Actor, parcel_id: str) -> dict[str, Any]:
    """A parcel with its ledger. Raises NotFound, or Forbidden for one the actor never had to do with."""
    row = parcel_row(session, parcel_id)
    chain = chain_of(session, parcel_id)
    if actor.role not in SEES_ALL:
        touched = any(speaks_for(actor, who) for e in chain.entries for who in (e.giver, e.receiver))
        if not touched:
            raise Forbidden("Túi hồ sơ này không qua tay đơn vị của Ông/Bà.", code="custody.not_yours")
    fault = fault_of(session, row)
    return parcel_answer(session, row) | {
        "verified": fault is None,
        "fault": fault,
        "entries": [
            {
                "position": entry.position,
                "act": entry.act.value,
                "giver": {"kind": entry.giver.kind.value, "id": entry.giver.id},
                "receiver": {"kind": entry.receiver.kind.value, "id": entry.receiver.id},
                "seal": entry.seal,
                "paper_count": entry.paper_count,
                "account": entry.by.account,
                "role": entry.by.role,
                "at": entry.by.at.isoformat(),
                "note": entry.note,
                "digest": entry.digest,
            }
            for entry in chain.entries
        ],
    }


def dossiers_of_desk(session: Session, unit_id: str, state: str | None = None) -> list[DossierRow]:
    """The dossiers of a unit's desk: nearest due date first, then oldest."""
    wanted = select(DossierRow).where(DossierRow.unit_id == unit_id)
    if state is not None:
        wanted = wanted.where(DossierRow.state == state)
    return sorted(
        session.exec(wanted),
        key=lambda row: (row.due_at is None, row.due_at or row.opened_at, row.dossier_id),
    )


def cashbooks(session: Session, actor: Actor, day: date) -> list[dict[str, Any]]:
    """The cash days of the actor's office (all offices for inspectors)."""
    wanted = select(CashbookRow).where(CashbookRow.day == day).order_by(col(CashbookRow.cashbook_id))
    if actor.role not in SEES_ALL:
        wanted = wanted.where(CashbookRow.office_id == actor.office)
    return [
        cash_answer(row, cash_day(session, row)) | {"differences": differences_of(session, row.cashbook_id)}
        for row in session.exec(wanted)
    ]


def overview(session: Session) -> dict[str, Any]:
    """Everything an inspector compares: holders, chains, sums, windows, dossiers."""
    return {
        "parcels": [
            parcel_answer(session, row) | _evidence(session, row)
            for row in session.exec(select(ParcelRow).order_by(col(ParcelRow.parcel_id)))
        ],
        "money": money_sums(session),
        "visits": [
            _visit_summary(row) for row in session.exec(select(VisitRow).order_by(col(VisitRow.visit_id)))
        ],
        "visits_by_state": _counts(session, "visit"),
        "dossiers_by_state": _counts(session, "dossier"),
        "dossiers": [
            dossier_answer(row)
            for row in session.exec(select(DossierRow).order_by(col(DossierRow.dossier_id)))
        ],
    }


def _in_sight(actor: Actor) -> ColumnElement[bool]:
    me = my_holder(actor)
    if me is None:
        raise Forbidden("Vai trò này không giữ túi hồ sơ.", code="custody.not_yours")
    return or_(
        and_(col(ParcelRow.holder_kind) == me.kind.value, col(ParcelRow.holder_id) == me.id),
        and_(col(ParcelRow.offered_kind) == me.kind.value, col(ParcelRow.offered_id) == me.id),
    )


def _evidence(session: Session, row: ParcelRow) -> dict[str, Any]:
    """Who holds a parcel by its ledger alone, beside what its row says: an outside check compares them."""
    chain = chain_of(session, row.parcel_id)
    holder = {"kind": chain.holder.kind.value, "id": chain.holder.id} if chain.entries else None
    return {
        "holder": holder,
        "row_holder": {"kind": row.holder_kind, "id": row.holder_id},
        "verified": fault_of(session, row) is None,
    }


def money_sums(session: Session) -> dict[str, Any]:
    """Sums over all cash days, VND by ledger, each from a source of its own so that a check can fail.

    Collected is what the receipts say, deposited what the cashiers counted, in hand the balance of the
    workers' accounts in the ledger, differences what was explained in writing (positive: missing). Then
    collected = deposited + in hand + differences.
    """
    receipts, deposits = session.exec(select(ReceiptRow)).all(), session.exec(select(DepositRow)).all()
    differences = session.exec(select(DifferenceRow).order_by(col(DifferenceRow.difference_id))).all()
    books = session.exec(select(CashbookRow)).all()
    return {
        "collected": {ledger.value: sum(getattr(row, ledger) for row in receipts) for ledger in Ledger},
        "deposited": {ledger.value: sum(getattr(row, ledger) for row in deposits) for ledger in Ledger},
        "in_hand": _in_hand(session),
        "differences": {
            ledger.value: sum(_signed(row) for row in differences if row.ledger == ledger)
            for ledger in Ledger
        },
        "explained": [difference_answer(row) for row in differences],
        "cashbooks": len(books),
        "closed": sum(row.closed_at is not None for row in books),
    }


def difference_answer(row: DifferenceRow) -> dict[str, Any]:
    """An explained difference for cashier and inspector; `amount` in VND, positive when missing."""
    return {
        "cashbook_id": row.cashbook_id,
        "ledger": row.ledger,
        "amount": _signed(row),
        "explanation": row.explanation,
        "worker_id": row.worker_id,
        "worker_name": row.worker_name,
        "cashier_name": row.cashier_name,
        "at": row.at.isoformat(),
    }


def differences_of(session: Session, book: str) -> list[dict[str, Any]]:
    """The explained differences of a cash day in the order they were written down."""
    wanted = select(DifferenceRow).where(DifferenceRow.cashbook_id == book)
    return [difference_answer(row) for row in session.exec(wanted.order_by(col(DifferenceRow.difference_id)))]


def _in_hand(session: Session) -> dict[str, int]:
    """The balance of all workers' accounts by ledger: what went into their hands less what left them."""
    balance = {ledger.value: 0 for ledger in Ledger}
    for entry in session.exec(select(MoneyEntryRow)):
        if entry.debit.startswith("worker:"):
            balance[entry.ledger] += entry.amount
        if entry.credit.startswith("worker:"):
            balance[entry.ledger] -= entry.amount
    return balance


def _signed(row: DifferenceRow) -> int:
    return row.amount if row.kind == EntryKind.SHORTAGE else -row.amount


def _visit_summary(row: VisitRow) -> dict[str, Any]:
    return {
        "visit_id": row.visit_id,
        "request_id": row.request_id,
        "purpose": row.purpose,
        "state": row.state,
        "outcome": row.outcome or None,
        "failure_reason": row.failure_reason or None,
        "worker_id": row.worker_id,
        "window": {"start": row.window_start.isoformat(), "end": row.window_end.isoformat()},
        "arrived_at": row.arrived_at.isoformat() if row.arrived_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


def _counts(session: Session, what: str) -> dict[str, int]:
    column = VisitRow.state if what == "visit" else DossierRow.state
    counts: dict[str, int] = {}
    for state in session.exec(select(column)):
        counts[state] = counts.get(state, 0) + 1
    return counts
