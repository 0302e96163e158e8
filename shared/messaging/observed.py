"""Commands, relay and event handlers with an eye on them: the same, with spans and metrics around.

Put around the mechanism where a service is wired, so that the mechanism itself stays readable.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.actor import Actor
from shared.contracts.envelope import ActorRef, Event
from shared.contracts.topics import topic_of
from shared.errors import Problem, Unavailable
from shared.messaging.commands import Command, CommandBus
from shared.messaging.guard import EventHandler
from shared.messaging.relay import Relay
from shared.messaging.unit_of_work import UnitOfWork
from shared.observability import metrics
from shared.observability.tracing import describe, span, was_doing
from shared.persistence.locks import Hold

ALARMING = ("unavailable", "crashed")
"""Outcomes with alerts: their series begin at zero, or the first one would be no increase to Prometheus."""


@dataclass(frozen=True)
class ObservedCommands(CommandBus):
    """A command bus whose commands are timed and appear in the trace, repetitions and commit included."""

    def __post_init__(self) -> None:
        for command in self.handlers:
            for outcome in ALARMING:
                metrics.command_seconds.labels(command.__name__, outcome)

    def execute(
        self, command: Command, actor: Actor | ActorRef, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """As `CommandBus.execute`."""
        with _observed(type(command).__name__):
            return super().execute(command, actor, idempotency_key)


@contextmanager
def _observed(command: str) -> Iterator[None]:
    began, outcome = time.perf_counter(), "crashed"
    with span(f"command {command}"):
        try:
            yield
            outcome = "done"
        except Unavailable:
            outcome = "unavailable"
            raise
        except Problem:
            outcome = "refused"
            raise
        finally:
            describe(outcome=outcome)
            metrics.command_seconds.labels(command, outcome).observe(time.perf_counter() - began)


class ObservedRelay(Relay):
    """A relay that counts what it sent and how often it was interrupted; each batch is a span."""

    def send_batch(self, producer: Any) -> int:
        """As `Relay.send_batch`. A look at an empty outbox leaves no span."""
        began = time.time_ns()
        sent = super().send_batch(producer)
        if sent:
            metrics.relay_sent.inc(sent)
            was_doing("relay batch", began, "producer", events=sent)
        return sent

    def _send_while(self, held: Hold) -> None:
        try:
            super()._send_while(held)
        except Exception as error:
            metrics.relay_failures.labels(type(error).__name__).inc()
            raise


def observed_events(handlers: Mapping[type[Event], EventHandler]) -> dict[type[Event], EventHandler]:
    """Event handlers that tell the span at hand, which the guard began, what they handle."""
    return {event: _telling(event, handler) for event, handler in handlers.items()}


def _telling(event_class: type[Event], handler: EventHandler) -> EventHandler:
    topic = topic_of(event_class).name
    name = f"event {topic} {event_class.KIND}"

    def handle(event: Any, uow: UnitOfWork) -> None:
        describe(name, topic=topic, key=event.key)
        handler(event, uow)

    return handle
