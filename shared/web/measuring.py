"""`/metrics`, and the layer that counts and times every answer."""

from __future__ import annotations

import time
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Forbidden
from shared.messaging.readings import DatabaseReadings
from shared.messaging.unit_of_work import Transactions
from shared.observability import exposition, metrics
from shared.observability.tracing import describe
from shared.web.roles import PUBLIC


def metrics_router(transactions: Transactions, token_file: Path | None) -> APIRouter:
    """`GET /metrics` of one service; the route itself asks who may read (see `exposition`)."""
    router = APIRouter()
    readings = DatabaseReadings(transactions)

    @router.get("/metrics", dependencies=[PUBLIC], include_in_schema=False)
    def show(request: Request) -> Response:
        """This process's counts, and what its database tells."""
        client = request.client.host if request.client else ""
        if not exposition.may_read(client, request.headers, token_file):
            raise Forbidden("Chỉ hệ thống giám sát được đọc số đo.", code="metrics.forbidden")
        readings.take()
        return PlainTextResponse(exposition.text(), media_type=exposition.CONTENT_TYPE)

    return router


class Measured:
    """Counts each answer by route and status, and times it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with an eye on the status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        finally:
            method, route = _method(scope), route_path(scope)
            metrics.http_requests.labels(method, route, str(status)).inc()
            metrics.http_seconds.labels(method, route).observe(time.perf_counter() - began)
            describe(f"{method} {route}", route=route, status=status)


def route_path(scope: Scope) -> str:
    """The path with its placeholders: the real one may carry a citizen's code, and there are endless many."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _method(scope: Scope) -> str:
    """The method, or `other`: a caller may invent as many as it likes."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
