"""Logs carry ids, never persons."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.observability.logs import configure_logs, redact
from shared.observability.tracing import current_traceparent, traced


@pytest.mark.parametrize("field", ["name", "applicant_name", "phone", "address", "text", "note", "password"])
def test_personal_fields_are_masked(field: str) -> None:
    """A careless log call would write a citizen's data to a file that many may read."""
    assert redact(None, "", {"event": "x", field: "Nguyễn Thị Mẫu"})[field] == "•••"


@pytest.mark.parametrize("phone", ["0900000123", "+84900000123", "84 900 000 123", "0900.000.123"])
def test_phone_numbers_in_any_text_are_masked(phone: str) -> None:
    """Error messages of libraries quote what they were given."""
    line = redact(None, "", {"event": f"cannot send to {phone} now"})["event"]
    assert line == "cannot send to ••• now"


def test_ids_and_instants_stay_readable() -> None:
    """A log without ids explains nothing."""
    event = {"event": "sent", "request_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "timestamp": "2026-11-25T08:00:00Z"}
    assert redact(None, "", dict(event)) == event


@pytest.fixture
def fresh_logging() -> Iterator[None]:
    """The logging of the test run, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_json_with_service_and_trace(
    capsys: pytest.CaptureFixture[str], fresh_logging: None
) -> None:
    """Lines of three services could not be joined to one story."""
    configure_logs("intake")
    with traced() as trace:
        structlog.get_logger("x").info("request.taken", request_id="r1", phone="0900000123")
        logging.getLogger("library").warning("called 0900000123")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["event"] == "request.taken"
    assert (first["service"], first["trace"], first["phone"]) == ("intake", trace, "•••")
    assert second["event"] == "called •••"


def test_a_trace_is_continued_and_a_malformed_one_is_replaced() -> None:
    """The story of one request would break at the first service."""
    given = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with traced(given) as trace:
        assert trace == "a" * 32
        assert current_traceparent().startswith(f"00-{trace}-")
    with traced("rubbish") as trace:
        assert len(trace) == 32
        assert trace != "rubbish"
