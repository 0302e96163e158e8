"""Cashbooks between their rows and the domain: collecting at the door, counting at the office."""

from __future__ import annotations

from datetime import date

from sqlmodel import Session, col, select

from services.postal_bridge.application.records import (
    CashbookRow,
    MoneyEntryRow,
    ReceiptRow,
    VisitRow,
    WorkerCopy,
)
from services.postal_bridge.domain.money import CashDay, Charge, Entry, EntryKind, Ledger, collection
from services.postal_bridge.domain.steps import FeeTaken
from shared.clock import local_date
from shared.contracts import postal
from shared.errors import NotFound, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork


def cashbook_id(worker_id: str, day: date) -> str:
    """The id of a worker's cash day: worker and day, so that there is only one."""
    return f"{worker_id}:{day.isoformat()}"


def cashbook_row(uow: UnitOfWork, worker_id: str, day: date) -> CashbookRow:
    """A worker's cash day, begun if need be. Raises NotFound for an unknown worker."""
    key = cashbook_id(worker_id, day)
    row = uow.session.get(CashbookRow, key, with_for_update=True)
    if row is None:
        worker = uow.session.get(WorkerCopy, worker_id)
        if worker is None:
            raise NotFound("Không có nhân viên này.", code="worker.missing")
        row = CashbookRow(cashbook_id=key, worker_id=worker_id, office_id=worker.office_id, day=day)
        uow.session.add(row)
        uow.session.flush()
    return row


def cash_day(session: Session, row: CashbookRow) -> CashDay:
    """The sums of a cash day, folded from its entries."""
    return CashDay.of(entries_of(session, row.cashbook_id), closed=row.closed_at is not None)


def entries_of(session: Session, book: str) -> list[Entry]:
    """The movements of a cashbook in the order they were booked."""
    rows = session.exec(
        select(MoneyEntryRow).where(MoneyEntryRow.cashbook_id == book).order_by(col(MoneyEntryRow.entry_id))
    )
    return [Entry(Ledger(row.ledger), EntryKind(row.kind), row.debit, row.credit, row.amount) for row in rows]


def book(uow: UnitOfWork, row: CashbookRow, entries: list[Entry], receipt_no: str = "") -> None:
    """Writes movements into a cashbook."""
    uow.session.add_all(
        MoneyEntryRow(
            entry_id=uow.new_id(),
            cashbook_id=row.cashbook_id,
            ledger=entry.ledger.value,
            kind=entry.kind.value,
            debit=entry.debit,
            credit=entry.credit,
            amount=entry.amount,
            receipt_no=receipt_no,
            account=uow.actor.account,
            at=uow.now,
        )
        for entry in entries
    )
    uow.session.flush()


def must_be_open(uow: UnitOfWork, row: VisitRow) -> None:
    """Raises RuleBroken when today's cashbook of the worker is closed: better before setting off."""
    existing = uow.session.get(CashbookRow, cashbook_id(row.worker_id or "", local_date(uow.now)))
    if existing is not None and existing.closed_at is not None:
        raise RuleBroken("Sổ quỹ hôm nay của nhân viên đã khoá.", code="cash.closed")


def collect(uow: UnitOfWork, visit: VisitRow, taken: FeeTaken, charge: Charge) -> str | None:
    """Books money taken at the door and gives the receipt number; None when nothing was due."""
    if charge.total == 0:
        return None
    worker_id = uow.person.worker or ""
    row = cashbook_row(uow, worker_id, local_date(uow.now))
    cash_day(uow.session, row).collect(charge)
    row.receipts += 1
    receipt_no = f"BL-{row.day:%y%m%d}-{worker_id.upper().removeprefix('W-')}-{row.receipts:03d}"
    uow.session.add(
        ReceiptRow(
            receipt_no=receipt_no,
            visit_id=visit.visit_id,
            request_id=visit.request_id,
            cashbook_id=row.cashbook_id,
            fee=charge.fee,
            fare=charge.fare,
            exemption=taken.exemption.value,
            evidence=taken.evidence,
            at=uow.now,
        )
    )
    book(uow, row, collection(worker_id, visit.request_id, charge), receipt_no)
    uow.publish(
        postal.MoneyCollected(
            cashbook_id=row.cashbook_id,
            worker_id=worker_id,
            day=row.day,
            visit_id=visit.visit_id,
            request_id=visit.request_id,
            dossier_id=visit.dossier_id,
            fee=charge.fee,
            fare=charge.fare,
            receipt_no=receipt_no,
        )
    )
    return receipt_no
