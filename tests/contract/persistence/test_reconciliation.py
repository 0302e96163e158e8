"""Every rule finds its case on both databases: grouping and comparing instants is where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel

from services.intake.application import reconciliation as intake
from services.intake.application.records import AppointmentRow, RequestRow
from services.postal_bridge.application import reconciliation as postal_bridge
from services.postal_bridge.application.records import CashbookRow, DossierActRow, DossierRow, ParcelRow
from services.routing.application import reconciliation as routing
from services.routing.application.records import StopRow
from shared.contracts.topics import Service
from shared.messaging.stuck import unapplied, unsent
from shared.messaging.tables import OutboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions
from shared.persistence.migrations import migrate
from shared.reconciling import Rule

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
LONG_AGO, SOON = NOW - timedelta(days=30), NOW + timedelta(hours=1)


def request(name: str, status: str) -> RequestRow:
    """A request nobody touched for a month."""
    return RequestRow(
        request_id=name,
        code=name.upper(),
        channel="phone",
        status=status,
        created_at=LONG_AGO,
        changed_at=LONG_AGO,
    )


def stop(name: str, state: str, start: datetime) -> StopRow:
    """A stop of two hours."""
    return StopRow(
        stop_id=name,
        request_id="r",
        code="MA",
        office_id="office-a",
        day=start.date(),
        purpose="pickup",
        attempt=1,
        procedure_code="1",
        service_seconds=600,
        load=1,
        window_start=start,
        window_end=start + timedelta(hours=2),
        lat=15.8,
        lon=108.3,
        precision="house",
        place="Thôn 1",
        unit_id="new-1",
        state=state,
    )


def dossier(name: str, state: str, act: str, due_at: datetime | None = None) -> list[SQLModel]:
    """A dossier with two acts, the last one long ago."""
    row = DossierRow(
        dossier_id=name,
        request_id="r",
        request_code="MA",
        unit_id="new-1",
        procedure_code="1",
        procedure_version=1,
        procedure_title="T",
        limit_unit="wd",
        limit_value=3,
        withdraw=[],
        fare_return=0,
        exemption="none",
        state=state,
        due_at=due_at,
        items=[],
        opened_at=LONG_AGO,
    )
    return [
        row,
        *[
            DossierActRow(dossier_id=name, position=n, act=what, account="a", role="worker", at=LONG_AGO)
            for n, what in enumerate(("picked_up", act), 1)
        ],
    ]


def parcel(name: str, dossier_id: str, kind: str, *, offered: bool) -> ParcelRow:
    """A parcel at a desk."""
    return ParcelRow(
        parcel_id=name,
        dossier_id=dossier_id,
        request_id="r",
        kind=kind,
        seal=name,
        paper_count=1,
        papers=["T"],
        holder_kind="desk",
        holder_id="new-1",
        offered_kind="post_office" if offered else "",
        since=LONG_AGO,
        length=1,
        head="0",
        offered_id="office-a" if offered else "",
    )


CASES: dict[Service, tuple[list[Rule], list[SQLModel], dict[str, list[str]]]] = {
    "intake": (
        intake.rules(intake.Limits()),
        [
            request("agreed", "confirmed"),
            request("quiet", "draft"),
            request("taken", "picked_up"),
            AppointmentRow(
                appointment_id="a-1", request_id="agreed", purpose="pickup", attempt=1, status="confirmed",
                window_start=SOON, window_end=SOON, office_id="office-a", created_at=LONG_AGO,
            ),
        ],
        {"confirmed_unplanned": ["a-1"], "request_silent": ["quiet"], "pickup_unheard": ["taken"]},
    ),
    "routing": (
        routing.rules(routing.Limits()),
        [stop("s-1", "waiting", SOON), stop("s-2", "started", LONG_AGO), stop("s-3", "planned", SOON)],
        {"confirmed_unplanned": ["s-1"], "visit_silent": ["s-2"]},
    ),
    "postal_bridge": (
        postal_bridge.rules(postal_bridge.Limits()),
        [
            *dossier("d-late", "accepted", "accepted", NOW - timedelta(hours=1)),
            *dossier("d-in-time", "accepted", "accepted", SOON),
            *dossier("d-lost", "on_the_way", "picked_up"),
            *dossier("d-ready", "result_ready", "result_ready"),
            *dossier("d-refused", "refused", "refused"),
            parcel("p-refused", "d-refused", "dossier", offered=False),
            parcel("p-offered", "d-lost", "dossier", offered=True),
            CashbookRow(cashbook_id="w:1", worker_id="w", office_id="office-a", day=LONG_AGO.date()),
        ],
        {
            "offer_unaccepted": ["p-offered"],
            "registered_silent": ["d-late", "d-lost"],
            "result_uncollected": ["d-ready", "d-refused"],
            "cash_undeposited": ["w:1"],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("service", CASES)
def test_every_rule_finds_its_case(engine: Engine, service: Service) -> None:
    """Whoever runs on PostgreSQL would be told that nothing stands still, or be told of everything."""
    migrate(engine, ROOT / "services" / service / "migrations")
    rules, rows, expected = CASES[service]
    transactions = Transactions(engine, service, lambda: NOW)
    with transactions.begin() as uow:
        for row in rows:
            # Rows that refer to it follow; and the cases are used once for each database.
            uow.session.add(type(row)(**row.model_dump()))
            uow.session.flush()
        stuck: dict[str, Any] = {"topic": "t", "key": "k", "sequence": 1, "body": b""}
        uow.session.add(OutboxRow(event_id="e-1", recorded_at=LONG_AGO, **stuck))
        uow.session.add(ParkedEvent(event_id="e-2", state="failed", parked_at=LONG_AGO, **stuck))
    with transactions.reading() as session:
        assert {rule.name: found(session, rule) for rule in rules} == expected
        assert [finding.subject for finding in unsent(session, NOW)] == ["outbox"]
        assert [finding.subject for finding in unapplied(session, NOW)] == ["e-2"]


def found(session: Session, rule: Rule) -> Sequence[str]:
    """What a rule finds, by name; each with an instant that knows its offset."""
    findings = rule.look(session, NOW)
    assert all(finding.since.tzinfo is not None for finding in findings)
    return sorted(finding.subject for finding in findings)
