"""The cashier: counting what workers hand in, explaining differences, closing their day."""

from __future__ import annotations

from typing import Any

from sqlmodel import col, func, select

from services.postal_bridge.application.cash import book, cash_day, cashbook_row
from services.postal_bridge.application.commands import BookDifference, CloseCashDay, DepositCash
from services.postal_bridge.application.names import NameBook
from services.postal_bridge.application.ports import Ports
from services.postal_bridge.application.records import CashbookRow, DepositRow, DifferenceRow, VisitRow
from services.postal_bridge.domain.money import CashDay, Charge, Ledger, deposition, difference
from services.postal_bridge.domain.visit import VisitState
from shared.clock import local_date
from shared.contracts import postal
from shared.errors import RuleBroken
from shared.messaging.unit_of_work import UnitOfWork
from shared.vietnamese.dates import format_date


def deposit_cash(command: DepositCash, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Books cash counted by the cashier of the worker's office."""
    row = cashbook_row(uow, command.worker_id, command.day)
    uow.person.must_serve_office(row.office_id)
    before, counted = cash_day(uow.session, row), Charge(command.fee, command.fare)
    after = before.deposit(counted, command.explanation)
    uow.session.add(
        DepositRow(
            deposit_id=uow.new_id(),
            cashbook_id=row.cashbook_id,
            fee=counted.fee,
            fare=counted.fare,
            fee_in_hand=before.in_hand.fee,
            fare_in_hand=before.in_hand.fare,
            explanation=command.explanation,
            account=uow.actor.account,
            at=uow.now,
        )
    )
    book(uow, row, deposition(row.worker_id, row.office_id, counted))
    uow.publish(
        postal.MoneyDeposited(
            cashbook_id=row.cashbook_id,
            worker_id=row.worker_id,
            day=row.day,
            office_id=row.office_id,
            fee=counted.fee,
            fare=counted.fare,
        )
    )
    return cash_answer(row, after)


def book_difference(command: BookDifference, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Writes down that book and hand disagree, why, and between whom: never silently, never netted."""
    row = cashbook_row(uow, command.worker_id, command.day)
    uow.person.must_serve_office(row.office_id)
    amount = Charge(**{command.ledger.value: command.amount})
    after = cash_day(uow.session, row).explain(command.kind, amount, command.explanation)
    uow.session.add(
        DifferenceRow(
            difference_id=uow.new_id(),
            cashbook_id=row.cashbook_id,
            ledger=command.ledger.value,
            kind=command.kind.value,
            amount=command.amount,
            explanation=command.explanation,
            worker_id=row.worker_id,
            worker_name=NameBook(uow.session).worker(row.worker_id),
            cashier_name=uow.person.name,
            account=uow.actor.account,
            at=uow.now,
        )
    )
    book(uow, row, difference(row.worker_id, row.office_id, command.kind, amount))
    return cash_answer(row, after)


def close_cash_day(command: CloseCashDay, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Closes a worker's day. Raises RuleBroken before the day, with money in hand, or under a visit."""
    if command.day > local_date(uow.now):
        raise RuleBroken(f"Chưa đến ngày {format_date(command.day)}.", code="cash.day_ahead")
    row = cashbook_row(uow, command.worker_id, command.day)
    uow.person.must_serve_office(row.office_id)
    after = cash_day(uow.session, row).close()
    under_way = select(func.count()).where(
        VisitRow.worker_id == row.worker_id,
        VisitRow.day == row.day,
        col(VisitRow.state).in_([VisitState.EN_ROUTE, VisitState.AT_DOOR]),
    )
    if uow.session.exec(under_way).one():
        raise RuleBroken("Nhân viên còn lượt đang làm dở, chưa khoá sổ được.", code="cash.visit_under_way")
    row.closed_at, row.closed_by = uow.now, uow.actor.account
    uow.publish(
        postal.CashDayClosed(
            cashbook_id=row.cashbook_id,
            worker_id=row.worker_id,
            day=row.day,
            office_id=row.office_id,
            fee_total=after.deposited.fee,
            fare_total=after.deposited.fare,
            fee_difference=after.difference(Ledger.FEE),
            fare_difference=after.difference(Ledger.FARE),
        )
    )
    return cash_answer(row, after)


def cash_answer(row: CashbookRow, day: CashDay) -> dict[str, Any]:
    """A cash day for programs, VND by ledger."""
    sums = {"collected": day.collected, "deposited": day.deposited, "in_hand": day.in_hand}
    return {
        "cashbook_id": row.cashbook_id,
        "worker_id": row.worker_id,
        "office_id": row.office_id,
        "day": row.day.isoformat(),
        "closed": day.closed,
        "receipts": row.receipts,
        "difference": {ledger.value: day.difference(ledger) for ledger in Ledger},
        **{name: {"fee": sum_.fee, "fare": sum_.fare, "total": sum_.total} for name, sum_ in sums.items()},
    }
