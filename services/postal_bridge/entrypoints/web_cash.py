"""The cashier: a board that should show zero everywhere at the end of the day."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request, Response

from services.postal_bridge.application import commands, pages
from services.postal_bridge.domain.money import SHORTEST_EXPLANATION, Charge, EntryKind, Ledger
from services.postal_bridge.entrypoints.access import Acting, PostalService, Reading
from shared.clock import local_date
from shared.errors import Problem
from shared.web.forms import IdempotencyKey, Submission, SubmittedForm
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, Role, allow

router = APIRouter(prefix="/thu-quy", dependencies=[allow(Role.CASHIER)], include_in_schema=False)


@router.get("")
def board(
    request: Request, session: Reading, service: PostalService, actor: CurrentActor, ngay: date | None = None
) -> Response:
    """Collected, deposited and in hand of every worker of the office."""
    day = ngay or local_date(service.transactions.clock())
    lines = pages.cash_board(session, actor.office or "", day)
    return render(
        request,
        "postal_bridge/cashier.html",
        day=day,
        lines=[line for line in lines if line.cashbook_id],
        idle=[line for line in lines if not line.cashbook_id],
        collected=sum((line.cash.collected for line in lines), Charge()),
        deposited=sum((line.cash.deposited for line in lines), Charge()),
        short=sum((line.cash.short for line in lines), Charge()),
        over=sum((line.cash.over for line in lines), Charge()),
        in_hand=sum((line.cash.in_hand for line in lines), Charge()),
        ledgers=list(Ledger),
        shortest=SHORTEST_EXPLANATION,
    )


@router.post("/{worker_id}/{day}/nop")
def deposit(
    request: Request, worker_id: str, day: date, form: SubmittedForm, acting: Acting, key: IdempotencyKey
) -> Response:
    """Books what was counted."""
    try:
        command = commands.DepositCash(
            worker_id=worker_id,
            day=day,
            fee=_amount(form.get("fee")),
            fare=_amount(form.get("fare")),
            explanation=form.get("explanation")[:500],
        )
        acting.execute(command, key)
    except Problem as problem:
        return redirect(request, _back(day), flash=problem.message, kind="warning")
    return redirect(request, _back(day), flash="Đã ghi số tiền nộp.")


@router.post("/{worker_id}/{day}/chenh-lech")
def difference(
    request: Request, worker_id: str, day: date, form: SubmittedForm, acting: Acting, key: IdempotencyKey
) -> Response:
    """Writes down that book and hand disagree, and why."""
    try:
        acting.execute(_difference(worker_id, day, form), key)
    except Problem as problem:
        return redirect(request, _back(day), flash=problem.message, kind="warning")
    return redirect(request, _back(day), flash="Đã ghi chênh lệch kèm giải trình.")


@router.post("/{worker_id}/{day}/khoa")
def close(request: Request, worker_id: str, day: date, acting: Acting, key: IdempotencyKey) -> Response:
    """Closes a worker's day."""
    try:
        answer = acting.execute(commands.CloseCashDay(worker_id=worker_id, day=day), key)
    except Problem as problem:
        text = " ".join([problem.message, *problem.hints])
        return redirect(request, _back(day), flash=text, kind="warning")
    balanced = not any(answer["difference"].values())
    text = "Đã khoá sổ, chênh lệch 0 đ." if balanced else "Đã khoá sổ, có chênh lệch đã giải trình."
    return redirect(request, _back(day), flash=text)


def _difference(worker_id: str, day: date, form: Submission) -> commands.BookDifference:
    """The command behind the form. Raises Problem when something is not filled in."""
    ledger, kind, amount = form.get("ledger"), form.get("kind"), _amount(form.get("amount"))
    if ledger not in list(Ledger) or kind not in {EntryKind.SHORTAGE, EntryKind.OVERAGE} or not amount:
        raise Problem("Chọn khoản, thừa hay thiếu, và ghi số tiền chênh lệch.")
    return commands.BookDifference.model_validate(
        {
            "worker_id": worker_id,
            "day": day,
            "ledger": ledger,
            "kind": kind,
            "amount": amount,
            "explanation": form.get("explanation")[:500],
        }
    )


def _amount(text: str) -> int:
    """An amount as typed, dots and blanks allowed. Raises Problem for anything else or far too much."""
    digits = text.replace(".", "").replace(" ", "").removesuffix("đ") or "0"
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 10 or int(digits) > 2_000_000_000:
        raise Problem("Số tiền chỉ gồm chữ số, ví dụ 51.000.")
    return int(digits)


def _back(day: date) -> str:
    return f"/thu-quy?ngay={day.isoformat()}"
