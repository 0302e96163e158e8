"""A routing service on a temporary database, without broker: events come in as envelopes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import col, select

from services.routing.application.commands import LoadReference
from services.routing.application.solver_port import OnProgress, Progress
from services.routing.application.urgent import UrgentPlanner
from services.routing.bootstrap import RoutingService, bootstrap
from services.routing.domain.assemble import plan_without_solver
from services.routing.domain.problem import Problem
from services.routing.domain.solution import Solution
from services.routing.entrypoints.app import build_app
from services.routing.settings import Settings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import AppointmentConfirmed, Limit, Place, ProcedurePublished, Purpose, Window
from shared.contracts.topics import topic_of
from shared.ids import new_id
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner

DAY = date(2026, 11, 26)
OFFICE = "office-a"
DISPATCHER = Actor("dispatcher-a", "Phan Thị Điều", Role.DISPATCHER, office=OFFICE)
STRANGER = Actor("dispatcher-b", "Hồ Văn Khác", Role.DISPATCHER, office="office-b")
INSPECTOR = Actor("inspector", "Đỗ Thanh Tra", Role.INSPECTOR)

OFFICES = [
    {"id": office_id, "name": name, "unit_id": unit_id, "lat": lat, "lon": 108.33, "coverage": [unit_id]}
    for office_id, name, unit_id, lat in (
        (OFFICE, "Bưu cục A", "new-1", 15.85),
        ("office-b", "Bưu cục B", "new-2", 15.60),
    )
]


def worker(number: int, office: str = OFFICE, **more: Any) -> dict[str, Any]:
    """A row of the workers' file: day shift, lunch, room for twenty."""
    row = {
        "id": f"w-{number:03d}",
        "name": f"Bưu tá {number}",
        "office_id": office,
        "skills": ["guidance"],
        "shift_start": "07:00",
        "shift_end": "17:30",
        "lunch_from": "11:30",
        "lunch_to": "13:30",
        "lunch_minutes": 60,
        "capacity": 20,
    }
    return {**row, **more}


WORKERS = [worker(1), worker(2, skills=["guidance", "certified"]), worker(9, "office-b")]


class QuickSolver:
    """A solver that only inserts: fast and the same every time. `meanwhile` runs during the search."""

    def __init__(self) -> None:
        self.meanwhile: list[Any] = []
        self.problems: list[Problem] = []

    def solve(
        self, problem: Problem, *, time_limit_seconds: float = 2.0, on_progress: OnProgress | None = None
    ) -> Solution:
        """The plan by insertion, with one row of progress."""
        self.problems.append(problem)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        solution = plan_without_solver(problem)
        if on_progress:
            on_progress(Progress(0.01, solution.totals.objective, solution.totals.served))
        return solution


@dataclass
class Routing:
    """The service under test with shortcuts: tell it events, ask its API, read what it published."""

    service: RoutingService
    app: FastAPI
    solver: QuickSolver
    signer: SessionSigner
    clock: DemoClock
    sequences: dict[tuple[str, str], itertools.count[int]] = field(default_factory=dict)

    def hear(self, event: Event) -> Outcome:
        """Feeds an event through the guard, with the next sequence number of its key."""
        topic = topic_of(type(event))
        numbers = self.sequences.setdefault((topic.name, event.key), itertools.count(1))
        envelope = Envelope(
            id=new_id(),
            type=event.KIND,
            version=1,
            source=topic.owner,
            topic=topic.name,
            subject=event.key,
            key=event.key,
            sequence=next(numbers),
            occurred_at=datetime.now(UTC),
            recorded_at=datetime.now(UTC),
            actor=ActorRef.system(topic.owner),
            data=event.model_dump(mode="json"),
        )
        return self.service.guard.receive(topic.name, envelope.to_bytes())

    def client(self, actor: Actor | None) -> TestClient:
        """A program signed in as `actor`."""
        headers = {"authorization": f"Bearer {self.signer.issue(actor)}"} if actor else {}
        return TestClient(self.app, headers=headers, follow_redirects=False)

    def plan(self, actor: Actor = DISPATCHER, day: date = DAY) -> dict[str, Any]:
        """Plans the day through the API."""
        answer = self.client(actor).post(f"/api/offices/{actor.office}/plans/{day}", json={})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def move(self, stop_id: str, to_worker: str) -> None:
        """Moves a stop by hand; later plans keep it there."""
        answer = self.client(DISPATCHER).post(f"/api/stops/{stop_id}/move", json={"to_worker": to_worker})
        assert answer.status_code == 200, answer.text

    def stops(self, day: date = DAY) -> list[dict[str, Any]]:
        """The stops of the office's day as the API lists them."""
        answer = self.client(DISPATCHER).get(f"/api/offices/{OFFICE}/stops", params={"day": str(day)})
        return list(answer.json())

    def published(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the events of this kind in the outbox, oldest first."""
        with self.service.transactions.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
            envelopes = [Envelope.from_bytes(row.body) for row in rows]
        return [envelope.data for envelope in envelopes if f"{envelope.topic}/{envelope.type}" == kind]

    def insert_urgent(self) -> int:
        """One round of looking after near stops that no plan has."""
        return UrgentPlanner(self.service.transactions, self.service.bus, self.service.bus.ports).sweep()

    def now(self, clock_time: str, day: date = DAY) -> None:
        """Sets the business clock."""
        self.clock.set(at(day, clock_time))


@pytest.fixture
def routing(tmp_path: Path) -> Iterator[Routing]:
    """Routing on a fresh SQLite file."""
    made = open_routing(tmp_path, f"sqlite:///{tmp_path}/routing.db")
    yield made
    made.service.engine.dispose()


def open_routing(folder: Path, database: str) -> Routing:
    """Two offices, three workers, one plain and one certified procedure; it is the evening before."""
    private, public = ensure_key_pair(folder / "keys")
    clock = DemoClock(folder / "clock")
    settings = Settings(database=database, session_public_key=public, demo_clock=clock.file, data_dir=folder)
    solver = QuickSolver()
    service = bootstrap(settings, solver=solver)
    service.migrate()
    service.bus.execute(
        LoadReference.model_validate({"offices": OFFICES, "workers": WORKERS}), ActorRef.system("routing")
    )
    made = Routing(service, build_app(service), solver, SessionSigner(load_private_key(private)), clock)
    made.now("18:00", date(2026, 11, 25))
    made.hear(procedure("1.001"))
    made.hear(procedure("2.002", skill="certified"))
    return made


def procedure(code: str, skill: str = "none", minutes: int = 10) -> ProcedurePublished:
    """A procedure with a visit of ten minutes."""
    return ProcedurePublished(
        procedure_code=code,
        version=1,
        title="Thủ tục thử",
        neutral_title="Thủ tục",
        home_class="A",
        documents=(),
        fee_amount=0,
        fare_pickup=26000,
        fare_return=26000,
        limit=Limit(unit="wd", value=3),
        service_minutes=minutes,
        skill=skill,
    )


def appointment(
    number: int,
    window: tuple[str, str] = ("07:30", "09:30"),
    *,
    purpose: Purpose = "pickup",
    code: str = "1.001",
    day: date = DAY,
    office: str = OFFICE,
    east_km: float | None = None,
) -> AppointmentConfirmed:
    """A confirmed visit on a line east of the office, one kilometre further for each number."""
    return AppointmentConfirmed(
        request_id=f"r-{number}",
        code=f"MA{number:03d}",
        appointment_id=f"s-{number}",
        purpose=purpose,
        window=Window(start=at(day, window[0]), end=at(day, window[1])),
        procedure_code=code,
        applicant_name="Nguyễn Thị Thử",
        phone="0900000123",
        place=Place(
            text=f"Thôn {number}",
            unit_id="new-1",
            lat=15.85,
            lon=108.33 + 0.0093 * (number if east_km is None else east_km),
            precision="house" if number % 2 else "unit",
        ),
        office_id=office,
    )
