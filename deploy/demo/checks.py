"""What must be true at the end of a day, asked from outside through the public APIs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.stack import SERVICES
from shared.vietnamese.money import format_vnd

CHANGES = {"window_lost", "cancelled", "visit_failed"}
"""Notices that tell a citizen, before the window, that nobody will come in it."""


@dataclass(frozen=True)
class Check:
    """One invariant: its sentence, whether it holds, and what was seen."""

    sentence: str
    holds: bool
    seen: str


def settle(product: Product, seconds: float = 60.0) -> None:
    """Waits until every event is sent and heard: outboxes empty and nothing parked as early or waiting."""

    def quiet() -> bool:
        reports = [_operations(product, service) for service in SERVICES]
        return all(
            report["outbox_unsent"] == 0 and not [p for p in report["parked"] if p["state"] != "failed"]
            for report in reports
        )

    eventually(lambda: quiet() and quiet(), seconds, "all events to be sent and applied")


def _operations(product: Product, service: str) -> dict[str, Any]:
    return product.get(service, "/api/operations", accounts.INSPECTOR)  # type: ignore[no-any-return]


def invariants(product: Product, now: datetime) -> list[Check]:
    """Custody, money, events and promises, over everything that the product holds."""
    postal = product.get("postal_bridge", "/api/overview", accounts.INSPECTOR)
    intake = product.get("intake", "/api/overview", accounts.INSPECTOR)
    return judge(postal, intake, [_operations(product, service) for service in SERVICES], now)


def judge(
    postal: dict[str, Any], intake: dict[str, Any], operations: list[dict[str, Any]], now: datetime
) -> list[Check]:
    """The same over given answers, so that a test can damage them."""
    return [
        _one_holder(postal["parcels"]),
        _chains(postal["parcels"]),
        *_money(postal["money"]),
        _events(operations),
        _promises(intake["appointments"], now),
    ]


def _one_holder(parcels: list[dict[str, Any]]) -> Check:
    """What the ledger's fold says and what the desks and phones are shown must be one and the same."""
    strays = [p["parcel_id"] for p in parcels if not p["holder"] or p["holder"] != p["row_holder"]]
    return Check("Mỗi túi hồ sơ có đúng một người giữ", not strays, f"{len(parcels)} túi, {len(strays)} sai")


def _chains(parcels: list[dict[str, Any]]) -> Check:
    broken = [p["parcel_id"] for p in parcels if not p["verified"]]
    return Check("Mọi chuỗi bàn giao nguyên vẹn", not broken, f"{len(broken)} chuỗi đứt")


def _money(money: dict[str, Any]) -> list[Check]:
    """Collected by receipts, deposited by the cashiers' counts, in hand by the ledger: three sources."""
    checks = []
    for ledger, name in (("fee", "Phí, lệ phí"), ("fare", "Cước")):
        sources = ("collected", "deposited", "in_hand", "differences")
        collected, deposited, in_hand, explained = (money[source][ledger] for source in sources)
        balanced = collected == deposited + in_hand + explained
        seen = f"thu {format_vnd(collected)}, nộp {format_vnd(deposited)}, đang giữ {format_vnd(in_hand)}"
        checks.append(Check(f"{name}: đã thu = đã nộp + đang giữ", balanced, seen))
    return checks


def _events(operations: list[dict[str, Any]]) -> Check:
    unsent = sum(report["outbox_unsent"] for report in operations)
    parked = [event for report in operations for event in report["parked"]]
    reasons = "; ".join(sorted({f"{event['topic']} {event['reason']}" for event in parked})[:3])
    seen = f"{unsent} chưa gửi, {len(parked)} đỗ lại {reasons}".strip()
    return Check("Không sự kiện nào chưa gửi hay bị đỗ lại", unsent == 0 and not parked, seen)


def _promises(appointments: list[dict[str, Any]], now: datetime) -> Check:
    """A window is kept when the worker came inside it; else the citizen was told before it began."""
    broken, kept, announced = [], 0, 0
    for appointment in appointments:
        start, end = (datetime.fromisoformat(appointment["window"][side]) for side in ("start", "end"))
        arrived = appointment["arrived_at"] and datetime.fromisoformat(appointment["arrived_at"])
        if arrived and start <= arrived <= end:
            kept += 1
        elif _told_before(appointment, start):
            announced += 1
        elif arrived or end < now:
            broken.append(appointment["appointment_id"])
    seen = f"{kept} đúng hẹn, {announced} đổi có báo trước, {len(broken)} lỡ"
    return Check("Mọi khung giờ đã hẹn được giữ hoặc được báo trước", not broken, seen)


def _told_before(appointment: dict[str, Any], start: datetime) -> bool:
    return any(
        notice["about"] in CHANGES
        and notice["settled_at"]
        and datetime.fromisoformat(notice["settled_at"]) < start
        for notice in appointment["notices"]
    )
