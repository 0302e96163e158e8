"""What must be true at the end of a day, asked from outside through the public APIs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.stack import SERVICES


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


def invariants(product: Product) -> list[Check]:
    """Custody, money, events and promises, over everything that the product holds."""
    postal = product.get("postal_bridge", "/api/overview", accounts.INSPECTOR)
    intake = product.get("intake", "/api/overview", accounts.INSPECTOR)
    reports = [_operations(product, service) for service in SERVICES]
    return [
        _one_holder(postal["parcels"]),
        _chains(postal["parcels"]),
        *_money(postal["money"]),
        _events(reports),
        _promises(intake["appointments"]),
    ]


def _one_holder(parcels: list[dict[str, Any]]) -> Check:
    strays = [p["parcel_id"] for p in parcels if not (p["holder"]["kind"] and p["holder"]["id"])]
    return Check("Mỗi túi hồ sơ có đúng một người giữ", not strays, f"{len(parcels)} túi, {len(strays)} sai")


def _chains(parcels: list[dict[str, Any]]) -> Check:
    broken = [p["parcel_id"] for p in parcels if not p["verified"]]
    return Check("Mọi chuỗi bàn giao nguyên vẹn", not broken, f"{len(broken)} chuỗi đứt")


def _money(money: dict[str, dict[str, int]]) -> list[Check]:
    checks = []
    for ledger, name in (("fee", "Phí, lệ phí"), ("fare", "Cước")):
        collected, deposited, in_hand = (
            money[sum_][ledger] for sum_ in ("collected", "deposited", "in_hand")
        )
        balanced = collected == deposited + in_hand
        seen = f"thu {collected:,}, nộp {deposited:,}, đang giữ {in_hand:,} đ"
        checks.append(Check(f"{name}: đã thu = đã nộp + đang giữ", balanced, seen.replace(",", ".")))
    return checks


def _events(reports: list[dict[str, Any]]) -> Check:
    unsent = sum(report["outbox_unsent"] for report in reports)
    parked = [event for report in reports for event in report["parked"]]
    reasons = "; ".join(sorted({f"{event['topic']} {event['reason']}" for event in parked})[:3])
    seen = f"{unsent} chưa gửi, {len(parked)} đỗ lại {reasons}".strip()
    return Check("Không sự kiện nào chưa gửi hay bị đỗ lại", unsent == 0 and not parked, seen)


def _promises(appointments: list[dict[str, Any]]) -> Check:
    """A promised window is kept when the worker arrived inside it, or its change was announced before."""
    broken, kept, announced = [], 0, 0
    for appointment in appointments:
        if not appointment["arrived_at"]:
            continue
        start, end = (datetime.fromisoformat(appointment["window"][side]) for side in ("start", "end"))
        if start <= datetime.fromisoformat(appointment["arrived_at"]) <= end:
            kept += 1
        elif _announced_before(appointment, start):
            announced += 1
        else:
            broken.append(appointment["appointment_id"])
    seen = f"{kept} đúng hẹn, {announced} đổi có báo trước, {len(broken)} lỡ"
    return Check("Mọi khung giờ đã hẹn được giữ hoặc được báo trước", not broken, seen)


def _announced_before(appointment: dict[str, Any], start: datetime) -> bool:
    return any(
        "window" in notice["about"]
        and notice["settled_at"]
        and datetime.fromisoformat(notice["settled_at"]) < start
        for notice in appointment["notices"]
    )
