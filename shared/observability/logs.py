"""Structured logs: one JSON object a line, ids as fields, nothing personal."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.observability.tracing import trace_id

PERSONAL_FIELDS = frozenset(
    {"name", "applicant_name", "phone", "address", "text", "note", "password", "token"}
)
_PHONE = re.compile(r"(?<!\d)(?:\+?84|0)(?:[\s.]?\d){8,10}(?!\d)")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Removes personal fields and masks whatever looks like a phone number."""
    for field, value in event.items():
        if field in PERSONAL_FIELDS:
            event[field] = "•••"
        elif isinstance(value, str) and field not in {"timestamp", "trace"}:
            event[field] = _PHONE.sub("•••", value)
    return event


def _add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id():
        event["trace"] = trace_id()
    return event


def configure_logs(service: str, level: str = "INFO") -> None:
    """Sends structlog and the standard library's records to standard error as JSON."""
    shared_steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        # Loggers of modules outlive a configuration, so that tests may look at what is said.
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared_steps,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faust", "mode", "httpx", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Each failed attempt to connect is an error to kafka-python; the relay says once what it means.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    structlog.contextvars.bind_contextvars(service=service)
