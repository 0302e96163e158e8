"""The web application of routing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from services.routing.application.reference import load_reference_files
from services.routing.bootstrap import RoutingService, planner_of
from services.routing.entrypoints import api, web
from services.routing.entrypoints.jobs import PlanningJobs
from services.routing.entrypoints.parts import Parts
from shared.web.addresses import Addresses
from shared.web.app import create_app
from shared.web.keys import load_public_key
from shared.web.operations import operations_router
from shared.web.session import Verifier

WEB = Path(__file__).parent.parent / "web"
LABELS = {"day": "ngày", "seconds": "số giây", "to_worker": "bưu tá", "note": "ghi chú"}


def build_app(service: RoutingService) -> FastAPI:
    """Pages and API of a service; while it runs, reference data is loaded and events are sent."""
    settings = service.settings
    planner = planner_of(service)
    jobs = PlanningJobs(planner)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(load_reference_files, service.bus, settings.reference_dir)
        sending = service.sending()
        await run_in_threadpool(sending.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(jobs.close)
            await run_in_threadpool(sending.__exit__, None, None, None)

    app = create_app(
        title="Điều độ",
        routers=[api.router, web.router, operations_router(service.transactions, service.transactions.clock)],
        identity=Verifier(load_public_key(settings.session_public_key)),
        addresses=Addresses(
            intake=settings.intake_url,
            routing=settings.routing_url,
            postal_bridge=settings.postal_bridge_url,
            own=settings.routing_url,
        ),
        templates=[WEB / "templates"],
        static=[WEB / "static"],
        ready_checks=service.ready_checks(),
        lifespan=lifespan,
        clock=settings.clock(),
        labels=LABELS,
        tile_url=settings.map_tiles,
        production=settings.production,
    )
    app.state.routing = Parts(service, planner, jobs)
    return app
