"""What routes need of the running service, kept once on the application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlmodel import Session

from services.routing.application.planner import DayPlanner
from services.routing.bootstrap import RoutingService
from services.routing.entrypoints.jobs import PlanningJobs
from shared.actor import Actor, Role
from shared.web.forms import maybe_idempotency_key
from shared.web.roles import allow

READERS = (Role.DISPATCHER, Role.ADMINISTRATOR, Role.INSPECTOR)
MAY_READ = allow(*READERS)
MAY_PLAN = allow(Role.DISPATCHER)
MAY_INSPECT = allow(Role.INSPECTOR, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class Parts:
    """The service, its planner and the searches started from pages."""

    service: RoutingService
    planner: DayPlanner
    jobs: PlanningJobs


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers."""
    return cast("Parts", request.app.state.routing)


RoutingParts = Annotated[Parts, Depends(parts_of)]
OptionalKey = Annotated[str | None, Depends(maybe_idempotency_key)]


def reading(parts: RoutingParts) -> Iterator[Session]:
    """A session that only looks, for the time of one request."""
    with parts.service.transactions.reading() as session:
        yield session


Reading = Annotated[Session, Depends(reading)]


def must_see_office(actor: Actor, office_id: str) -> None:
    """Dispatchers see their own office, administrators and inspectors every one. Raises Forbidden."""
    if actor.role is Role.DISPATCHER:
        actor.must_serve_office(office_id)
