"""postal_bridge as it is, with three routes more: write something down, read it, and see what was sent.

`python -m tests.integration.outages.notes api|worker|migrate`
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI
from sqlmodel import col, func, select

from services.postal_bridge.bootstrap import bootstrap
from services.postal_bridge.entrypoints.app import build_app as build_service
from services.postal_bridge.settings import Settings
from shared.command_line import service_cli
from shared.contracts.envelope import ActorRef
from shared.contracts.postal import VisitStarted
from shared.messaging.commands import Command, CommandBus
from shared.messaging.tables import OutboxRow, StreamHead
from shared.messaging.unit_of_work import UnitOfWork
from shared.service import Service
from shared.web.roles import PUBLIC


class Note(Command):
    """Something to be kept and published."""

    key: str


def keep(command: Note, uow: UnitOfWork, _ports: Any) -> dict[str, Any]:
    """The smallest effect: one event in the outbox."""
    started = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
    uow.publish(
        VisitStarted(
            visit_id=command.key, request_id="r", worker_id="w", purpose="pickup", started_at=started
        )
    )
    return {"key": command.key}


def build_app(service: Service[Settings]) -> FastAPI:
    """The pages and API of the service, and the notes."""
    app = build_service(service)
    bus = CommandBus(service.transactions, {Note: keep}, None)
    router = APIRouter(prefix="/api/notes")

    @router.post("", dependencies=[PUBLIC])
    def write(note: Note) -> dict[str, Any]:
        return bus.execute(note, ActorRef(account="a", role="operator"), note.key)

    @router.get("", dependencies=[PUBLIC])
    def read() -> dict[str, Any]:
        with service.transactions.reading() as session:
            unsent = select(func.count()).select_from(OutboxRow).where(col(OutboxRow.sent_at).is_(None))
            keys = session.exec(select(StreamHead.key).where(StreamHead.topic == "postal.visit.v1")).all()
            return {"keys": sorted(keys), "unsent": session.exec(unsent).one()}

    app.include_router(router)
    return app


app = service_cli("postal_bridge", Settings.load, bootstrap, "tests.integration.outages.notes")

if __name__ == "__main__":
    app()
