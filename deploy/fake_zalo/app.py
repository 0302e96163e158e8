"""The fake server as an application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from deploy.fake_zalo import api, pages
from deploy.fake_zalo.faults import FaultBoard, with_faults
from deploy.fake_zalo.protocol import Refusal, World, failure
from deploy.fake_zalo.settings import FakeZaloSettings
from deploy.fake_zalo.store import Store
from deploy.fake_zalo.webhooks import Webhooks
from shared.clock import Clock, DemoClock, system_clock

_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

GoOn = Callable[[Request], Awaitable[Response]]


def create_app(
    settings: FakeZaloSettings,
    clock: Clock | None = None,
    make_webhooks: Callable[[World], Webhooks] = Webhooks,
) -> FastAPI:
    """Wire the fake server. Tests give a clock and webhooks that stay in the process."""
    shared_clock = DemoClock(settings.clock_file) if settings.clock_file else system_clock
    world = World(settings, Store(settings.data), clock or shared_clock)
    webhooks, board = make_webhooks(world), FaultBoard()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        world.store.close()

    app = FastAPI(title="Zalo giả lập", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(api.routes(world, webhooks))
    app.include_router(pages.routes(world, webhooks, board))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    _add_guards(app, settings, board)
    return app


def _add_guards(app: FastAPI, settings: FakeZaloSettings, board: FaultBoard) -> None:
    @app.middleware("http")
    async def fail_as_ordered(request: Request, go_on: GoOn) -> Response:
        return await with_faults(board, request, go_on)

    @app.middleware("http")
    async def keep_strangers_out(request: Request, go_on: GoOn) -> Response:
        """A page of another site must not write in a citizen's name through the visitor's browser."""
        origin = request.headers.get("origin")
        if request.method != "GET" and origin and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("Chỉ nhận biểu mẫu của chính trang này.", status_code=403)
        answer = await go_on(request)
        answer.headers["Content-Security-Policy"] = _POLICY
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @app.exception_handler(Refusal)
    async def refuse(_request: Request, error: Exception) -> Response:
        return failure(error.code if isinstance(error, Refusal) else -201)

    @app.exception_handler(RequestValidationError)
    async def refuse_shape(request: Request, error: Exception) -> Response:
        """Zalo answers a malformed call in its own shape, too."""
        if request.url.path.startswith(("/v2.0/", "/v3.0/", "/v4/", "/message/", "/template/")):
            return failure(-201)
        return JSONResponse({"detail": str(error)}, status_code=422)

    hosts = ["127.0.0.1", "localhost", "testserver", settings.host]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
