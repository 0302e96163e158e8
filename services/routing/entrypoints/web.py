"""The dispatcher's pages, under `/dieu-do`. Everything works without JavaScript."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from services.routing.application import queries
from services.routing.application.board import ORIGINS, PURPOSES, days_not_in_plan, read_board
from services.routing.application.commands import MoveStop
from services.routing.application.moving import MoveOption, move_options
from services.routing.application.planning_day import read_day
from services.routing.application.publishing import plan_answer
from services.routing.application.records import Office
from services.routing.domain.stops import OPEN
from services.routing.entrypoints.parts import (
    MAY_PLAN,
    MAY_READ,
    Reading,
    RoutingParts,
    must_see_office,
)
from shared.actor import Actor, Role
from shared.clock import local_date
from shared.errors import Invalid, NotFound, Problem
from shared.web.forms import IdempotencyKey, SubmittedForm, check
from shared.web.pages import redirect, render
from shared.web.visitor import CurrentActor

router = APIRouter()


class PlanForm(BaseModel):
    """The button "Lập lộ trình"."""

    office: str = Field(title="bưu cục", max_length=60)
    day: date = Field(title="ngày")


class MoveForm(BaseModel):
    """The confirmation of a move."""

    to_worker: str = Field(title="bưu tá", max_length=60)
    note: str = Field(default="", title="ghi chú", max_length=200)


def board_path(office_id: str, day: date) -> str:
    """The address of a day's board."""
    return "/dieu-do?" + urlencode({"buu-cuc": office_id, "ngay": day.isoformat()})


@router.get("/", dependencies=[MAY_READ])
def front(request: Request) -> Response:
    """There is one place here."""
    return redirect(request, "/dieu-do")


@router.get("/dieu-do", dependencies=[MAY_READ])
def board(
    request: Request,
    parts: RoutingParts,
    session: Reading,
    actor: CurrentActor,
    ngay: date | None = None,
    chosen: Annotated[str | None, Query(alias="buu-cuc", max_length=60)] = None,
) -> Response:
    """A day of an office: workers with their stops, what is unassigned and why, the map."""
    now = parts.service.transactions.clock()
    office = _office(session, actor, chosen)
    today = local_date(now)
    day = ngay or today
    late = days_not_in_plan(session, office.office_id, today)
    return render(
        request,
        "routing/board.html",
        board=read_board(session, office, day, now),
        offices=queries.offices(session) if actor.role is not Role.DISPATCHER else [],
        yesterday=board_path(office.office_id, day - timedelta(days=1)),
        tomorrow=board_path(office.office_id, day + timedelta(days=1)),
        other_days=[
            (each, board_path(office.office_id, each), count) for each, count in late.items() if each != day
        ],
        origins=ORIGINS,
        may_plan=actor.role is Role.DISPATCHER and day >= today,
        revisions=queries.revisions(session, office.office_id, day),
    )


def _office(session: Session, actor: Actor, chosen: str | None) -> Office:
    """The office asked for, the actor's own, or the first one."""
    if actor.role is Role.DISPATCHER:
        must_see_office(actor, chosen or str(actor.office))
        return queries.office(session, str(actor.office))
    if chosen:
        return queries.office(session, chosen)
    every = queries.offices(session)
    if not every:
        raise NotFound("Chưa có bưu cục nào được nạp.", code="office.none")
    return every[0]


@router.post("/dieu-do/lap-lo-trinh", dependencies=[MAY_PLAN])
def start_planning(
    request: Request, parts: RoutingParts, actor: CurrentActor, form: SubmittedForm, key: IdempotencyKey
) -> Response:
    """Starts a search and leads to its progress."""
    state = check(form, PlanForm)
    if state.model is None:
        raise Invalid(state.message, fields=dict(state.errors))
    actor.must_serve_office(state.model.office)
    job = parts.jobs.start(actor, state.model.office, state.model.day, key)
    return redirect(request, f"/dieu-do/tien-do/{job.job_id}")


@router.get("/dieu-do/tien-do/{job_id}", dependencies=[MAY_PLAN])
def progress(request: Request, job_id: str, parts: RoutingParts, actor: CurrentActor) -> Response:
    """How far a search is; when it has ended well, the board."""
    job = parts.jobs.get(job_id)
    if job is None:
        return redirect(
            request,
            "/dieu-do",
            flash="Không còn theo dõi được lần lập lộ trình đó; đây là lộ trình đang dùng.",
            kind="note",
        )
    actor.must_serve_office(job.office_id)
    target = board_path(job.office_id, job.day)
    if job.revision is None:
        return render(request, "routing/progress.html", job=job, target=target)
    left = f", {job.unassigned} điểm chưa xếp được" if job.unassigned else ""
    response = redirect(
        request,
        target,
        flash=f"Đã có lộ trình số {job.revision}{left}.",
        kind="warning" if job.unassigned else "done",
    )
    if request.headers.get("hx-request"):
        response.headers["hx-redirect"] = target
        response.status_code = 200
    return response


@router.get("/dieu-do/chuyen/{stop_id}", dependencies=[MAY_PLAN])
def choose_worker(
    request: Request, stop_id: str, parts: RoutingParts, session: Reading, actor: CurrentActor
) -> Response:
    """Every worker who could take the stop with the minutes it costs, and why the others cannot."""
    return _move_page(request, stop_id, parts, session, actor)


@router.post("/dieu-do/chuyen/{stop_id}", dependencies=[MAY_PLAN])
def move(
    request: Request,
    stop_id: str,
    parts: RoutingParts,
    actor: CurrentActor,
    form: SubmittedForm,
    key: IdempotencyKey,
) -> Response:
    """Gives the stop to the worker chosen; a refusal comes back on the same page."""
    state = check(form, MoveForm)
    if state.model is None:
        raise Invalid(state.message, fields=dict(state.errors))
    command = MoveStop(stop_id=stop_id, to_worker=state.model.to_worker, note=state.model.note)
    try:
        parts.service.bus.execute(command, actor, key)
    except Problem as problem:
        if problem.status != 409:
            raise
        with parts.service.transactions.reading() as session:
            return _move_page(request, stop_id, parts, session, actor, problem)
    with parts.service.transactions.reading() as session:
        row = queries.stop(session, stop_id)
        return redirect(request, board_path(row.office_id, row.day), flash=f"Đã chuyển điểm {row.code}.")


def _move_page(
    request: Request,
    stop_id: str,
    parts: RoutingParts,
    session: Session,
    actor: Actor,
    problem: Problem | None = None,
) -> Response:
    row = queries.stop(session, stop_id)
    actor.must_serve_office(row.office_id)
    people = {worker.worker_id: worker for worker in queries.workers(session, row.office_id)}
    options: list[MoveOption] = []
    if row.status in OPEN:
        try:
            now = parts.service.transactions.clock()
            planning_day = read_day(session, row.office_id, row.day, now, parts.planner.ports)
            options = move_options(planning_day, stop_id, row.worker_id)
        except Problem as refusal:
            problem = problem or refusal
    return render(
        request,
        "routing/move.html",
        status=409 if problem else 200,
        stop=row,
        purpose=PURPOSES.get(row.purpose, row.purpose),
        people=people,
        options=[
            (people[option.worker_id], _shown(queries.move_answer(option, row.day))) for option in options
        ],
        problem=problem,
        back=board_path(row.office_id, row.day),
    )


@router.get("/dieu-do/lo-trinh/{plan_id}/{number}", dependencies=[MAY_READ])
def revision(request: Request, plan_id: str, number: int, session: Reading, actor: CurrentActor) -> Response:
    """One revision of a plan as it was published."""
    plan = queries.plan_named(session, plan_id, number)
    must_see_office(actor, plan.office_id)
    return render(
        request,
        "routing/revision.html",
        plan=plan,
        office=queries.office(session, plan.office_id),
        routes=[
            {**route, "stops": [_shown(stop) for stop in route["stops"]]}
            for route in plan_answer(session, plan)["routes"]
        ],
        codes=queries.codes(session, plan),
        people={worker.worker_id: worker.name for worker in queries.workers(session, plan.office_id)},
        back=board_path(plan.office_id, plan.day),
    )


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """An API answer with its start as an instant, for the filters of the pages."""
    start = answer.get("start")
    return {**answer, "start_at": datetime.fromisoformat(start) if start else None}
