"""What must be true at the end of a day, asked from outside through the public APIs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.stack import SERVICES
from shared.contracts.topics import TOPICS
from shared.vietnamese.money import format_vnd

CALLED_OFF = {"cancelled", "visit_failed"}
MOVED = {"rescheduled", "window_lost"}
"""Notices that tell a citizen that nobody will come in a window, or in another one."""


@dataclass(frozen=True)
class Check:
    """One invariant: its sentence, whether it holds, and what was seen."""

    sentence: str
    holds: bool
    seen: str


def settle(product: Product, seconds: float = 60.0) -> None:
    """Waits until every event is sent and has been heard by every service that listens to it."""
    eventually(
        lambda: all_heard(product) and all_heard(product), seconds, "all events to be sent and applied"
    )


def all_heard(product: Product) -> bool:
    """Whether nothing is on its way: outboxes empty, each consumer as far as the owner, none waits."""
    reports = {service: _operations(product, service) for service in SERVICES}
    if any(report["outbox_unsent"] for report in reports.values()):
        return False
    if any(event["state"] != "failed" for report in reports.values() for event in report["parked"]):
        return False
    parked = {(service, event["topic"]) for service, r in reports.items() for event in r["parked"]}
    return all(
        reports[consumer]["applied"].get(topic.name, 0)
        == reports[topic.owner]["published"].get(topic.name, 0)
        for topic in TOPICS
        for consumer in topic.consumers
        if (consumer, topic.name) not in parked
    )


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
        promises(intake["appointments"], now),
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


def promises(appointments: list[dict[str, Any]], now: datetime) -> Check:
    """A window is kept when the worker came inside it; else the citizen was told before it began."""
    broken, kept, announced = [], 0, 0
    for appointment in appointments:
        start, end = (datetime.fromisoformat(appointment["window"][side]) for side in ("start", "end"))
        arrived = appointment["arrived_at"] and datetime.fromisoformat(appointment["arrived_at"])
        former = [datetime.fromisoformat(mark) for mark in appointment["former_windows"]]
        moved_in_time = all(_told_before(appointment, MOVED, window) for window in former)
        if not moved_in_time or _is_missed(appointment, arrived, start, end, now):
            broken.append(appointment["appointment_id"])
        elif arrived:
            kept += 1
        elif former or _told_before(appointment, CALLED_OFF, start):
            announced += 1
    seen = f"{kept} đúng hẹn, {announced} đổi có báo trước, {len(broken)} lỡ"
    return Check("Mọi khung giờ đã hẹn được giữ hoặc được báo trước", not broken, seen)


def _is_missed(
    appointment: dict[str, Any], arrived: datetime | None, start: datetime, end: datetime, now: datetime
) -> bool:
    if arrived:
        return not start <= arrived <= end
    return end < now and not _told_before(appointment, CALLED_OFF, start)


def _told_before(appointment: dict[str, Any], abouts: set[str], instant: datetime) -> bool:
    return any(
        notice["about"] in abouts
        and notice["settled_at"]
        and datetime.fromisoformat(notice["settled_at"]) < instant
        for notice in appointment["notices"]
    )
