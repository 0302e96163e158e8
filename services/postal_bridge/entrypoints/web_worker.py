"""The worker's phone: today's list, one step per screen, failed attempts, hand-overs, cash in hand."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, select

from services.postal_bridge.application import commands, pages, queries
from services.postal_bridge.application.records import ReceiptRow, VisitRow
from services.postal_bridge.application.visits import load_visit, visit_row
from services.postal_bridge.domain.steps import FeeTaken, IdentityDocument, Step
from services.postal_bridge.domain.visit import FailureReason, Purpose, Visit
from services.postal_bridge.entrypoints.access import Acting, PostalService, Reading
from shared.actor import Actor
from shared.clock import local_date
from shared.errors import Forbidden, Invalid, Problem
from shared.vietnamese.money import format_vnd
from shared.web.forms import FormState, IdempotencyKey, Submission, SubmittedForm
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, Role, allow

router = APIRouter(prefix="/buu-ta", dependencies=[allow(Role.WORKER)], include_in_schema=False)

DOCUMENTS = [
    (IdentityDocument.CITIZEN_CARD.value, "Thẻ căn cước"),
    (IdentityDocument.VNEID.value, "VNeID trên điện thoại"),
    (IdentityDocument.PASSPORT.value, "Hộ chiếu"),
    (IdentityDocument.OTHER.value, "Giấy tờ khác có ảnh"),
]


@router.get("")
def today(
    request: Request, session: Reading, service: PostalService, actor: CurrentActor, ngay: date | None = None
) -> Response:
    """The day's list with the next stop big on top; days that are over are not shown again."""
    now = service.transactions.clock()
    day = ngay or local_date(now)
    if day < local_date(now):
        return redirect(request, "/buu-ta", flash="Chỉ xem được hôm nay và các ngày sau.", kind="note")
    rows = queries.visits_of_worker(session, actor.worker or "", day)
    visits = [(row, load_visit(session, row)) for row in rows]
    coming = [(row, visit) for row, visit in visits if not visit.state.over]
    # A visit already begun comes before the plan's order.
    coming.sort(key=lambda pair: not pair[1].taken)
    return render(
        request,
        "postal_bridge/worker_day.html",
        day=day,
        now=now,
        following=coming[0] if coming else None,
        later=coming[1:],
        done=[(row, visit) for row, visit in visits if visit.state.over],
        board=pages.handover_board(session, actor, now),
        cash=pages.cash_in_hand(session, actor.worker or "", local_date(now)),
        purposes=Purpose,
        reasons=FailureReason,
    )


@router.get("/luot/{visit_id}")
def visit_page(request: Request, visit_id: str, session: Reading, actor: CurrentActor) -> Response:
    """The screen of the step to be done now."""
    return _step_screen(request, session, actor, visit_id, FormState.blank())


@router.post("/luot/{visit_id}/{step}")
def take_step(
    request: Request,
    visit_id: str,
    step: Step,
    form: SubmittedForm,
    service: PostalService,
    acting: Acting,
    key: IdempotencyKey,
) -> Response:
    """Takes a step from its form; what was typed stays when it is refused."""
    with service.transactions.reading() as session:
        body = _body(step, load_visit(session, _mine(session, acting.actor, visit_id)), form)
    command = commands.TakeStep(action_id=key, visit_id=visit_id, step=step, body=body)
    try:
        answer = acting.execute(command, key)
    except Problem as problem:
        state: FormState[Any] = FormState(values=form.values).with_problem(problem)
        with service.transactions.reading() as session:
            return _step_screen(request, session, acting.actor, visit_id, state, status=problem.status)
    return redirect(request, f"/buu-ta/luot/{visit_id}", flash=_said(step, answer))


@router.get("/luot/{visit_id}/khong-thanh")
def fail_page(request: Request, visit_id: str, session: Reading, actor: CurrentActor) -> Response:
    """The form for a failed attempt."""
    return _fail_screen(request, session, actor, visit_id, FormState.blank(call_attempts="1"))


@router.post("/luot/{visit_id}/ket-thuc/khong-thanh")
def fail(
    request: Request,
    visit_id: str,
    form: SubmittedForm,
    service: PostalService,
    acting: Acting,
    key: IdempotencyKey,
) -> Response:
    """Gives a visit up."""
    try:
        acting.execute(_failure(visit_id, form, key), key)
    except Problem as problem:
        state: FormState[Any] = FormState(values=form.values).with_problem(problem)
        with service.transactions.reading() as session:
            return _fail_screen(request, session, acting.actor, visit_id, state, status=problem.status)
    return redirect(request, "/buu-ta", flash="Đã ghi lượt đến không thành công.", kind="note")


@router.get("/ban-giao")
def handovers(request: Request, session: Reading, service: PostalService, actor: CurrentActor) -> Response:
    """What to give to the post office and what to take from it; what is being brought home is not given."""
    board = pages.handover_board(session, actor, service.transactions.clock())
    return render(
        request,
        "postal_bridge/worker_handover.html",
        board=board,
        office=actor.office,
        free=[line for line in board.held if not line.being_delivered],
        out=[line for line in board.held if line.being_delivered],
    )


def _mine(session: Session, actor: Actor, visit_id: str) -> VisitRow:
    row = visit_row(session, visit_id)
    if row.worker_id is None:
        raise Forbidden("Lượt này chưa được phân cho ai.", code="scope.worker")
    actor.must_be_worker(row.worker_id)
    return row


def _step_screen(
    request: Request,
    session: Session,
    actor: Actor,
    visit_id: str,
    form: FormState[Any],
    *,
    status: int = 200,
) -> Response:
    row = _mine(session, actor, visit_id)
    visit = load_visit(session, row)
    receipt = session.exec(select(ReceiptRow).where(ReceiptRow.visit_id == visit_id)).first()
    return render(
        request,
        "postal_bridge/worker_visit.html",
        status=status,
        row=row,
        visit=visit,
        purpose=visit.purpose.label,
        step=visit.next_step,
        position=len(visit.taken) + 1,
        form=form,
        documents=DOCUMENTS,
        exemptions=_exemptions(visit),
        receipt=receipt,
        failure=FailureReason(row.failure_reason).label if row.failure_reason else "",
    )


def _fail_screen(
    request: Request,
    session: Session,
    actor: Actor,
    visit_id: str,
    form: FormState[Any],
    *,
    status: int = 200,
) -> Response:
    row = _mine(session, actor, visit_id)
    reasons = [(reason.value, reason.label) for reason in FailureReason]
    return render(
        request, "postal_bridge/worker_fail.html", status=status, row=row, form=form, reasons=reasons
    )


def _failure(visit_id: str, form: Submission, key: str) -> commands.FailVisit:
    """The command behind the form. Raises Invalid when no reason is picked."""
    reason, calls = form.get("reason"), form.get("call_attempts")
    if reason not in list(FailureReason):
        raise Invalid("Chưa chọn lý do.", fields={"reason": "Chưa chọn lý do."})
    return commands.FailVisit(
        action_id=key,
        visit_id=visit_id,
        reason=FailureReason(reason),
        note=form.get("note")[:500],
        call_attempts=min(int(calls), 20) if calls.isascii() and calls.isdecimal() else 0,
    )


def _exemptions(visit: Visit) -> list[tuple[str, str, str]]:
    """The choices with the amount each leads to: it is shown, never typed."""
    return [
        (group.value, group.label, f"Thu {format_vnd(visit.terms.tariff.charge(FeeTaken(group, '·')).total)}")
        for group in visit.terms.exemptions
    ]


def _body(step: Step, visit: Visit, form: Submission) -> dict[str, Any]:
    """The fields of a step's form in the shape of the API."""
    if step is Step.COUNT_PAPERS:
        return {"papers": _lines(visit.terms.papers, form, "reason")}
    if step is Step.WITHDRAW_PAPERS:
        return {"papers": _lines(visit.terms.withdraw, form, "note")}
    if step is Step.IDENTITY:
        return _some(form, "document", "masked_number", "authorisation_note") | {
            "authorised": form.get("authorised") == "true"
        }
    names = {
        Step.SIGN: ("citizen", "worker"),
        Step.SEAL: ("serial",),
        Step.COLLECT_FEE: ("exemption", "evidence"),
        Step.GUIDED: ("explained", "next_action"),
        Step.EXPLAIN_MISSING: ("note",),
        Step.HAND_OVER: ("note",),
    }
    return _some(form, *names.get(step, ()))


def _some(form: Submission, *names: str) -> dict[str, Any]:
    return {name: form.get(name) for name in names if name in form.values}


def _lines(listed: tuple[str, ...], form: Submission, remark: str) -> list[dict[str, str]]:
    """One line for each paper that was ticked; unticked ones are missed by the domain, by name."""
    return [
        {"name": name, "state": form.get(f"paper-{place}"), remark: form.get(f"remark-{place}")}
        for place, name in enumerate(listed)
        if form.get(f"paper-{place}")
    ]


def _said(step: Step, answer: dict[str, Any]) -> str:
    if answer.get("receipt_no"):
        return f"Đã thu tiền, biên lai số {answer['receipt_no']}."
    if answer["outcome"] == "papers_incomplete":
        return "Đã ghi danh sách giấy tờ còn thiếu. Không thu gom, không thu tiền."
    if answer["outcome"] is not None:
        return "Lượt đến nhà đã xong."
    return f"Đã ghi: {step.label.lower()}."
