"""A postal_bridge on a temporary database, without broker: events come in as envelopes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import col, select

from services.postal_bridge.bootstrap import bootstrap
from services.postal_bridge.entrypoints.app import build_app
from services.postal_bridge.settings import Settings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import (
    AppointmentConfirmed,
    CalendarDayPublished,
    DocumentNeeded,
    Limit,
    OrgUnitPublished,
    Place,
    ProcedurePublished,
    Purpose,
    Window,
)
from shared.contracts.routing import (
    OfficePublished,
    PlanPublished,
    RouteSummary,
    StopScheduled,
    WorkerPublished,
)
from shared.contracts.topics import topic_of
from shared.ids import new_id
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow
from shared.service import Service
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner

DAY = date(2026, 11, 25)
OFFICE, UNIT = "office-a", "new-1"
WORKER = Actor("buu-ta-1", "Lê Văn Tá", Role.WORKER, office=OFFICE, worker="w-001")
OTHER_WORKER = Actor("buu-ta-2", "Lê Văn Nhì", Role.WORKER, office=OFFICE, worker="w-002")
DISPATCHER = Actor("dieu-do-a", "Phan Thị Điều", Role.DISPATCHER, office=OFFICE)
CASHIER = Actor("thu-quy-a", "Võ Thị Quỹ", Role.CASHIER, office=OFFICE)
OTHER_CASHIER = Actor("thu-quy-b", "Võ Thị Khác", Role.CASHIER, office="office-b")
OFFICER = Actor("mot-cua-1", "Trần Công Chức", Role.DESK_OFFICER, unit=UNIT)
OTHER_OFFICER = Actor("mot-cua-2", "Trần Đơn Vị", Role.DESK_OFFICER, unit="new-2")
INSPECTOR = Actor("thanh-tra", "Đỗ Thanh Tra", Role.INSPECTOR)

PAPERS = ("Tờ khai cải chính", "Giấy tờ làm căn cứ", "Giấy hộ tịch cũ")
PROCEDURE = ProcedurePublished(
    procedure_code="1.004859",
    version=1,
    title="Thay đổi, cải chính hộ tịch",
    neutral_title="Thủ tục hộ tịch",
    home_class="A",
    documents=(
        DocumentNeeded(name=PAPERS[0], kind="form", keep="kept"),
        DocumentNeeded(name=PAPERS[1], kind="original"),
        DocumentNeeded(name=PAPERS[2], kind="original", keep="withdraw_at_return"),
    ),
    fee_amount=15_000,
    exempt_groups=("elderly",),
    fare_pickup=28_000,
    fare_return=28_000,
    fare_fee_transfer=8_000,
    limit=Limit(unit="wd", value=3),
    service_minutes=15,
)


@dataclass
class World:
    """A service, its web client, and the other services played by the test."""

    service: Service[Settings]
    app: FastAPI
    client: TestClient
    signer: SessionSigner
    clock: DemoClock
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    sequences: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def hear(self, event: Event) -> Outcome:
        """Lets the service hear an event as the next one of its key."""
        topic = topic_of(type(event))
        self.sequences[topic.name, event.key] += 1
        envelope = Envelope(
            id=new_id(),
            type=event.KIND,
            version=1,
            source=topic.owner,
            topic=topic.name,
            subject=event.key,
            key=event.key,
            sequence=self.sequences[topic.name, event.key],
            occurred_at=self.clock(),
            recorded_at=self.clock(),
            actor=ActorRef.system(topic.owner),
            data=event.model_dump(mode="json"),
        )
        return self.service.guard.receive(topic.name, envelope.to_bytes())

    def headers(self, actor: Actor, key: str | None = None) -> dict[str, str]:
        """Bearer and idempotency key of a request."""
        return {
            "authorization": f"Bearer {self.signer.issue(actor)}",
            "idempotency-key": key or f"key-{next(self.numbers):08d}",
        }

    def post(
        self, actor: Actor, path: str, body: Any = None, *, status: int = 200, key: str | None = None
    ) -> dict[str, Any]:
        """A POST to the JSON API, with the status it must have."""
        answer = self.client.post(f"/api{path}", json=body, headers=self.headers(actor, key))
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def get(self, actor: Actor, path: str, *, status: int = 200) -> dict[str, Any]:
        """A GET of the JSON API, with the status it must have."""
        answer = self.client.get(f"/api{path}", headers=self.headers(actor))
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def published(self) -> list[tuple[str, dict[str, Any]]]:
        """Topic and kind, with the body, of everything published so far."""
        with self.service.transactions.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
            envelopes = [Envelope.from_bytes(row.body) for row in rows]
        return [(f"{e.topic.split('.')[1]}.{e.type}", e.data) for e in envelopes]

    def kinds(self) -> list[str]:
        """Kinds of everything published so far."""
        return [kind for kind, _ in self.published()]

    def appoint(
        self,
        visit_id: str,
        purpose: Purpose = "pickup",
        *,
        request_id: str = "request-1",
        worker_id: str = "w-001",
        dossier_id: str | None = None,
        hour: str = "08:00",
    ) -> None:
        """Intake confirms an appointment and routing gives it a worker."""
        self.hear(appointment(visit_id, purpose, request_id=request_id, dossier_id=dossier_id, hour=hour))
        self.hear(stop(visit_id, request_id=request_id, worker_id=worker_id, hour=hour))

    def step(
        self, visit_id: str, name: str, body: Any = None, *, status: int = 200, actor: Actor = WORKER
    ) -> dict[str, Any]:
        """One step of a visit."""
        return self.post(actor, f"/visits/{visit_id}/steps/{name}", body, status=status)

    def pick_up(self, visit_id: str = "visit-1", seal: str = "SEAL-0001") -> dict[str, Any]:
        """A whole pickup in which everything is there."""
        for name, body in pickup_steps(seal):
            answer = self.step(visit_id, name, body)
        return answer

    def hand(self, parcel_id: str, giver: Actor, kind: str, receiver_id: str, taker: Actor) -> None:
        """One hand-over, offered and accepted."""
        self.post(giver, f"/parcels/{parcel_id}/offer", {"receiver_kind": kind, "receiver_id": receiver_id})
        self.post(taker, f"/parcels/{parcel_id}/accept")

    def to_desk(self, parcel_id: str) -> None:
        """From the worker's hand to the desk's."""
        self.hand(parcel_id, WORKER, "post_office", OFFICE, CASHIER)
        self.hand(parcel_id, DISPATCHER, "desk", UNIT, OFFICER)


def code_of(answer: dict[str, Any]) -> str:
    """The machine code of a problem."""
    return str(answer["code"])


def pickup_steps(seal: str = "SEAL-0001") -> list[tuple[str, dict[str, Any]]]:
    """The steps of a pickup in which everything is there."""
    return [
        ("start", {}),
        ("arrive", {"lat": 15.8, "lon": 108.2, "accuracy_m": 12.0}),
        ("identity", {"document": "citizen_card", "masked_number": "…0123"}),
        ("count_papers", {"papers": [{"name": name, "state": "present"} for name in PAPERS]}),
        ("sign", {"citizen": "NTS", "worker": "LVT"}),
        ("seal", {"serial": seal}),
        ("collect_fee", {"exemption": "none"}),
    ]


def appointment(
    visit_id: str,
    purpose: Purpose = "pickup",
    *,
    request_id: str = "request-1",
    dossier_id: str | None = None,
    hour: str = "08:00",
) -> AppointmentConfirmed:
    """An appointment of an invented citizen."""
    return AppointmentConfirmed(
        request_id=request_id,
        code="BCGHKLMN",
        appointment_id=visit_id,
        purpose=purpose,
        window=window(hour),
        procedure_code=PROCEDURE.procedure_code,
        applicant_name="Nguyễn Thị Sen",
        phone="+84900000123",
        place=Place(
            text="Thôn 2, Duy Vinh",
            unit_id=UNIT,
            lat=15.8,
            lon=108.3,
            precision="village",
            landmark="cạnh chợ",
        ),
        office_id=OFFICE,
        dossier_id=dossier_id,
    )


def stop(
    visit_id: str, *, request_id: str = "request-1", worker_id: str = "w-001", hour: str = "08:00"
) -> StopScheduled:
    """A stop on a worker's route."""
    return StopScheduled(
        stop_id=visit_id,
        request_id=request_id,
        plan_id="plan-1",
        office_id=OFFICE,
        worker_id=worker_id,
        day=DAY,
        window=window(hour),
        expected_arrival=at(DAY, hour),
    )


def window(hour: str) -> Window:
    """Two hours from `hour`."""
    start: datetime = at(DAY, hour)
    return Window(start=start, end=start.replace(hour=start.hour + 2))


def plan(*stops: str, worker_id: str = "w-001", revision: int = 1) -> PlanPublished:
    """The order of driving."""
    return PlanPublished(
        plan_id="plan-1",
        office_id=OFFICE,
        day=DAY,
        revision=revision,
        routes=(RouteSummary(worker_id=worker_id, stop_ids=stops),),
        unassigned=(),
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The service at 07:30 on the day, with its reference data heard."""
    return make_world(tmp_path)


def make_world(tmp_path: Path) -> World:
    """The same for a test that needs several."""
    private, public = ensure_key_pair(tmp_path / "keys")
    clock = DemoClock(tmp_path / "clock")
    clock.set(at(DAY, "07:30"))
    service = bootstrap(
        Settings(
            environment="demo",
            database=f"sqlite:///{tmp_path}/postal.db",
            data_dir=tmp_path,
            session_public_key=public,
            demo_clock=clock.file,
        )
    )
    service.migrate()
    app = build_app(service)
    client = TestClient(app, base_url="http://127.0.0.1:8103")
    world = World(service, app, client, SessionSigner(load_private_key(private)), clock)
    for event in reference():
        assert world.hear(event) is Outcome.APPLIED
    return world


def reference() -> list[Event]:
    """Units, offices, workers, the procedure, and 26 November off."""
    units = [
        OrgUnitPublished(
            unit_id=f"new-{n}", kind="commune", name=f"Thử {n}", valid_from=date(2025, 7, 1),
            agency_code=f"H17.10{n}", lat=15.8, lon=108.2,
        )
        for n in (1, 2)
    ]  # fmt: skip
    offices = [
        OfficePublished(
            office_id=f"office-{letter}", name=f"Bưu cục {letter.upper()}", unit_id=unit, lat=15.8,
            lon=108.2, coverage=(unit,),
        )
        for letter, unit in (("a", "new-1"), ("b", "new-2"))
    ]  # fmt: skip
    workers = [
        WorkerPublished(worker_id=who, name=f"Bưu tá {who}", badge=f"BT-{who}", office_id=office)
        for who, office in (("w-001", OFFICE), ("w-002", OFFICE), ("w-009", "office-b"))
    ]
    holiday = CalendarDayPublished(
        entry_id="2026-11-26", day=date(2026, 11, 26), kind="holiday", scope="agencies", name="Ngày nghỉ"
    )
    return [*units, *offices, *workers, holiday, PROCEDURE]
