"""The web application of postal_bridge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from services.postal_bridge.application.visits import LABELS
from services.postal_bridge.bootstrap import HERE
from services.postal_bridge.entrypoints import api, web_cash, web_custody, web_desk, web_worker
from services.postal_bridge.settings import Settings
from shared.service import Service
from shared.web.addresses import Addresses
from shared.web.app import create_app
from shared.web.keys import load_public_key
from shared.web.operations import operations_router
from shared.web.session import Verifier


def build_app(service: Service[Settings]) -> FastAPI:
    """API and pages; while they run the relay sends what was published."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sending = service.sending()
        await run_in_threadpool(sending.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(sending.__exit__, None, None, None)

    app = create_app(
        title="Bưu chính",
        routers=[
            api.router,
            web_worker.router,
            web_custody.router,
            web_desk.router,
            web_cash.router,
            operations_router(service.transactions, service.transactions.clock),
        ],
        identity=Verifier(load_public_key(settings.session_public_key)),
        addresses=Addresses(
            intake=settings.intake_url,
            routing=settings.routing_url,
            postal_bridge=settings.postal_bridge_url,
            own=settings.postal_bridge_url,
        ),
        templates=[HERE / "web" / "templates"],
        static=[HERE / "web" / "static"],
        ready_checks=service.ready_checks(),
        lifespan=lifespan,
        clock=settings.clock(),
        labels=LABELS,
        production=settings.production,
    )
    app.state.service = service
    return app
