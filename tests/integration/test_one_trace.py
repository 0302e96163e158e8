"""One trace id from a citizen's request through three services: answer, log, event, handler, next event."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlmodel import col, select

from services.postal_bridge.bootstrap import bootstrap as bootstrap_postal
from services.postal_bridge.settings import Settings as PostalSettings
from services.routing.application.commands import LoadReference
from services.routing.bootstrap import bootstrap as bootstrap_routing
from services.routing.entrypoints.app import build_app as build_routing
from services.routing.settings import Settings as RoutingSettings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef, Envelope
from shared.contracts.topics import topic_named
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow
from shared.observability.logs import configure_logs
from shared.observability.tracing import record_with
from shared.service import Service
from shared.web.keys import load_private_key
from shared.web.session import SessionSigner
from tests.integration.intake.conftest import BIRTH, OFFICE, TODAY, UNIT, Intake, introduce, open_intake
from tests.integration.routing.conftest import DAY, QuickSolver, Routing, procedure, worker

TRACE = "c0ffee" + "0" * 25 + "1"
DISPATCHER = Actor("dispatcher-1", "Phan Thị Điều", Role.DISPATCHER, office=OFFICE)
REFERENCE = {
    "offices": [
        {"id": OFFICE, "name": "Bưu cục", "unit_id": UNIT, "lat": 15.85, "lon": 108.33, "coverage": [UNIT]}
    ],
    "workers": [worker(1, OFFICE)],
}


@dataclass
class City:
    """Three services in one process, and a wire that carries their events in order, as the broker would."""

    intake: Intake
    routing: Routing
    postal: Service[Any]
    carried: set[str] = field(default_factory=set)

    @classmethod
    def in_folder(cls, folder: Path) -> City:
        """All three on fresh databases, with one office, one worker and one procedure."""
        clock = DemoClock(folder / "clock")
        clock.set(at(TODAY, "08:00"))
        intake = introduce(open_intake(folder, clock))
        common: dict[str, Any] = {
            "session_public_key": folder / "keys" / "session-public.pem",
            "demo_clock": clock.file,
            "data_dir": folder,
            "environment": "demo",
        }
        solver = QuickSolver()
        routing = bootstrap_routing(
            RoutingSettings(database=f"sqlite:///{folder}/routing.db", **common), solver=solver
        )
        postal = bootstrap_postal(PostalSettings(database=f"sqlite:///{folder}/postal.db", **common))
        for service in (routing, postal):
            service.migrate()
        routing.bus.execute(LoadReference.model_validate(REFERENCE), ActorRef.system("routing"))
        signer = SessionSigner(load_private_key(folder / "keys" / "session-private.pem"))
        dispatching = Routing(routing, build_routing(routing), solver, signer, clock)
        dispatching.hear(procedure(BIRTH))
        return cls(intake, dispatching, postal)

    @property
    def services(self) -> tuple[Service[Any], ...]:
        """All three."""
        return self.intake.service, self.routing.service, self.postal

    def carry(self) -> list[tuple[str, Envelope]]:
        """Brings every new event of intake and routing to its consumers; returns consumer and event."""
        told: list[tuple[str, Envelope]] = []
        while new := [event for event in self._published() if event.id not in self.carried]:
            for event in new:
                self.carried.add(event.id)
                for service in self.services:
                    if service.name in topic_named(event.topic).consumers:
                        assert service.guard.receive(event.topic, event.to_bytes()) is Outcome.APPLIED
                        told.append((service.name, event))
        return told

    def _published(self) -> Iterator[Envelope]:
        for service in self.services:
            with service.transactions.reading() as session:
                rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
            # Intake was introduced to routing's reference data by its own fixture.
            yield from (
                event
                for event in map(Envelope.from_bytes, (row.body for row in rows))
                if event.topic not in {"routing.office.v1", "routing.worker.v1"}
            )


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A city of one office."""
    made = City.in_folder(tmp_path)
    yield made
    for service in made.services:
        service.engine.dispose()


@pytest.fixture
def collected() -> Iterator[InMemorySpanExporter]:
    """What a collector would receive from all three."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    record_with(provider)
    yield exporter
    record_with(None)
    provider.shutdown()


@pytest.fixture
def fresh_logging() -> Iterator[None]:
    """The logging of the test run, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application behind a real socket; yields its address. Callers queue until it answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def test_a_cancelled_request_is_one_trace_through_three_services(
    city: City, collected: InMemorySpanExporter, fresh_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could find out why a worker still drives to a citizen who has cancelled."""
    request = city.intake.confirmed()
    city.carry()
    city.routing.plan(DISPATCHER, DAY)
    city.carry()
    collected.clear()
    configure_logs("intake")

    with served(city.intake.app) as url:
        answer = httpx.post(
            f"{url}/api/status/cancel",
            json={"code": request["code"], "last4": "0123"},
            headers={"traceparent": f"00-{TRACE}-{'b' * 16}-01", "idempotency-key": "cancel-once"},
            timeout=60,
        )
        logged = httpx.post(f"{url}/webhooks/zalo", headers={"traceparent": f"00-{TRACE}-{'b' * 16}-01"})
    told = city.carry()

    assert answer.status_code == 200, answer.text
    assert answer.headers["traceresponse"].split("-")[1] == answer.headers["x-request-id"] == TRACE
    assert {event.traceparent.split("-")[1] for _, event in told} == {TRACE}
    assert ("routing", "intake.request.v1") in {(name, event.topic) for name, event in told}
    assert ("postal_bridge", "routing.stop.v1") in {(name, event.topic) for name, event in told}
    assert logged.status_code == 400
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert TRACE in {line.get("trace") for line in lines if line["event"] == "zalo.webhook_refused"}
    spans = collected.get_finished_spans()
    names = {span.name for span in spans}
    assert {"POST /api/status/cancel", "event routing.stop.v1 withdrawn"} <= names
    assert [name for name in names if name.startswith("command ")]
    assert {f"{span.get_span_context().trace_id:032x}" for span in spans} == {TRACE}  # type: ignore[union-attr]
