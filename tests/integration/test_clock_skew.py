"""Clocks that are hours apart delay and displease; they lose nothing, refuse no event and reorder none.

Order is told by sequence numbers, never by time; times are written down as each service read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from services.intake.application.reference import publish_reference
from services.postal_bridge.bootstrap import bootstrap as bootstrap_postal
from services.postal_bridge.entrypoints.app import build_app as build_postal
from services.postal_bridge.settings import Settings as PostalSettings
from services.routing.application.commands import LoadReference
from services.routing.bootstrap import bootstrap as bootstrap_routing
from services.routing.entrypoints.app import build_app as build_routing
from services.routing.settings import Settings as RoutingSettings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef, Envelope
from shared.contracts.intake import RequestCancelled
from shared.contracts.postal import VisitCompleted, VisitStarted
from shared.contracts.topics import topic_named
from shared.ids import new_id
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow, ParkedEvent
from shared.service import Service
from shared.web.session import COOKIE, SessionSigner
from tests.integration.intake.conftest import (
    BIRTH,
    OPERATOR,
    TODAY,
    UNIT,
    Intake,
    details,
    introduce,
    open_intake,
)
from tests.integration.postal_bridge.conftest import World
from tests.integration.routing.conftest import DAY, QuickSolver, Routing, appointment, open_routing, worker

OFFICE = "office-a"
TOMORROW, DAY_AFTER = date(2026, 11, 26), date(2026, 11, 27)
HOURS = timedelta(hours=2)
DISPATCHER = Actor("dispatcher-a", "Phan Thị Điều", Role.DISPATCHER, office=OFFICE)
CASHIER = Actor("thu-quy-a", "Võ Thị Quỹ", Role.CASHIER, office=OFFICE)
WORKER = Actor("buu-ta-1", "Lê Văn Tá", Role.WORKER, office=OFFICE, worker="w-001")
OFFICER = Actor("mot-cua-1", "Trần Công Chức", Role.DESK_OFFICER, unit=UNIT)
INSPECTOR = Actor("thanh-tra", "Đỗ Thanh Tra", Role.INSPECTOR)
STARTING = {"id": OFFICE, "name": "Bưu cục A", "unit_id": UNIT, "lat": 15.85, "lon": 108.33}


@dataclass
class House:
    """The three services in one process, each with its own clock; events travel when the test says so."""

    intake: Intake
    routing: Routing
    postal: World
    clocks: dict[str, DemoClock]
    skews: dict[str, timedelta]
    delivered: set[tuple[str, str]] = field(default_factory=set)

    @property
    def services(self) -> dict[str, Service[Any]]:
        """All three by name."""
        return {
            "intake": self.intake.service,
            "routing": self.routing.service,
            "postal_bridge": self.postal.service,
        }

    def it_is(self, day: date, clock_time: str) -> None:
        """Sets all clocks, each as wrong as it is."""
        for name, clock in self.clocks.items():
            clock.set(at(day, clock_time) + self.skews.get(name, timedelta()))

    def travel(self) -> None:
        """Carries everything published to everybody who listens, until nothing new comes."""
        while sum(self._carry(name, service) for name, service in self.services.items()):
            pass

    def _carry(self, source: str, service: Service[Any]) -> int:
        with service.transactions.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
        new = [row for row in rows if (source, row.event_id) not in self.delivered]
        for row in new:
            self.delivered.add((source, row.event_id))
            if topic_named(row.topic).gate == "latest" and not _of_interest(row):
                continue
            for name in topic_named(row.topic).consumers:
                outcome = self.services[name].guard.receive(row.topic, row.body)
                assert outcome in {Outcome.APPLIED, Outcome.WAITING}, (name, row.topic, outcome)
        return len(new)

    def parked(self) -> list[str]:
        """What could not be applied, at any service."""
        found = []
        for name, service in self.services.items():
            with service.transactions.reading() as session:
                found += [f"{name}: {row.topic} {row.reason}" for row in session.exec(select(ParkedEvent))]
        return found

    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the citizen sees."""
        answer = self.intake.post("/api/status", {"code": request["code"], "last4": "0123"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def _of_interest(row: OutboxRow) -> bool:
    """Of the reference data, what this citizen's visit needs; the rest would only take time."""
    if row.topic == "intake.unit.v1":
        return row.key == UNIT
    return row.topic != "intake.procedure.v1" or row.key == BIRTH


def open_house(folder: Path, **skews: timedelta) -> Iterator[House]:
    """The services on fresh databases, with one office, one worker and intake's reference data."""
    clocks = {name: DemoClock(folder / f"{name}.clock") for name in ("intake", "routing", "postal_bridge")}
    clocks["intake"].set(at(TODAY, "08:00"))
    intake = open_intake(folder, clocks["intake"])
    key = intake.service.settings.session_public_key

    def common(name: str) -> dict[str, Any]:
        database = f"sqlite:///{folder}/{name}.db"
        clock = clocks[name].file
        return {
            "database": database,
            "data_dir": folder,
            "session_public_key": key,
            "demo_clock": clock,
            "environment": "demo",
        }

    solver = QuickSolver()
    routing_service = bootstrap_routing(RoutingSettings(**common("routing")), solver=solver)
    postal_service = bootstrap_postal(PostalSettings(**common("postal_bridge")))
    for service in (routing_service, postal_service):
        service.migrate()
    routing_service.bus.execute(
        LoadReference.model_validate(
            {"offices": [{**STARTING, "coverage": [UNIT]}], "workers": [worker(1, skills=["certified"])]}
        ),
        ActorRef.system("routing"),
    )
    routing_app, postal_app = build_routing(routing_service), build_postal(postal_service)
    routing = Routing(routing_service, routing_app, solver, intake.signer, clocks["routing"])
    postal = World(postal_service, postal_app, TestClient(postal_app), intake.signer, clocks["postal_bridge"])
    house = House(intake, routing, postal, clocks, skews)
    house.it_is(TODAY, "08:00")
    publish_reference(intake.service.transactions, intake.service.bus.ports)
    house.travel()
    yield house
    for opened in house.services.values():
        opened.engine.dispose()


SKEWS = {
    "the post is ahead, routing behind": {"postal_bridge": HOURS, "routing": -HOURS},
    "the post is behind, routing ahead": {"postal_bridge": -HOURS, "routing": HOURS},
}


@pytest.fixture(params=list(SKEWS.values()), ids=list(SKEWS))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The services with their clocks four hours apart."""
    yield from open_house(tmp_path, **request.param)


def plan(house: House, day: date) -> None:
    """The dispatcher plans a day, and everybody hears of it."""
    answer = house.routing.client(DISPATCHER).post(f"/api/offices/{OFFICE}/plans/{day}", json={})
    assert answer.status_code == 200, answer.text
    assert answer.json()["unassigned"] == []
    house.travel()


def go_through(house: House, visit_id: str) -> dict[str, Any]:
    """The worker takes every step of a visit."""
    bodies: dict[str, dict[str, Any]] = {
        "identity": {"document": "citizen_card", "masked_number": "…0123"},
        "sign": {"citizen": "NTS", "worker": "LVT"},
        "seal": {"serial": "SEAL-0001"},
        "collect_fee": {"exemption": "none"},
    }
    state = house.postal.step(visit_id, "start", {}, actor=WORKER)
    while step := state["next_step"]:
        papers = {"count_papers": ("papers", "present"), "withdraw_papers": ("withdraw", "taken")}.get(step)
        body = bodies.get(step, {})
        if papers is not None:
            listed, outcome = papers
            body = {"papers": [{"name": name, "state": outcome} for name in state[listed]]}
        state = house.postal.step(visit_id, step, body, actor=WORKER)
    house.travel()
    return state


def hand(house: House, parcel_id: str, giver: Actor, kind: str, receiver_id: str, taker: Actor) -> None:
    """A hand-over that everybody hears of."""
    house.postal.hand(parcel_id, giver, kind, receiver_id, taker)
    house.travel()


def test_the_whole_way_with_clocks_hours_apart(house: House) -> None:
    """A wrong clock would strand a citizen's papers between two services, or break a ledger."""
    asked = house.intake.post("/api/operator/requests", {**details(), "channel": "phone"}, OPERATOR)
    assert asked.status_code == 201, asked.text
    request = asked.json()
    house.travel()
    plan(house, TOMORROW)
    assert house.status(request)["status"] == "scheduled"

    house.it_is(TOMORROW, "09:40")
    picked = go_through(house, request["appointment_id"])
    assert house.status(request)["status"] == "picked_up"
    hand(house, picked["parcel_id"], WORKER, "post_office", OFFICE, CASHIER)
    hand(house, picked["parcel_id"], DISPATCHER, "desk", UNIT, OFFICER)
    dossier = f"/dossiers/{picked['dossier_id']}"
    house.postal.post(OFFICER, f"{dossier}/open")
    house.postal.post(OFFICER, f"{dossier}/accept")

    house.it_is(DAY_AFTER, "08:00")
    ready = house.postal.post(OFFICER, f"{dossier}/result", {"seal": "KQ-0001"})
    hand(house, ready["parcel_id"], OFFICER, "post_office", OFFICE, DISPATCHER)
    coming = house.status(request)["appointments"][-1]
    plan(house, datetime.fromisoformat(coming["window"]["start"]).astimezone(UTC).date())
    hand(house, ready["parcel_id"], DISPATCHER, "worker", "w-001", WORKER)
    house.it_is(DAY_AFTER, "13:40")
    go_through(house, coming["appointment_id"])

    assert house.parked() == []
    assert house.status(request)["status"] == "closed"
    seen = house.postal.get(INSPECTOR, "/overview")
    assert [parcel["verified"] for parcel in seen["parcels"]] == [True, True]
    collected, deposited, in_hand = (seen["money"][name] for name in ("collected", "deposited", "in_hand"))
    assert collected["fare"] > 0
    assert collected == {ledger: deposited[ledger] + in_hand[ledger] for ledger in collected}


TIMES = {
    "from the future": lambda now, _n: now + HOURS,
    "from the past": lambda now, _n: now - HOURS,
    "running backwards": lambda now, n: now - n * timedelta(hours=1),
}


@pytest.fixture
def routing(tmp_path: Path) -> Iterator[Routing]:
    """One service is enough where events are made by hand."""
    made = open_routing(tmp_path, f"sqlite:///{tmp_path}/routing.db")
    yield made
    made.service.engine.dispose()


@pytest.mark.parametrize("when", TIMES.values(), ids=TIMES.keys())
def test_events_are_ordered_by_number_and_never_by_time(
    routing: Routing, when: Callable[[datetime, int], datetime]
) -> None:
    """A producer whose clock is wrong, or was set back, would have its events refused or reordered."""
    for number, expected in ((2, Outcome.EARLY), (1, Outcome.APPLIED), (3, Outcome.APPLIED)):
        instant = when(routing.clock(), number)
        envelope = Envelope(
            id=new_id(), type="cancelled", version=1, source="intake", topic="intake.request.v1",
            subject="request/r-1", key="r-1", sequence=number, occurred_at=instant, recorded_at=instant,
            actor=ActorRef.system("intake"), data=RequestCancelled(request_id="r-1").model_dump(),
        )  # fmt: skip
        assert routing.service.guard.receive(envelope.topic, envelope.to_bytes()) is expected
    with routing.service.transactions.reading() as session:
        assert session.exec(select(ParkedEvent)).all() == []


@pytest.mark.parametrize("apart", [HOURS, -HOURS], ids=["from the future", "from the past"])
def test_a_day_is_planned_again_around_visits_of_another_clock(routing: Routing, apart: timedelta) -> None:
    """A worker whose visit began "in two hours" would break the plan of the office, or wait for it."""
    for number, window in ((1, ("07:30", "09:30")), (2, ("09:30", "11:30")), (3, ("13:30", "15:30"))):
        routing.hear(appointment(number, window))
    routing.plan()
    routing.now("08:00")
    told = {stop["stop_id"]: stop["worker_id"] for stop in routing.stops(DAY)}
    visit = {"visit_id": "s-1", "request_id": "r-1", "worker_id": told["s-1"], "purpose": "pickup"}
    began = routing.clock() + apart
    assert routing.hear(VisitStarted.model_validate({**visit, "started_at": began})) is Outcome.APPLIED
    assert routing.plan(day=DAY)["unassigned"] == []
    routing.now("08:20")
    ended = {"arrived_at": began, "finished_at": began + timedelta(minutes=15), "outcome": "picked_up"}
    assert routing.hear(VisitCompleted.model_validate({**visit, **ended})) is Outcome.APPLIED
    assert routing.plan(day=DAY)["unassigned"] == []
    routing.hear(appointment(4, ("09:30", "11:30")))
    assert routing.insert_urgent() == 1
    states = {stop["stop_id"]: stop["state"] for stop in routing.stops(DAY)}
    assert states == {"s-1": "done", "s-2": "planned", "s-3": "planned", "s-4": "planned"}


def test_a_clock_set_back_keeps_the_order_of_what_was_published(tmp_path: Path) -> None:
    """The correction of a clock would turn a citizen's story around on its way out."""
    clock = DemoClock(tmp_path / "clock")
    clock.set(at(TODAY, "08:00"))
    intake = introduce(open_intake(tmp_path, clock))
    request = intake.confirmed()
    clock.set(at(TODAY, "06:00"))
    path = f"/api/operator/requests/{request['request_id']}/cancel"
    assert intake.post(path, {}, OPERATOR).status_code == 200
    with intake.service.transactions.reading() as session:
        rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
    story = [Envelope.from_bytes(row.body) for row in rows if row.topic == "intake.request.v1"]
    assert [event.type for event in story] == [
        "received",
        "appointment_confirmed",
        "appointment_cancelled",
        "cancelled",
    ]
    assert [event.sequence for event in story] == [1, 2, 3, 4]
    assert story[-1].recorded_at < story[0].recorded_at


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(30, 200), (2 * 3600, 401), (-2 * 3600, 200)],
    ids=["half a minute ahead", "two hours ahead", "two hours behind"],
)
def test_a_token_of_an_intake_with_another_clock(routing: Routing, ahead: int, status: int) -> None:
    """Half a minute between two machines would lock out everybody; hours would let a wrong clock pass."""
    now = datetime.now(UTC).timestamp()
    token = SessionSigner(routing.signer._key, now=lambda: now + ahead).issue(INSPECTOR)
    client = routing.client(None)
    answer = client.get("/api/operations", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == status
    client.cookies.set(COOKIE, token)
    page = client.get("/dieu-do", headers={"accept": "text/html"}, follow_redirects=False)
    if status == 401:
        assert answer.json()["code"] == "auth.clock"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert (page.status_code, "Đồng hồ" in page.text) == (401, True)
    else:
        assert page.status_code != 401
        assert "/dang-nhap" not in page.headers.get("location", "")
