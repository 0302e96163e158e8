"""Four thin ASGI layers around every answer: headers, trace, last resort, body limit.

Plain ASGI instead of Starlette's BaseHTTPMiddleware, which loses context variables
and cancels streams late.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import structlog
from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.tracing import current_traceparent, traced
from shared.web.measuring import route_path
from shared.web.problems import Crash, body_too_large, problem_response

_log = structlog.get_logger(__name__)
_CLOSE = {"connection": "close"}


class SecurityHeaders:
    """Puts `headers` on every answer that does not set its own, refusals and crashes included."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, completing the headers on the way out."""

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_completed if scope["type"] == "http" else send)


class RequestTrace:
    """Continues the caller's trace or begins one; the log lines and the answer carry its id.

    `traceresponse` (W3C Trace Context, level 2) tells programs where to look, `x-request-id` people.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on inside the trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with (
            traced(Headers(scope=scope).get("traceparent", ""), "request", "server") as trace,
            structlog.contextvars.bound_contextvars(trace_id=trace),
        ):

            async def send_named(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers["x-request-id"] = trace
                    headers["traceresponse"] = current_traceparent()
                await send(message)

            await self._app(scope, receive, send_named)


class LastResort:
    """Turns a crash into a plain problem: where it happened goes to the log, no detail outside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; after a crash answer 500 unless an answer has already begun."""
        started = False

        async def send_watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as error:
            _log.error(
                "request.crashed", route=route_path(scope), error=type(error).__name__, trail=_trail(error)
            )
            if scope["type"] != "http" or started:
                raise
            response = problem_response(Request(scope, receive), Crash())
            await response(scope, receive, send)


class BodyLimit:
    """Refuses a body of more than `largest` bytes: by its announced length, else while it streams in."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting what is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        # A length that is no number never gets here from a server; the counting below would catch it anyway.
        too_long = announced.isdigit() and int(announced) > self._largest
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                # HTTPException is the one error FastAPI lets through while it parses a body.
                raise HTTPException(413, headers=_CLOSE)
            return message

        if too_long:
            response = problem_response(Request(scope, receive), body_too_large(), _CLOSE)
            await response(scope, receive, send)
            return
        await self._app(scope, receive_counted, send)


def _trail(error: BaseException) -> list[str]:
    """Where the crash happened, innermost last: file, line and function of the last eight frames."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
