"""The HTTP side of a service: the web kit around its routers, with what has to run beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from shared.service import Service
from shared.sign_ins import Recalls
from shared.web.addresses import Addresses
from shared.web.app import create_app
from shared.web.keys import load_public_key
from shared.web.measuring import metrics_router
from shared.web.operations import operations_router
from shared.web.parked import parked_router
from shared.web.roles import PUBLIC
from shared.web.session import Verifier


def service_app(
    service: Service[Any],
    *,
    title: str,
    routers: Sequence[APIRouter],
    web: Path,
    labels: Mapping[str, str],
    beside: Sequence[Callable[[], AbstractContextManager[None]]] = (),
    ready_checks: Mapping[str, Callable[[], None]] | None = None,
    tile_url: str | None = None,
) -> FastAPI:
    """Pages and API of a service.

    While it serves, the relay runs and so does what `beside` opens, in that order; all of it is closed in
    the opposite order. `web` holds `templates/` and `static/`. Raises UnstatedPermission for a route that
    does not say who may use it.
    """
    settings = service.settings
    recalls = Recalls(service.transactions)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = ExitStack()
        try:
            for part in (service.sending, recalls.running, *beside):
                await run_in_threadpool(running.enter_context, part())
            yield
        finally:
            await run_in_threadpool(running.close)

    app = create_app(
        title=title,
        routers=[
            *routers,
            *_front_door(service),
            operations_router(service.guard),
            parked_router(service.guard),
            metrics_router(service.transactions, settings.metrics_token_file),
        ],
        identity=Verifier(load_public_key(settings.session_public_key), recalled=recalls.cover),
        addresses=Addresses(
            intake=settings.intake_url,
            routing=settings.routing_url,
            postal_bridge=settings.postal_bridge_url,
            own=getattr(settings, f"{service.name}_url"),
        ),
        templates=[web / "templates"],
        static=[web / "static"],
        ready_checks={**service.ready_checks(), **(ready_checks or {})},
        lifespan=lifespan,
        clock=service.transactions.clock,
        labels=labels,
        tile_url=tile_url,
        production=settings.production,
    )
    app.state.recalls = recalls
    return app


def _front_door(service: Service[Any]) -> list[APIRouter]:
    """`/` of the other services leads to the one front page, which intake serves."""
    if service.name == "intake":
        return []
    router = APIRouter()

    @router.get("/", dependencies=[PUBLIC], include_in_schema=False)
    def front_page() -> RedirectResponse:
        return RedirectResponse(service.settings.intake_url, status_code=303)

    return [router]
