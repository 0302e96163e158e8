"""The webhook: what is stored, what is refused, and the draft an operator completes."""

from __future__ import annotations

import json
from typing import Any

from sqlmodel import func, select

from services.intake.adapters.zalo.signature import sign
from services.intake.application.records import RequestRow, ZaloMessageRow
from shared.contracts.intake import AppointmentConfirmed, RequestReceived
from shared.observability.metrics import REGISTRY
from tests.integration.intake.conftest import BIRTH, OPERATOR, UNIT, Intake, details, window

APP, SECRET = "4000000000000000001", "demo-oa-secret"
SAID = "Chiều mai đến nhà tôi ở xã Duy Vinh, Duy Xuyên lấy hồ sơ khai sinh"


def event(intake: Intake, name: str, message: dict[str, Any], user: str = "246845883529197922") -> bytes:
    """A webhook body of the present moment."""
    return json.dumps(
        {
            "app_id": APP,
            "event_name": name,
            "timestamp": str(int(intake.clock().timestamp() * 1000)),
            "sender": {"id": user},
            "recipient": {"id": "388613280878808645"},
            "message": message,
        },
        ensure_ascii=False,
    ).encode()


def deliver(intake: Intake, body: bytes, secret: str = SECRET) -> Any:
    """Posts a body as Zalo signs it."""
    timestamp = str(json.loads(body)["timestamp"])
    headers = {"X-ZEvent-Signature": sign(APP, body, timestamp, secret), "Content-Type": "application/json"}
    return intake.client.post("/webhooks/zalo", content=body, headers=headers)


def write(intake: Intake, text: str = SAID, message_id: str = "m-1") -> Any:
    """The citizen writes."""
    return deliver(intake, event(intake, "user_send_text", {"msg_id": message_id, "text": text}))


def drafts(intake: Intake) -> list[dict[str, Any]]:
    """What waits for an operator."""
    return list(intake.get("/api/operator/requests", OPERATOR, status="draft").json())


def stored(intake: Intake) -> tuple[int, int]:
    """How many requests and messages there are."""
    with intake.service.transactions.reading() as session:
        requests = session.exec(select(func.count()).select_from(RequestRow)).one()
        return requests, session.exec(select(func.count()).select_from(ZaloMessageRow)).one()


def test_a_message_becomes_a_draft_with_what_was_understood(intake: Intake) -> None:
    """An operator would have to type again what the citizen wrote."""
    assert write(intake).status_code == 200
    (draft,) = drafts(intake)
    assert (draft["procedure_code"], draft["channel"]) == (BIRTH, "zalo")
    shown = intake.get(f"/api/operator/requests/{draft['request_id']}", OPERATOR).json()
    assert shown["unit_id"] == UNIT
    assert shown["reading"]["windows"][0]["label"].startswith("13:30–15:30 thứ Năm 26/11/2026")
    assert shown["reading"]["doubtful"] == ["address"]
    assert intake.told(draft["request_id"]) == ["message_received"]
    assert intake.published(RequestReceived) == []


def test_zalo_s_retry_is_one_message(intake: Intake) -> None:
    """Zalo repeats what it saw no answer for; every retry would open a draft."""
    for _ in range(3):
        assert write(intake).status_code == 200
    assert stored(intake) == (1, 1)


def test_a_pin_joins_the_open_draft_and_becomes_the_place(intake: Intake) -> None:
    """The best address there is would be lost, or open a second draft."""
    write(intake)
    attachment = {
        "type": "location",
        "payload": {"coordinates": {"latitude": "15.8481", "longitude": "108.3357"}},
    }
    body = event(intake, "user_send_location", {"msg_id": "m-2", "attachments": [attachment]})
    assert deliver(intake, body).status_code == 200
    (draft,) = drafts(intake)
    path = f"/api/operator/requests/{draft['request_id']}/complete"
    answer = intake.post(path, details(window=window("13:30", "15:30")), OPERATOR)
    assert answer.json()["status"] == "confirmed"
    place = intake.published(AppointmentConfirmed)[0]["place"]
    assert (place["precision"], place["lat"]) == ("pin", 15.8481)
    assert intake.post(path, details(), OPERATOR).status_code == 409


def test_an_operator_asks_back_and_the_answer_joins_the_draft(intake: Intake) -> None:
    """A half-understood message would end there."""
    write(intake, "tôi cần làm giấy")
    (draft,) = drafts(intake)
    path = f"/api/operator/requests/{draft['request_id']}/ask"
    question = {"question": "Ông/Bà ở xã, phường nào?"}
    assert intake.post(path, question, OPERATOR).json()["status"] == "needs_info"
    write(intake, "xã Duy Vinh, Duy Xuyên", "m-2")
    assert stored(intake) == (1, 2)
    assert intake.told(draft["request_id"]) == ["message_received", "question"]


def refused_signatures() -> float:
    """What the counter of webhooks says."""
    labels = {"outcome": "zalo.signature_false"}
    return REGISTRY.get_sample_value("tannha_webhooks_received_total", labels) or 0.0


def test_a_forged_message_stores_nothing_but_a_counter(intake: Intake) -> None:
    """Anybody could fill the operators' inbox."""
    before = refused_signatures()
    body = event(intake, "user_send_text", {"msg_id": "m-1", "text": SAID})
    assert deliver(intake, body, secret="guessed").status_code == 401
    assert stored(intake) == (0, 0)
    assert refused_signatures() == before + 1


def test_a_malformed_message_is_refused_with_400(intake: Intake) -> None:
    """A crash would make Zalo switch the webhook off."""
    for body in (b"", b"[]", b"{", b'{"event_name":"user_send_text"}'):
        answer = intake.client.post("/webhooks/zalo", content=body)
        assert answer.status_code == 400
    assert stored(intake) == (0, 0)


def test_the_console_sample_is_acknowledged_and_not_stored(intake: Intake) -> None:
    """An administrator could not switch the webhook on, or every try would open a draft."""
    message = {"msg_id": "This is message id", "text": "This is testing message"}
    assert (
        intake.client.post("/webhooks/zalo", content=event(intake, "user_send_text", message)).status_code
        == 200
    )
    assert stored(intake) == (0, 0)


def test_a_contact_card_fills_the_draft(intake: Intake) -> None:
    """The citizen shared name, phone and address by an act, and would be asked again."""
    info = {"name": "Nguyễn Thị Sen", "phone": "84900000123", "address": "thôn 2", "ward": "xã Duy Vinh"}
    card = json.loads(event(intake, "user_submit_info", {}))
    body = json.dumps({**card, "info": {**info, "district": "Duy Xuyên"}}, ensure_ascii=False).encode()
    assert deliver(intake, body).status_code == 200
    (draft,) = drafts(intake)
    shown = intake.get(f"/api/operator/requests/{draft['request_id']}", OPERATOR).json()
    assert (shown["applicant_name"], shown["phone"]) == ("Nguyễn Thị Sen", "+84900000123")
    assert shown["unit_id"] == UNIT


def test_who_left_our_account_is_told_by_phone(intake: Intake) -> None:
    """Messages to somebody who unfollowed are refused, and the citizen would hear nothing."""
    write(intake)
    (draft,) = drafts(intake)
    path = f"/api/operator/requests/{draft['request_id']}/complete"
    assert intake.post(path, details(), OPERATOR).status_code == 200
    left = json.loads(event(intake, "unfollow", {}))
    body = json.dumps({**left, "follower": {"id": left["sender"]["id"]}, "message": {}}).encode()
    assert deliver(intake, body).status_code == 200
    for _ in range(2):
        intake.send_notices()
    assert [notice.recipient.address for notice in intake.channel.sent] == ["+84900000123"]


def test_free_text_goes_to_the_zalo_user_who_wrote(intake: Intake) -> None:
    """The automatic answer would not reach the citizen."""
    write(intake)
    intake.send_notices()
    (notice,) = intake.channel.sent
    assert notice.recipient.address == "246845883529197922"
    assert notice.recipient.last_interaction_at is not None
