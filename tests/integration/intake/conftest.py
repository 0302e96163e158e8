"""Intake on a temporary database, without broker: foreign events come in as envelopes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import col, select

from services.intake.application.notice_port import Notice, NoticeProblem, Receipt
from services.intake.application.notice_sender import NoticeSender
from services.intake.application.ports import Ports
from services.intake.application.promises import PromiseKeeper
from services.intake.bootstrap import bootstrap
from services.intake.entrypoints.app import build_app
from services.intake.settings import Settings
from shared.actor import Actor, Role
from shared.clock import Clock, DemoClock, at, system_clock
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.intake import Window
from shared.contracts.routing import OfficePublished, StopScheduled, WorkerPublished
from shared.contracts.topics import topic_of
from shared.ids import new_id
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow
from shared.service import Service
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner

TODAY = date(2026, 11, 25)
"""A Wednesday; the day before is a public holiday, Thursday and Friday are worked."""
OFFICE = "office-20632"
UNIT = "new-20599"
ADDRESS = "tổ 3 thôn Đông Gia xã Duy Vinh, Duy Xuyên, Quảng Nam"
BIRTH = "1.001193"

OPERATOR = Actor("operator-1", "Trần Thị Tổng Đài", Role.OPERATOR)
INSPECTOR = Actor("inspector-1", "Đỗ Thanh Tra", Role.INSPECTOR)
DESK = Actor("desk-1", "Lê Một Cửa", Role.DESK_OFFICER, unit=UNIT)


class PlainPasswords:
    """Hashes nothing, so that tests are fast; the argon2 adapter has its own test."""

    def hash(self, password: str) -> str:
        """Recognisable and never a real hash."""
        return f"plain:{password}"

    def matches(self, password: str, password_hash: str) -> bool:
        """Whether it is the same text."""
        return password_hash == f"plain:{password}"


@dataclass
class ListChannel:
    """A channel that keeps what it was given; `trouble` is raised for the next sends."""

    sent: list[Notice] = field(default_factory=list)
    trouble: list[NoticeProblem] = field(default_factory=list)

    def send(self, notice: Notice) -> Receipt:
        """Keeps the notice, or raises the next trouble."""
        if self.trouble:
            raise self.trouble.pop(0)
        self.sent.append(notice)
        return Receipt(notice.id, "list", "", datetime(2026, 11, 25, tzinfo=UTC))


@dataclass
class Intake:
    """The service under test with its ways in and out."""

    service: Service[Settings]
    app: FastAPI
    client: TestClient
    clock: DemoClock
    signer: SessionSigner
    channel: ListChannel
    sequences: dict[tuple[str, str], Iterator[int]] = field(default_factory=dict)

    def headers(self, actor: Actor, key: str | None = None) -> dict[str, str]:
        """A signed-in program's headers."""
        bearer = {"Authorization": f"Bearer {self.signer.issue(actor)}"}
        return {**bearer, "Idempotency-Key": key or new_id()}

    def post(
        self, path: str, body: dict[str, Any], actor: Actor | None = None, key: str | None = None
    ) -> Any:
        """Posts JSON as `actor`, or as a citizen."""
        headers = self.headers(actor, key) if actor else {"Idempotency-Key": key or new_id()}
        return self.client.post(path, json=body, headers=headers)

    def get(self, path: str, actor: Actor | None = None, **params: Any) -> Any:
        """Gets JSON as `actor`, or as a citizen."""
        return self.client.get(path, params=params, headers=self.headers(actor) if actor else {})

    def hear(self, event: Event) -> Outcome:
        """Lets the guard receive an event as the broker would bring it."""
        topic = topic_of(type(event))
        numbers = self.sequences.setdefault((topic.name, event.key), itertools.count(1))
        now = self.clock()
        envelope = Envelope(
            id=new_id(),
            type=event.KIND,
            version=1,
            source=topic.owner,
            topic=topic.name,
            subject=f"test/{event.key}",
            key=event.key,
            sequence=next(numbers),
            occurred_at=now,
            recorded_at=now,
            actor=ActorRef.system(topic.owner),
            data=event.model_dump(mode="json"),
        )
        return self.service.guard.receive(topic.name, envelope.to_bytes())

    def applied(self, *events: Event) -> None:
        """Hears events that must take effect."""
        assert [self.hear(event) for event in events] == [Outcome.APPLIED] * len(events)

    def published(self, kind: type[Event] | None = None) -> list[dict[str, Any]]:
        """The bodies in the outbox, in order, of one event class or of all."""
        with self.service.transactions.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position))).all()
        envelopes = [Envelope.from_bytes(row.body) for row in rows]
        if kind is not None:
            topic = topic_of(kind).name
            envelopes = [e for e in envelopes if e.topic == topic and e.type == kind.KIND]
        return [{"kind": e.type, **e.data} for e in envelopes]

    def told(self, request_id: str) -> list[str]:
        """What the citizen of a request was told about, in order."""
        return [row["about"] for row in self.get("/api/notices", OPERATOR, request_id=request_id).json()]

    def sender(self, machine_clock: Clock = system_clock) -> NoticeSender:
        """A notice sender that was just started."""
        ports = cast("Ports", self.service.bus.ports)
        return NoticeSender(
            self.service.transactions, self.service.bus, ports.zalo, ports.call_list, machine_clock
        )

    def send_notices(self) -> None:
        """One round of a notice sender."""
        self.sender().send_due()

    def sweep(self) -> int:
        """One round of looking after the promises."""
        return PromiseKeeper(self.service.transactions, self.service.bus).sweep()

    def confirmed(self, **other: Any) -> dict[str, Any]:
        """A request agreed by phone."""
        answer = self.post("/api/operator/requests", {**details(**other), "channel": "phone"}, OPERATOR)
        assert answer.status_code == 201, answer.text
        return cast("dict[str, Any]", answer.json())

    def scheduled(self, request: dict[str, Any], worker_id: str = "w-001") -> dict[str, Any]:
        """The request on a worker's route."""
        self.applied(stop(request, worker_id))
        return request


def details(**other: Any) -> dict[str, Any]:
    """A complete request for tomorrow morning in a covered unit."""
    body = {
        "procedure_code": BIRTH,
        "applicant_name": "Nguyễn Thị Hoa Sen",
        "phone": "0900000123",
        "address": ADDRESS,
        "window": window("09:30", "11:30"),
        "consent": True,
    }
    return {**body, **other}


def window(start: str, end: str, day: date = date(2026, 11, 26)) -> dict[str, str]:
    """A window in Vietnamese wall clock as JSON."""
    return {"start": at(day, start).isoformat(), "end": at(day, end).isoformat()}


def stop(request: dict[str, Any], worker_id: str = "w-001", **other: Any) -> StopScheduled:
    """Routing put the appointment of a request on a route."""
    promised = Window.model_validate(other.pop("window", request["window"]))
    return StopScheduled(
        stop_id=request["appointment_id"],
        request_id=request["request_id"],
        plan_id="plan-1",
        office_id=OFFICE,
        worker_id=worker_id,
        day=TODAY,
        window=promised,
        expected_arrival=promised.start,
        **other,
    )


@pytest.fixture
def clock(tmp_path: Path) -> DemoClock:
    """Wednesday morning at eight."""
    clock = DemoClock(tmp_path / "clock")
    clock.set(at(TODAY, "08:00"))
    return clock


def open_intake(folder: Path, clock: DemoClock, **other: Any) -> Intake:
    """Intake on the database in `folder`, or on another `database`, as after a start."""
    private, public = ensure_key_pair(folder / "keys")
    settings = Settings(
        environment="demo",
        database=other.pop("database", f"sqlite:///{folder}/intake.db"),
        data_dir=folder,
        session_private_key=private,
        session_public_key=public,
        demo_clock=clock.file,
        **other,
    )
    channel = ListChannel()
    service = bootstrap(settings, passwords=PlainPasswords(), zalo=channel)
    service.migrate()
    app = build_app(service)
    signer = SessionSigner(load_private_key(private))
    client = TestClient(app, base_url=settings.intake_url, follow_redirects=False)
    return Intake(service, app, client, clock, signer, channel)


def introduce(intake: Intake) -> Intake:
    """Lets routing tell of one office and two workers."""
    intake.applied(
        OfficePublished(
            office_id=OFFICE,
            name="Bưu cục Duy Vinh",
            unit_id=UNIT,
            lat=15.85,
            lon=108.33,
            coverage=(UNIT, "new-20635"),
        ),
        WorkerPublished(worker_id="w-001", name="Phạm Văn Bưu", badge="BC-001", office_id=OFFICE),
        WorkerPublished(worker_id="w-002", name="Ngô Thị Tá", badge="BC-002", office_id=OFFICE),
    )
    return intake


@pytest.fixture
def intake(tmp_path: Path, clock: DemoClock) -> Intake:
    """Intake with one known office and two workers."""
    return introduce(open_intake(tmp_path, clock))
