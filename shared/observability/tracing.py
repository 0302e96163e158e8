"""The W3C trace context of what is being done now, carried from request to event to handler."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("traceparent", default="")
_SHAPE = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


def current_traceparent() -> str:
    """The `traceparent` of the work at hand, or an empty text outside of any."""
    return _current.get()


def trace_id() -> str:
    """The 32 hex digits that join a page, a log line and an event."""
    return current_traceparent().split("-")[1] if current_traceparent() else ""


@contextmanager
def traced(incoming: str = "") -> Iterator[str]:
    """Continues the given trace (W3C Trace Context, `traceparent`), or starts one when it is malformed."""
    trace = incoming.split("-")[1] if _SHAPE.match(incoming) else secrets.token_hex(16)
    token = _current.set(f"00-{trace}-{secrets.token_hex(8)}-01")
    try:
        yield trace
    finally:
        _current.reset(token)
