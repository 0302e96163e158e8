"""The trace of what is being done now, carried from request to command to event to handler.

A trace is a W3C Trace Context (`traceparent`): the same 32 hex digits stand in the page, the log line and the
event. Without `OTEL_EXPORTER_OTLP_ENDPOINT` that is all, and it costs a few microseconds. With it every span
is also sent to that collector (OTLP over HTTP, other settings by the `OTEL_…` variables of OpenTelemetry).
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Kind = Literal["internal", "server", "producer", "consumer"]
Attribute = str | int | float | bool

_current: ContextVar[str] = ContextVar("traceparent", default="")
_span: ContextVar[Span | None] = ContextVar("span", default=None)
_SHAPE = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_tracer: Tracer | None = None


def current_traceparent() -> str:
    """The `traceparent` of the work at hand, or an empty text outside of any."""
    return _current.get()


def trace_id() -> str:
    """The 32 hex digits that join a page, a log line and an event."""
    return _current.get()[3:35]


class traced:  # noqa: N801 - used like a function; a class is half as dear as a generator, on every event
    """Continues the given trace (`traceparent`), or starts one when it is malformed; enters with its id.

    `name`, `kind` and `attributes` describe the span: ids, kinds and counts, never what somebody said or is
    called.
    """

    __slots__ = ("_describe", "_incoming", "_recorded", "_token")

    def __init__(
        self, incoming: str = "", name: str = "event", kind: Kind = "internal", **attributes: Attribute
    ) -> None:
        self._incoming = incoming if _SHAPE.match(incoming) else ""
        self._describe = (name, kind, attributes)
        self._token: Token[str] | None = None
        self._recorded: AbstractContextManager[None] | None = None

    def __enter__(self) -> str:
        """The id of the trace."""
        if _tracer is not None:
            self._recorded = _recorded(_tracer, self._incoming, *self._describe)
            self._recorded.__enter__()
            return trace_id()
        trace = self._incoming[3:35] or secrets.token_hex(16)
        self._token = _current.set(f"00-{trace}-{secrets.token_hex(8)}-01")
        return trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trail: TracebackType | None
    ) -> None:
        """Back to the work before."""
        if self._recorded is not None:
            self._recorded.__exit__(kind, error, trail)
        elif self._token is not None:
            _current.reset(self._token)


def span(name: str, kind: Kind = "internal", **attributes: Attribute) -> traced:
    """A step of the work at hand, or the beginning of a trace where there is none yet."""
    return traced(_current.get(), name, kind, **attributes)


def describe(name: str = "", **attributes: Attribute) -> None:
    """Says more about the span at hand, for what is known only later (a route, an outcome)."""
    recording = _span.get()
    if recording is None:
        return
    if name:
        recording.update_name(name)
    recording.set_attributes(attributes)


def was_doing(name: str, began: int, kind: Kind = "internal", **attributes: Attribute) -> None:
    """A span of its own for work that turned out worth one; `began` in nanoseconds since 1970."""
    if _tracer is None:
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - loaded already when there is a tracer

    _tracer.start_span(name, None, SpanKind[kind.upper()], attributes, start_time=began).end()


def configure_tracing(service: str) -> None:
    """Sends spans where the environment says, from now on; without an endpoint nothing is loaded or sent."""
    if not os.environ.get(ENDPOINT):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - slow to load
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"tannha-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    record_with(provider)


def record_with(provider: TracerProvider | None) -> None:
    """Hands every span of this process to `provider` (OpenTelemetry SDK); None ends it."""
    global _tracer  # noqa: PLW0603 - one process has one tracer, as it has one log
    _tracer = None if provider is None else provider.get_tracer("tannha")


@contextmanager
def _recorded(
    tracer: Tracer, parent: str, name: str, kind: Kind, attributes: dict[str, Attribute]
) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - loaded already when there is a tracer
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    context = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    recording = tracer.start_span(name, context, trace.SpanKind[kind.upper()], attributes)
    told = recording.get_span_context()
    parent_token = _current.set(f"00-{told.trace_id:032x}-{told.span_id:016x}-{told.trace_flags:02x}")
    span_token = _span.set(recording)
    try:
        yield
    except BaseException as error:
        # Only the class: messages may quote what a citizen wrote.
        recording.set_status(trace.StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        _span.reset(span_token)
        _current.reset(parent_token)
        recording.end()
