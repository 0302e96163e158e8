"""Every metric of the three services, in one place, each with its meaning and what to do when it is bad.

A process counts into `REGISTRY`; `shared.observability.exposition` shows it to Prometheus. Metrics read
off the database (`outbox_…`, `parked_…`, `gate_…`, `events_…`) are the same whichever process is asked.
`docs/metrics.md` is written from `DECLARED`, and alerts and dashboard may use nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

REGISTRY = CollectorRegistry()
"""What this process measures. Our own one: a library's metrics enter only on purpose."""

ProcessCollector(registry=REGISTRY)
disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series that nobody reads

PREFIX = "tannha_"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of durations; the goal of one second (p99) is one of them."""


@dataclass(frozen=True)
class Declared:
    """What operators must know about a metric: its name as queried, labels, meaning, and the action it
    calls for."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    action: str


DECLARED: list[Declared] = []
"""All metrics in the order of this file."""

M = TypeVar("M", Counter, Gauge, Histogram)


def _declare(
    make: Callable[..., M], name: str, labels: Sequence[str], meaning: str, action: str, **more: Any
) -> M:
    kind = make.__name__.lower()
    shown = f"{PREFIX}{name}_total" if kind == "counter" else f"{PREFIX}{name}"
    DECLARED.append(Declared(shown, kind, tuple(labels), meaning, action))
    return make(PREFIX + name, meaning, labels, registry=REGISTRY, **more)


# --- events on their way out --------------------------------------------------------------------------------

outbox_unsent = _declare(
    Gauge,
    "outbox_unsent",
    ("service",),
    "Events that are true here but that the broker does not have yet.",
    "Rising: see whether the broker answers and the relay runs (docs/runbooks/outbox-not-sent.md).",
)
outbox_oldest_seconds = _declare(
    Gauge,
    "outbox_oldest_seconds",
    ("service",),
    "Age of the oldest unsent event; 0 when all are sent. The other services are this far behind.",
    "Above 30 s: as for outbox_unsent. Nothing is lost; do not delete outbox rows.",
)
relay_sent = _declare(
    Counter,
    "relay_sent",
    (),
    "Events that the broker acknowledged to this process's relay.",
    "Flat while outbox_unsent is above 0: the relay is stuck (docs/runbooks/outbox-not-sent.md).",
)
relay_failures = _declare(
    Counter,
    "relay_failures",
    ("error",),
    "Interruptions of the relay, by the class of the error; it begins again by itself.",
    "More than a few in five minutes: read relay.interrupted in the log (docs/runbooks/broker-down.md).",
)
events_published = _declare(
    Gauge,
    "events_published",
    ("service", "topic"),
    "Sum of the newest sequence numbers of all keys of an own topic.",
    "No alarm of its own; minus events_applied it is what a consumer has not applied yet.",
)

# --- events on their way in ---------------------------------------------------------------------------------

events_applied = _declare(
    Gauge,
    "events_applied",
    ("service", "topic"),
    "Sum of the sequence numbers up to which a service has applied a foreign topic, over all keys.",
    "Behind events_published for minutes: is its worker alive, is something parked "
    "(docs/runbooks/parked-events.md)?",
)
events_received = _declare(
    Counter,
    "events_received",
    ("outcome",),
    "Records that this worker's guard decided about: applied, duplicate, stale, early, waiting, failed.",
    "failed rising: see parked_events. duplicate rising without a restart: offsets are not committed.",
)
parked_events = _declare(
    Gauge,
    "parked_events",
    ("service", "state"),
    "Events that are not applied: early and waiting ones go on by themselves, failed ones need a person.",
    "failed above 0: tannha events parked list, then replay or discard (docs/runbooks/parked-events.md).",
)
gate_waiting = _declare(
    Gauge,
    "gate_waiting",
    ("service", "topic"),
    "Events held at the gate, because an earlier one of their key (early) or of another key (waiting) "
    "has not been applied.",
    "Rising: find the failed event that they stand behind (tannha events parked list).",
)
gate_wait_seconds = _declare(
    Gauge,
    "gate_wait_seconds",
    ("service", "topic"),
    "How long the event that waits longest at the gate has been waiting; 0 when none waits.",
    "Above 5 min: what it waits for is parked, or was never sent (docs/runbooks/parked-events.md).",
)
worker_heartbeat_seconds = _declare(
    Gauge,
    "worker_heartbeat_seconds",
    (),
    "When this worker's loop turned last, in Unix time; 0 in an API, which has no such loop.",
    "Older than 30 s, or absent: the worker hangs or has stopped (docs/runbooks/process-down.md). "
    "Nothing is lost, its offsets stay.",
)

database_up = _declare(
    Gauge,
    "database_up",
    ("service",),
    "1 when the database answered as the metrics were read, else 0; then the other readings off it are old.",
    "0: writes are refused with 503, nothing is lost (docs/runbooks/database-down.md).",
)

# --- commands and requests ----------------------------------------------------------------------------------

command_seconds = _declare(
    Histogram,
    "command_seconds",
    ("command", "outcome"),
    "Duration of commands, commit included, by outcome: done, refused (a rule), unavailable, crashed.",
    "unavailable: the database is away or overloaded (docs/runbooks/database-down.md). crashed: a defect, "
    "read the log by its trace.",
    buckets=SECONDS,
)
http_requests = _declare(
    Counter,
    "http_requests",
    ("method", "route", "status"),
    "Answers by route (with its placeholders, never the address itself) and status.",
    "5xx above 1 %: read request.crashed in the log; 503 means database or broker.",
)
http_seconds = _declare(
    Histogram,
    "http_seconds",
    ("method", "route"),
    "Time from request to the last byte of the answer.",
    "p99 above 1 s: look at command_seconds, then at the machine's disk and processor.",
    buckets=SECONDS,
)
refused_tokens = _declare(
    Counter,
    "refused_tokens",
    ("reason",),
    "Sign-in proofs refused with 401: expired, forged, future, revoked or replayed.",
    "expired is daily life. forged or replayed above a handful in five minutes: somebody tries "
    "(docs/runbooks/forged-webhooks.md, the part on tokens).",
)
webhooks_received = _declare(
    Counter,
    "webhooks_received",
    ("outcome",),
    "Webhooks by outcome: accepted, ignored, or the code of the refusal.",
    "Refusals rising: a wrong secret after a change of keys, or somebody who is not the sender "
    "(docs/runbooks/forged-webhooks.md).",
)

# --- promises -----------------------------------------------------------------------------------------------

reconciler_findings = _declare(
    Gauge,
    "reconciler_findings",
    ("rule",),
    "What the last sweep of a reconciler found: things that should have gone on and did not.",
    "Above 0 for two sweeps: do what each finding says on /quan-tri/doi-soat "
    "(docs/runbooks/standing-still.md).",
)
