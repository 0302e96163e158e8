"""Commands, relay and event handlers are seen in metrics and traces, and do the same as unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.exc import OperationalError

from shared.clock import FixedClock
from shared.contracts.envelope import ActorRef, Envelope
from shared.contracts.intake import RequestClosed
from shared.contracts.postal import VisitStarted
from shared.errors import RuleBroken, Unavailable
from shared.messaging.commands import Command
from shared.messaging.connection import BrokerAddress
from shared.messaging.guard import Guard
from shared.messaging.observed import ObservedCommands, ObservedRelay, observed_events
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.observability.metrics import REGISTRY
from shared.observability.tracing import record_with, trace_id
from shared.persistence.engine import open_engine
from shared.persistence.locks import Hold
from tests.unit.messaging.listening import NOW, visit, wrap

SOMEBODY = ActorRef(account="a", role="operator")


class Finish(Command):
    """Closes a request; `trouble` names what goes wrong."""

    trouble: str = ""


def finish(command: Finish, uow: UnitOfWork, _ports: Any) -> dict[str, Any]:
    """Publishes, or fails as it is told to."""
    if command.trouble == "rule":
        raise RuleBroken("không được")
    if command.trouble == "database":
        raise OperationalError("insert", {}, Exception("disk I/O error"))
    if command.trouble == "defect":
        raise ZeroDivisionError
    return {"id": uow.publish(RequestClosed(request_id="r1", outcome="done")).id}


class KeepingProducer:
    """A Kafka producer whose broker has everything at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, topic: str, *, key: bytes, value: bytes) -> KeepingProducer:
        """Keeps the value; the producer is its own future."""
        self.sent.append(value)
        return self

    def get(self, timeout: float) -> None:
        """Acknowledged."""


@pytest.fixture
def transactions(tmp_path: Path) -> Iterator[Transactions]:
    """Intake's database."""
    engine = open_engine(f"sqlite:///{tmp_path / 'intake.db'}")
    MessagingTable.metadata.create_all(engine)
    yield Transactions(engine, "intake", FixedClock(NOW))
    engine.dispose()


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


def sample(name: str, **labels: str) -> float:
    """A metric, 0 while it does not exist."""
    return REGISTRY.get_sample_value(f"tannha_{name}", labels) or 0.0


@pytest.mark.parametrize(
    ("trouble", "outcome", "raised"),
    [
        ("", "done", None),
        ("rule", "refused", RuleBroken),
        ("database", "unavailable", Unavailable),
        ("defect", "crashed", ZeroDivisionError),
    ],
)
def test_a_command_is_timed_under_its_outcome(
    transactions: Transactions, trouble: str, outcome: str, raised: type[Exception] | None
) -> None:
    """Refusals by a rule would look like outages, or outages like refusals."""
    bus = ObservedCommands(transactions, {Finish: finish}, None)
    before = sample("command_seconds_count", command="Finish", outcome=outcome)
    if raised is None:
        assert "id" in bus.execute(Finish(), SOMEBODY)
    else:
        with pytest.raises(raised):
            bus.execute(Finish(trouble=trouble), SOMEBODY)
    assert sample("command_seconds_count", command="Finish", outcome=outcome) == before + 1


def test_the_first_outage_is_an_increase(transactions: Transactions) -> None:
    """A series that appears with its first count has not grown: the alert would sleep through it."""

    class Begin(Finish):
        """A command that nobody has given yet."""

    ObservedCommands(transactions, {Begin: finish}, None)
    for outcome in ("unavailable", "crashed"):
        labels = {"command": "Begin", "outcome": outcome}
        assert REGISTRY.get_sample_value("tannha_command_seconds_count", labels) == 0.0


def test_a_command_is_a_span_and_its_event_carries_it(
    transactions: Transactions, collected: InMemorySpanExporter
) -> None:
    """The trace of a request would end before its events."""
    producer = KeepingProducer()
    ObservedCommands(transactions, {Finish: finish}, None).execute(Finish(), SOMEBODY)
    ObservedRelay(transactions, BrokerAddress("127.0.0.1:9")).send_batch(producer)
    command, batch = collected.get_finished_spans()
    assert (command.name, batch.name) == ("command Finish", "relay batch")
    assert command.attributes == {"outcome": "done"}
    assert batch.attributes == {"events": 1}
    context = command.get_span_context()
    assert context is not None
    told = Envelope.from_bytes(producer.sent[0]).traceparent
    assert told.startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


def test_the_relay_counts_what_it_sent_and_leaves_no_span_for_nothing(
    transactions: Transactions, collected: InMemorySpanExporter
) -> None:
    """Ten looks a second at an empty outbox would be ten spans a second."""
    relay = ObservedRelay(transactions, BrokerAddress("127.0.0.1:9"))
    producer = KeepingProducer()
    before = sample("relay_sent_total")
    assert relay.send_batch(producer) == 0
    with transactions.begin() as uow:
        uow.publish(RequestClosed(request_id="r1", outcome="done"))
    assert relay.send_batch(producer) == 1
    assert sample("relay_sent_total") == before + 1
    assert [span.name for span in collected.get_finished_spans()] == ["relay batch"]


def test_an_interrupted_relay_is_counted(transactions: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away would show in the log only."""
    monkeypatch.setattr("shared.messaging.relay.KafkaProducer", _no_broker)
    relay = ObservedRelay(transactions, BrokerAddress("127.0.0.1:9"))
    before = sample("relay_failures_total", error="ConnectionError")
    with pytest.raises(ConnectionError):
        relay._send_while(Hold(taken=True))
    assert sample("relay_failures_total", error="ConnectionError") == before + 1


def _no_broker(**_settings: Any) -> None:
    raise ConnectionError


def test_a_handler_runs_in_the_trace_of_its_event_and_names_the_span(
    transactions: Transactions, collected: InMemorySpanExporter
) -> None:
    """A trace would tell that something was handled, not what."""
    seen: list[str] = []
    handlers = observed_events({VisitStarted: lambda _event, _uow: seen.append(trace_id())})
    given = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    Guard(transactions, handlers).receive("postal.visit.v1", wrap(visit(1), 1, traceparent=given))
    (handled,) = collected.get_finished_spans()
    assert seen == ["a" * 32]
    assert handled.name == "event postal.visit.v1 started"
    assert handled.attributes == {"topic": "postal.visit.v1", "key": "v1"}
