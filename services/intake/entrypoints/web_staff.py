"""The front page and the administrator's page."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request
from sqlmodel import col, func, select
from starlette.responses import Response

from services.intake.application import queries
from services.intake.application.ports import Ports
from services.intake.settings import Settings
from shared.messaging.tables import OutboxRow, ParkedEvent
from shared.service import Service
from shared.web.kit import kit_of
from shared.web.navigation import home_of
from shared.web.pages import render
from shared.web.roles import PUBLIC, MaybeActor, Role, allow


def staff_router(service: Service[Settings]) -> APIRouter:
    """`/` and `/quan-tri`."""
    router = APIRouter(include_in_schema=False)
    _front(router, service)
    _administration(router, service)
    return router


def _front(router: APIRouter, service: Service[Settings]) -> None:
    ports = cast("Ports", service.bus.ports)

    @router.get("/", dependencies=[PUBLIC])
    def front(request: Request, actor: MaybeActor) -> Response:
        """Three doors for citizens; a signed-in person is led to their place."""
        place = home_of(actor, kit_of(request).addresses) if actor else None
        return render(request, "intake/front.html", hotline=ports.hotline, place=place)


def _administration(router: APIRouter, service: Service[Settings]) -> None:
    @router.get("/quan-tri", dependencies=[allow(Role.ADMINISTRATOR, Role.INSPECTOR)])
    def administration(request: Request) -> Response:
        """Counts, what is stuck, and the way to the other services."""
        with service.transactions.reading() as session:
            counts = queries.counts(session)
            unsent = session.exec(
                select(func.count()).select_from(OutboxRow).where(col(OutboxRow.sent_at).is_(None))
            ).one()
            parked = session.exec(
                select(ParkedEvent).order_by(col(ParkedEvent.parked_at).desc()).limit(50)
            ).all()
            calls = queries.to_call(session)
        return render(
            request,
            "intake/administration.html",
            counts=counts,
            labels=queries.STATE_LABELS,
            unsent=unsent,
            parked=parked,
            calls=calls,
        )
