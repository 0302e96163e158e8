"""The one-stop desk: scan, take, open, accept, ask for more, refuse, announce the result."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from services.postal_bridge.application import commands, pages, queries
from services.postal_bridge.application.dossiers import limit_of
from services.postal_bridge.application.names import NameBook
from services.postal_bridge.application.records import DossierRow
from services.postal_bridge.domain.dossier import DossierState
from services.postal_bridge.entrypoints.access import Acting, PostalService, Reading
from shared.actor import Actor
from shared.errors import Invalid, Problem
from shared.messaging.commands import Command
from shared.vietnamese.dates import format_date
from shared.web.forms import FormState, IdempotencyKey, Submission, SubmittedForm
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, Role, allow

router = APIRouter(prefix="/mot-cua", include_in_schema=False)

DESK = allow(Role.DESK_OFFICER)
LOOKERS = allow(Role.DESK_OFFICER, Role.INSPECTOR, Role.ADMINISTRATOR)
IN_WORK = (DossierState.OPENED, DossierState.SUPPLEMENT, DossierState.ACCEPTED)


@router.get("", dependencies=[DESK])
def desk(
    request: Request, session: Reading, service: PostalService, actor: CurrentActor, ma: str = ""
) -> Response:
    """The desk at a glance, the scan box first; a dossier found by its code opens at once."""
    now = service.transactions.clock()
    found = pages.find_scanned(session, actor, ma) if ma.strip() else None
    if found is not None and (found[1] is None or not found[1].offered_kind):
        return redirect(request, f"/mot-cua/ho-so/{found[0].dossier_id}")
    board = pages.handover_board(session, actor, now)
    dossiers = queries.dossiers_of_desk(session, actor.unit or "")
    states = {row.dossier_id: DossierState(row.state) for row in dossiers}
    return render(
        request,
        "postal_bridge/desk.html",
        desk=NameBook(session).desk(actor.unit or ""),
        scanned=ma.strip(),
        hit=[line for line in board.incoming if found and found[1] and line.parcel_id == found[1].parcel_id],
        board=board,
        unopened=[
            line
            for line in board.held
            if line.kind == "dossier" and states.get(line.dossier_id) is DossierState.ON_THE_WAY
        ],
        homeward=[line for line in board.held if line.goes_home],
        in_work=[
            (row, DossierState(row.state).label, pages.deadline_tone(row, now))
            for row in dossiers
            if row.state in IN_WORK
        ],
        offices=_offices(session, actor.unit or ""),
    )


@router.get("/ho-so/{dossier_id}", dependencies=[LOOKERS])
def dossier_page(
    request: Request, dossier_id: str, session: Reading, service: PostalService, actor: CurrentActor
) -> Response:
    """One dossier: what can be done now, and who had it when."""
    return _screen(request, session, service, actor, dossier_id, FormState.blank())


@router.post("/ho-so/{dossier_id}/{act}", dependencies=[DESK])
def act_on_dossier(
    request: Request,
    dossier_id: str,
    act: str,
    form: SubmittedForm,
    service: PostalService,
    acting: Acting,
    key: IdempotencyKey,
) -> Response:
    """One act of the officer; what was typed stays when it is refused."""
    try:
        answer = acting.execute(_command(act, dossier_id, form), key)
    except Problem as problem:
        state: FormState[Any] = FormState(values=form.values).with_problem(problem)
        with service.transactions.reading() as session:
            return _screen(request, session, service, acting.actor, dossier_id, state, status=problem.status)
    return redirect(request, f"/mot-cua/ho-so/{dossier_id}", flash=_said(act, answer))


def _command(act: str, dossier_id: str, form: Submission) -> Command:
    """The command behind a button. Raises Invalid for an unknown act or a text that is too long."""
    if len(form.get("reason")) > 1000 or len(form.get("items")) > 3000:
        raise Invalid("Nội dung quá dài.")
    if act == "mo":
        return commands.OpenDossier(
            dossier_id=dossier_id, seal=form.get("seal")[:60] or None, intact=form.get("intact") == "true"
        )
    if act == "tiep-nhan":
        return commands.AcceptDossier(
            dossier_id=dossier_id, dossier_code=form.get("dossier_code")[:40] or None
        )
    if act == "bo-sung":
        items = tuple(line.strip() for line in form.get("items").splitlines() if line.strip())
        return commands.RequestSupplement(
            dossier_id=dossier_id, items=items[:30], free_of_fare=form.get("free_of_fare") == "true"
        )
    if act == "tu-choi":
        if not form.get("reason"):
            raise Invalid("Phải ghi lý do từ chối.", fields={"reason": "Phải ghi lý do từ chối tiếp nhận."})
        return commands.RefuseDossier(dossier_id=dossier_id, reason=form.get("reason"))
    if act == "ket-qua":
        if not form.get("serial"):
            raise Invalid("Chưa ghi số niêm phong.", fields={"serial": "Chưa ghi số niêm phong của túi."})
        return commands.MarkResultReady(dossier_id=dossier_id, seal=form.get("serial")[:60])
    raise Invalid("Không có việc này.", code="desk.unknown_act")


def _screen(
    request: Request,
    session: Session,
    service: PostalService,
    actor: Actor,
    dossier_id: str,
    form: FormState[Any],
    *,
    status: int = 200,
) -> Response:
    row = pages.dossier_in_sight(session, actor, dossier_id)
    now = service.transactions.clock()
    parcels = pages.parcel_lines(session, pages.parcels_of(session, dossier_id), now)
    return render(
        request,
        "postal_bridge/dossier.html",
        status=status,
        row=row,
        state=DossierState(row.state),
        tone=pages.deadline_tone(row, now),
        limit=limit_of(row).text,
        due_now=pages.expected_due(session, row, now),
        parcels=parcels,
        here=_is_here(row, parcels, NameBook(session)),
        timeline=pages.dossier_timeline(session, dossier_id),
        faults=pages.faults_of_dossier(session, dossier_id),
        form=form,
        acts=actor.role is Role.DESK_OFFICER,
        offices=_offices(session, row.unit_id),
    )


def _is_here(row: DossierRow, parcels: list[pages.ParcelLine], names: NameBook) -> bool:
    """Whether the dossier's own envelope lies at its desk."""
    desk = names.desk(row.unit_id)
    return any(line.kind == "dossier" and line.holder == desk for line in parcels)


def _offices(session: Session, unit_id: str) -> list[tuple[str, str]]:
    return [
        (f"post_office:{office.office_id}", office.name) for office in NameBook(session).offices_for(unit_id)
    ]


def _said(act: str, answer: dict[str, Any]) -> str:
    if act == "tiep-nhan":
        due = format_date(datetime.fromisoformat(answer["due_at"]))
        return f"Đã tiếp nhận, mã hồ sơ {answer['dossier_code']}, hẹn trả {due}."
    return {
        "mo": "Đã mở túi hồ sơ.",
        "bo-sung": "Đã gửi yêu cầu bổ sung.",
        "tu-choi": f"Đã từ chối. Niêm phong lại bằng tem số {answer.get('seal', '')}.",
        "ket-qua": "Đã báo có kết quả. Giao túi cho bưu cục ở trang Bàn Một cửa.",
    }[act]
