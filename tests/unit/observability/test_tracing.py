"""One trace from request to event, with and without a collector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.observability import tracing
from shared.observability.tracing import (
    configure_tracing,
    current_traceparent,
    describe,
    record_with,
    span,
    trace_id,
    traced,
    was_doing,
)

GIVEN = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture
def collected() -> Iterator[InMemorySpanExporter]:
    """What a collector would receive."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    record_with(provider)
    yield exporter
    record_with(None)
    provider.shutdown()


def test_without_a_collector_a_step_stays_in_its_trace() -> None:
    """The page, the log line and the event of one request would carry different ids."""
    with traced(GIVEN) as outer:
        with span("step"):
            assert trace_id() == outer == "a" * 32
            assert current_traceparent() != GIVEN
        assert trace_id() == outer
    assert (trace_id(), current_traceparent()) == ("", "")


def test_a_step_outside_of_any_trace_begins_one() -> None:
    """Events of a job by the clock would carry no trace at all."""
    with span("sweep"):
        assert len(trace_id()) == 32


@pytest.mark.parametrize(
    "wrong",
    ["", "rubbish", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "00-" + "a" * 32 + "-" + "0" * 16 + "-01"],
)
def test_a_wrong_traceparent_is_replaced(wrong: str, collected: InMemorySpanExporter) -> None:
    """A caller could make our spans unusable, or send whatever it likes into log and event."""
    with traced(wrong) as trace:
        assert len(trace) == 32
        assert trace != "0" * 32
        assert current_traceparent()[3:35] == trace


def test_a_collector_receives_the_tree(collected: InMemorySpanExporter) -> None:
    """A trace without its structure explains nothing."""
    with traced(GIVEN, "request", "server"):
        describe("GET /x", status=200)
        with span("command Close"):
            inside = current_traceparent()
    command, request = collected.get_finished_spans()
    assert (request.name, command.name) == ("GET /x", "command Close")
    assert request.attributes == {"status": 200}
    assert request.parent is not None
    assert command.parent is not None
    assert f"{request.context.trace_id:032x}" == f"{command.context.trace_id:032x}" == "a" * 32
    assert f"{request.parent.span_id:016x}" == "b" * 16
    assert command.parent.span_id == request.context.span_id
    assert inside == f"00-{'a' * 32}-{command.context.span_id:016x}-01"


def test_an_error_is_marked_without_its_words(collected: InMemorySpanExporter) -> None:
    """Messages of errors quote what citizens wrote; a collector is not bound by their consent."""
    with pytest.raises(ValueError, match="0900000123"), span("step"):
        raise ValueError("cannot call 0900000123")
    (failed,) = collected.get_finished_spans()
    assert failed.status.description == "ValueError"
    assert "0900000123" not in failed.to_json()
    assert current_traceparent() == ""


def test_work_found_worth_a_span_is_recorded_afterwards(collected: InMemorySpanExporter) -> None:
    """Each empty look at the outbox would be a span, ten a second."""
    was_doing("relay batch", 1_000_000_000, "producer", events=3)
    (batch,) = collected.get_finished_spans()
    assert (batch.name, batch.start_time, batch.attributes) == ("relay batch", 1_000_000_000, {"events": 3})


def test_nothing_is_loaded_or_sent_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process would try to reach a collector that nobody runs."""
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    configure_tracing("intake")
    assert tracing._tracer is None


def test_with_an_endpoint_spans_are_sent_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented variable would do nothing."""
    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:9")
    try:
        configure_tracing("intake-api")
        assert tracing._tracer is not None
    finally:
        record_with(None)
