"""The morning: requests on every channel, and a plan for every post office."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product, Refused, eventually
from deploy.demo.people import Citizen, citizens

CHANNELS = ("phone", "web", "phone", "zalo", "email", "phone", "web", "facebook")
"""In which order the channels take turns: half of the people phone."""

Say = Callable[[str], None]


def windows_of(product: Product, day: date) -> list[dict[str, str]]:
    """The windows that citizens are offered on a day, first the earliest."""
    offered = product.get("intake", "/api/windows", days=7)
    windows = offered["windows"] if isinstance(offered, dict) else offered
    return [
        {"start": window["start"], "end": window["end"]}
        for window in windows
        if window.get("day", window["start"][:10]) == day.isoformat()
    ]


def requests_of_the_day(product: Product, day: date, count: int, first_number: int, say: Say) -> Counter[str]:
    """`count` people ask for a visit that day; returns how many on which channel."""
    windows = windows_of(product, day)
    if not windows:
        return Counter()
    asked: Counter[str] = Counter()
    for number, citizen in enumerate(citizens(day, count, first_number)):
        channel = CHANNELS[number % len(CHANNELS)]
        window = windows[(number * 7 + number // 5) % len(windows)]
        ask = {"web": _on_the_web, "zalo": _by_zalo}.get(channel, _through_the_operator)
        ask(product, citizen, channel, window)
        asked[channel] += 1
        if (number + 1) % 20 == 0:
            say(f"  {number + 1}/{count} yêu cầu")
    return asked


def _body(citizen: Citizen, window: dict[str, str]) -> dict[str, Any]:
    return {
        "procedure_code": citizen.procedure,
        "applicant_name": citizen.name,
        "phone": citizen.phone,
        "address": citizen.address,
        "unit_id": citizen.unit_id,
        "lat": citizen.lat,
        "lon": citizen.lon,
        "window": window,
        "consent": True,
    }


def _on_the_web(product: Product, citizen: Citizen, _channel: str, window: dict[str, str]) -> None:
    product.post("intake", "/api/requests", _body(citizen, window))


def _through_the_operator(product: Product, citizen: Citizen, channel: str, window: dict[str, str]) -> None:
    product.post(
        "intake", "/api/operator/requests", {**_body(citizen, window), "channel": channel}, accounts.OPERATOR
    )


def _by_zalo(product: Product, citizen: Citizen, _channel: str, window: dict[str, str]) -> None:
    """The citizen writes and sends a pin; the webhook makes a draft, the operator completes it."""
    text = f"Nhờ bưu điện đến nhà lấy hồ sơ. {citizen.address}"
    who = {"name": citizen.name, "phone": citizen.phone}
    uid = product.post("fake_zalo", "/write.json", {**who, "text": text})["uid"]
    product.post("fake_zalo", "/write.json", {"uid": uid, "latitude": citizen.lat, "longitude": citizen.lon})
    draft = eventually(lambda: _draft_of(product, uid), what="the Zalo draft")
    product.post(
        "intake",
        f"/api/operator/requests/{draft['request_id']}/complete",
        _body(citizen, window),
        accounts.OPERATOR,
    )


def _draft_of(product: Product, uid: str) -> dict[str, Any] | None:
    answer = product.get("intake", "/api/operator/requests", accounts.OPERATOR, status="draft")
    rows = answer["requests"] if isinstance(answer, dict) else answer
    return next((row for row in rows if row["zalo_user"] == uid), None)


def stops_known(product: Product, day: date) -> dict[str, list[dict[str, Any]]]:
    """The stops of each office that has any on a day."""
    found = {}
    for office in accounts.offices():
        path = f"/api/offices/{office['id']}/stops"
        answer = product.get("routing", path, accounts.dispatcher(office["id"]), day=day.isoformat())
        stops = answer["stops"] if isinstance(answer, dict) else answer
        if stops:
            found[office["id"]] = stops
    return found


def wait_for_stops(product: Product, day: date, count: int) -> dict[str, list[dict[str, Any]]]:
    """The stops of a day by office, once routing has heard of at least `count`."""

    def all_there() -> dict[str, list[dict[str, Any]]] | None:
        known = stops_known(product, day)
        return known if sum(map(len, known.values())) >= count else None

    return eventually(all_there, what=f"{count} stops to reach routing")


def plan_offices(product: Product, day: date, offices: Iterable[str], say: Say) -> dict[str, Any]:
    """Plans the day of each office as its dispatcher; returns the plans by office."""
    plans = {}
    for office_id in offices:
        plan = _plan(product, office_id, day)
        served = sum(len(route["stops"]) for route in plan["routes"])
        plans[office_id] = plan
        say(f"  {office_id}: {served} điểm dừng, {len(plan['unassigned'])} chưa xếp được")
    return plans


def _plan(product: Product, office_id: str, day: date) -> dict[str, Any]:
    path = f"/api/offices/{office_id}/plans/{day.isoformat()}"
    for _attempt in range(3):
        try:
            return product.post("routing", path, {"seconds": 1}, accounts.dispatcher(office_id))  # type: ignore[no-any-return]
        except Refused as refusal:
            # A citizen changed something meanwhile: the plan is made again from what is true now.
            if refusal.status != 409:
                raise
    return product.post("routing", path, {"seconds": 1}, accounts.dispatcher(office_id))  # type: ignore[no-any-return]


def seed_day(product: Product, day: date, count: int, say: Say) -> bool:
    """Fills an empty day and plans it; False when the day has a plan already."""
    known = stops_known(product, day)
    if sum(map(len, known.values())) >= count:
        return False
    say(f"Dữ liệu trình diễn cho ngày {day:%d/%m/%Y}: {count} yêu cầu trên mọi kênh ...")
    first = int(day.strftime("%j")) * 1000 + day.year % 10 * 400_000
    requests_of_the_day(product, day, count, first, say)
    known = wait_for_stops(product, day, count)
    say("Lập lộ trình cho từng bưu cục ...")
    plan_offices(product, day, known, say)
    return True
