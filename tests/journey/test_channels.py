"""How requests come in: once per key, by Zalo only when Zalo signed, from a chat to a promised window."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from deploy.demo import accounts
from deploy.demo.api import Product, Refused
from deploy.stack import Stack
from shared.clock import local_date
from tests.journey.citizens import Citizen, wish
from tests.journey.hands import Hands, refused


def open_window(product: Product) -> dict[str, str]:
    """A window that can be kept: the last one offered, so that a slow machine does not outlive it."""
    offered = product.get("intake", "/api/windows", days=5)[-1]
    return {"start": offered["start"], "end": offered["end"]}


def requests_of(product: Product, phone: str) -> list[dict[str, Any]]:
    """What the operators find under a phone number."""
    return product.get("intake", "/api/operator/requests", accounts.OPERATOR, q=phone)  # type: ignore[no-any-return]


def kept(product: Product) -> dict[str, int]:
    """How many requests, appointments and notices intake has."""
    counts = product.get("intake", "/api/overview", accounts.INSPECTOR)["counts"]
    return {name: sum(by_state.values()) for name, by_state in counts.items()}


def test_the_same_key_is_one_request_and_one_answer(product: Product) -> None:
    """A double click, or a retry after a lost answer, would send two workers to one door."""
    address = product.ports.url("intake") + "/api/requests"
    body = wish("1.001193", "0900000711", open_window(product))
    headers = {"Idempotency-Key": "journey-double-click"}
    first, again = (httpx.post(address, json=body, headers=headers, timeout=20) for _ in range(2))
    other = httpx.post(address, json=body | {"note": "khác"}, headers=headers, timeout=20)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    assert len(requests_of(product, "0900000711")) == 1


def test_a_message_that_zalo_did_not_sign_leaves_nothing_behind(product: Product, stack: Stack) -> None:
    """Anybody on the net could fill the operators' inbox with requests in a stranger's name."""
    before = kept(product)
    now = str(int(stack.clock().timestamp() * 1000))
    body = {
        "app_id": "4000000000000000001",
        "event_name": "user_send_text",
        "timestamp": now,
        "sender": {"id": "123"},
        "recipient": {"id": "388613280878808645"},
        "message": {"msg_id": "forged-1", "text": "Đến nhà tôi ở xã Duy Vinh"},
    }
    headers = {"X-ZEvent-Signature": "mac=" + "0" * 64, "Content-Type": "application/json"}
    answer = httpx.post(
        product.ports.url("intake") + "/webhooks/zalo", content=json.dumps(body), headers=headers, timeout=20
    )
    assert answer.status_code == 401
    assert kept(product) == before


def test_a_chat_and_a_pin_become_a_promise(product: Product) -> None:
    """Who writes on Zalo would have to repeat everything on the phone, or wait for nobody."""
    phone = "0900000712"
    text = "Cháu nhờ bưu điện đến lấy hồ sơ khai sinh cho bé, nhà ở xã Duy Vinh, Duy Xuyên"
    said = product.post("fake_zalo", "/write.json", {"name": "Phan Văn Bốn", "phone": phone, "text": text})
    assert said["webhook_status"] == 200
    pin = {"uid": said["uid"], "latitude": 15.8448, "longitude": 108.3391}
    assert product.post("fake_zalo", "/write.json", pin)["webhook_status"] == 200
    again = httpx.post(
        product.ports.url("fake_zalo") + "/again.json", params={"message_id": said["msg_id"]}, timeout=20
    )
    assert again.json() == {"webhook_status": 200}

    mine = [
        row
        for row in product.get("intake", "/api/operator/requests", accounts.OPERATOR, status="draft")
        if row["zalo_user"] == said["uid"]
    ]
    assert [row["procedure_code"] for row in mine] == ["1.001193"], "three deliveries, one draft, understood"
    path = f"/api/operator/requests/{mine[0]['request_id']}"
    draft = product.get("intake", path, accounts.OPERATOR)
    assert [message["lat"] for message in draft["messages"]] == [None, 15.8448]

    promise = open_window(product)
    complete = wish("1.001193", phone, promise, address="xã Duy Vinh, Duy Xuyên", lat=None, lon=None)
    answer = product.post("intake", f"{path}/complete", complete, accounts.OPERATOR)
    citizen = Citizen(product, answer["request_id"], answer["code"], phone)
    citizen.reads("đã được xác nhận")
    office = accounts.SHOWN_OFFICE
    day = local_date(datetime.fromisoformat(promise["start"]))
    stop = Hands(product).stop(accounts.dispatcher(office), office, day, citizen.request_id)
    assert (stop["precision"], stop["lat"]) == ("pin", 15.8448)


def test_the_status_page_needs_both_the_code_and_the_phone(product: Product) -> None:
    """Who found a code on a slip of paper could follow a stranger's visits."""
    body = wish("1.001193", "0900000713", open_window(product))
    answer = product.post("intake", "/api/requests", body)
    wrong = Citizen(product, answer["request_id"], answer["code"], "0900000000")
    with pytest.raises(Refused) as refusal:
        wrong.status()
    unknown = refused(refusal.value.problem["code"], Citizen(product, "", "BCGHKLM2", "0900000713").status)
    assert unknown["detail"] == refusal.value.problem["detail"], "the answer must not tell which was wrong"
