"""The JSON API of routing."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from services.routing.application import queries
from services.routing.application.commands import MoveStop
from services.routing.application.moving import move_option, plan_as_it_stands
from services.routing.application.planning_day import read_day
from services.routing.entrypoints.parts import (
    MAY_INSPECT,
    MAY_PLAN,
    MAY_READ,
    OptionalKey,
    Reading,
    RoutingParts,
    must_see_office,
)
from shared.actor import Role
from shared.web.visitor import CurrentActor

router = APIRouter(prefix="/api")


class PlanRequest(BaseModel):
    """How long the search may take."""

    model_config = ConfigDict(extra="forbid")
    seconds: float | None = Field(default=None, gt=0, le=60)


class MoveRequest(BaseModel):
    """Who gets the stop, and a note for the history."""

    model_config = ConfigDict(extra="forbid")
    to_worker: str = Field(min_length=1, max_length=60)
    note: str = Field(default="", max_length=200)


@router.get("/offices", dependencies=[MAY_READ])
def list_offices(session: Reading) -> list[dict[str, Any]]:
    """All post offices with the units they serve."""
    return [queries.office_answer(row) for row in queries.offices(session)]


@router.get("/workers", dependencies=[MAY_READ])
def list_workers(session: Reading, actor: CurrentActor) -> list[dict[str, Any]]:
    """Workers and shifts: a dispatcher's own office, or all."""
    own = actor.office if actor.role is Role.DISPATCHER else None
    return [queries.worker_answer(row) for row in queries.workers(session, own)]


@router.get("/offices/{office_id}/stops", dependencies=[MAY_READ])
def list_stops(office_id: str, day: date, session: Reading, actor: CurrentActor) -> list[dict[str, Any]]:
    """The stops of an office's day."""
    must_see_office(actor, office_id)
    return queries.stops_answer(session, queries.office(session, office_id).office_id, day)


@router.post("/offices/{office_id}/plans/{day}", dependencies=[MAY_PLAN])
def plan_day(
    office_id: str,
    day: date,
    parts: RoutingParts,
    actor: CurrentActor,
    key: OptionalKey,
    body: Annotated[PlanRequest | None, Body()] = None,
) -> dict[str, Any]:
    """Plans the day now and answers the plan in force."""
    seconds = body.seconds if body else None
    return parts.planner.plan(actor, office_id, day, seconds=seconds, idempotency_key=key)


@router.get("/offices/{office_id}/plans/{day}", dependencies=[MAY_READ])
def show_plan(office_id: str, day: date, session: Reading, actor: CurrentActor) -> dict[str, Any]:
    """The plan in force."""
    must_see_office(actor, office_id)
    return queries.plan_in_force(session, office_id, day)


@router.get("/stops/{stop_id}/move-preview", dependencies=[MAY_PLAN])
def preview_move(
    stop_id: str, to_worker: str, parts: RoutingParts, session: Reading, actor: CurrentActor
) -> dict[str, Any]:
    """What giving the stop to a worker would cost, or the rule that forbids it."""
    row = queries.stop(session, stop_id)
    actor.must_serve_office(row.office_id)
    now = parts.service.transactions.clock()
    planning_day = read_day(session, row.office_id, row.day, now, parts.planner.ports)
    option = move_option(planning_day, plan_as_it_stands(planning_day), stop_id, to_worker)
    return queries.move_answer(option, row.day)


@router.post("/stops/{stop_id}/move", dependencies=[MAY_PLAN])
def move_stop(
    stop_id: str, body: MoveRequest, parts: RoutingParts, actor: CurrentActor, key: OptionalKey
) -> dict[str, Any]:
    """Gives the stop to a worker; answers the new plan."""
    command = MoveStop(stop_id=stop_id, to_worker=body.to_worker, note=body.note)
    return parts.service.bus.execute(command, actor, key)


@router.get("/overview", dependencies=[MAY_INSPECT])
def overview(session: Reading) -> dict[str, Any]:
    """Stops by state, and each promise against its schedule."""
    return queries.overview(session)
