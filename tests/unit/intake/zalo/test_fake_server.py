"""The fake server itself: it signs like Zalo, refuses like Zalo, remembers, and can be read."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from deploy.fake_zalo.app import create_app
from deploy.fake_zalo.settings import FakeZaloSettings
from services.intake.adapters.zalo.client import ZaloClient
from services.intake.adapters.zalo.events import UserReceivedMessage, UserSendLocation, UserSendText
from services.intake.adapters.zalo.webhook import ZaloWebhook
from tests.unit.intake.zalo.support import MovableClock, WebhookTrap, demo_account, inbox


def test_what_a_citizen_writes_reaches_intake_signed(
    fake: TestClient, trap: WebhookTrap, clock: MovableClock
) -> None:
    """If this failed, a demonstration by Zalo would end at the webhook."""
    fake.post("/write.json", json={"name": "Mẫu", "text": "Lấy hồ sơ giúp tôi"})
    fake.post("/write.json", json={"name": "Mẫu", "latitude": 15.5736, "longitude": 108.474})
    webhook = ZaloWebhook(demo_account(), clock)
    text, point = (webhook.receive(body, headers) for _, body, headers in trap.posts)
    assert trap.posts[0][0] == "http://127.0.0.1:8101/webhooks/zalo"
    assert isinstance(text, UserSendText)
    assert text.message.text == "Lấy hồ sơ giúp tôi"
    assert isinstance(point, UserSendLocation)
    assert point.message.coordinates.longitude == 108.474


def test_a_retry_is_the_same_event_byte_for_byte(fake: TestClient, trap: WebhookTrap) -> None:
    """If this failed, rehearsing Zalo's retry would prove nothing."""
    trap.status = 500
    said = fake.post("/write.json", json={"text": "Xin chào"}).json()
    assert said["webhook_status"] == 500
    trap.status = 200
    again = fake.post("/again.json", params={"message_id": said["msg_id"]}).json()
    assert again == {"webhook_status": 200}
    assert trap.posts[0][1] == trap.posts[1][1]
    assert trap.posts[1][2]["num_retry"] == "1"


def test_a_template_by_phone_brings_a_receipt(
    zalo: ZaloClient, trap: WebhookTrap, clock: MovableClock
) -> None:
    """If this failed, settling a lost answer by receipt could not be rehearsed."""
    zalo.send_template_to_phone("84900000456", "410005", {"ma_yeu_cau": "A"}, "N1")
    _, body, headers = trap.posts[0]
    event = ZaloWebhook(demo_account(), clock).receive(body, headers)
    assert headers["X-ZEvent-Server"] == "ZNS"
    assert isinstance(event, UserReceivedMessage)
    assert event.message.tracking_id == "N1"


def test_a_refresh_token_works_once(fake: TestClient) -> None:
    """If this failed, a client that loses refresh tokens would look right until production."""
    account = demo_account()
    headers = {"secret_key": account.app_secret}
    consent = {"app_id": account.app_id, "grant_type": "authorization_code", "code": "demo-consent-code"}
    pair = fake.post("/v4/oa/access_token", data=consent, headers=headers).json()
    again = {
        "app_id": account.app_id,
        "grant_type": "refresh_token",
        "refresh_token": pair["refresh_token"],
    }
    second = fake.post("/v4/oa/access_token", data=again, headers=headers).json()
    third = fake.post("/v4/oa/access_token", data=again, headers=headers).json()
    assert pair["expires_in"] == "90000"
    assert second["refresh_token"] != pair["refresh_token"]
    assert third["error"] == -14014


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, -216), ({"access_token": "forged"}, -216), ({"Authorization": "Bearer x"}, -216)],
)
def test_calls_without_a_good_token_are_refused_in_http_200(
    fake: TestClient, headers: dict[str, str], code: int
) -> None:
    """If this failed, a client that only looks at the HTTP status would pass its tests."""
    answer = fake.post("/v3.0/oa/message/cs", json={"recipient": {"user_id": "1"}}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (200, code)
    assert fake.post("/message/template", json={}, headers=headers).json()["error"] == -124


def test_a_shapeless_call_is_refused_in_zalo_s_shape(zalo: ZaloClient, fake: TestClient) -> None:
    """If this failed, a malformed call would meet a page instead of Zalo's code."""
    assert fake.post("/v3.0/oa/message/cs", content=b"[]").json()["error"] == -201
    token = {"access_token": zalo._tokens.access_token()}
    long = {"recipient": {"user_id": "1"}, "message": {"text": "x" * 2001}}
    assert fake.post("/v3.0/oa/message/cs", json={"recipient": 5}, headers=token).json()["error"] == -201
    assert fake.post("/v3.0/oa/message/cs", json=long, headers=token).json()["error"] == -210


def test_messages_survive_a_restart(tmp_path: Path, clock: MovableClock) -> None:
    """If this failed, `make run` after a stop would show an empty inbox."""
    settings = FakeZaloSettings.model_construct(data=tmp_path / "kept.db", intake_url="http://127.0.0.1:9")
    with TestClient(create_app(settings, clock)) as first:
        uid = first.post("/write.json", json={"name": "Mẫu", "text": "Xin chào"}).json()["uid"]
    with TestClient(create_app(settings, clock)) as second:
        page = second.get("/", params={"user": uid}).text
    assert "Xin chào" in page
    assert "chưa có ai nhận" in page


def test_the_inbox_shows_what_citizens_read_and_never_runs_it(
    zalo: ZaloClient, fake: TestClient, citizen: str
) -> None:
    """If this failed, the page would be empty, or a message could run script in the viewer's browser."""
    zalo.send_message(citizen, "<script>alert(1)</script> hẹn 9 giờ")
    answer = fake.get("/", params={"user": citizen})
    assert "&lt;script&gt;alert(1)&lt;/script&gt; hẹn 9 giờ" in answer.text
    assert "<script" not in answer.text
    assert 'http-equiv="refresh"' in answer.text
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"""(src|href)=["']https?://""", answer.text)


def test_the_form_writes_and_keeps_what_was_typed_when_it_cannot(fake: TestClient, trap: WebhookTrap) -> None:
    """If this failed, the demonstration's citizen could not write, or would type everything twice."""
    good = fake.post("/write", data={"name": "Mẫu", "text": "Xin chào"}, follow_redirects=False)
    assert good.status_code == 303
    assert len(trap.posts) == 1
    bad = fake.post("/write", data={"name": "Phạm Mẫu", "latitude": "chín", "longitude": "108"})
    assert bad.status_code == 422
    assert 'value="Phạm Mẫu"' in bad.text
    assert fake.post("/write", data={"name": "Mẫu"}).status_code == 422
    assert len(trap.posts) == 1


def test_another_site_cannot_write_in_a_citizen_s_name(fake: TestClient, trap: WebhookTrap) -> None:
    """If this failed, any page open in the same browser could make requests for invented citizens."""
    foreign = {"Origin": "http://evil.test"}
    assert fake.post("/write", data={"text": "x"}, headers=foreign).status_code == 403
    assert fake.get("/", headers={"Host": "evil.test"}).status_code == 400
    assert trap.posts == []


def test_a_known_phone_brings_its_citizen_back(fake: TestClient, citizen: str) -> None:
    """If this failed, one person would become two in the inbox."""
    again = fake.post("/write.json", json={"phone": "+84 900 000 123", "text": "Tôi đây"}).json()
    assert again["uid"] == citizen
    taken = {"uid": "5", "name": "Người khác", "phone": "0900000123"}
    assert fake.post("/citizens.json", json=taken).status_code == 409


def test_ordered_failures_happen_once_each_and_only_to_the_protocol(
    zalo: ZaloClient, fake: TestClient, citizen: str
) -> None:
    """If this failed, a fault test could break the next test or the pages."""
    fake.post("/faults", json={"kind": "error", "code": -230, "times": 2, "path": ""})
    assert fake.get("/inbox.json").status_code == 200
    assert fake.get("/faults").json()[0]["times"] == 2
    fake.delete("/faults")
    zalo.send_message(citizen, "một")
    assert inbox(fake) == ["một"]


def test_the_signature_is_the_published_one(fake: TestClient, trap: WebhookTrap) -> None:
    """If this failed, our check and the fake server might agree on a wrong rule."""
    fake.post("/write.json", json={"text": "Xin chào"})
    _, body, headers = trap.posts[0]
    settings = FakeZaloSettings.model_construct()
    timestamp = re.search(rb'"timestamp":"(\d+)"', body)
    assert timestamp
    signed = settings.app_id.encode() + body + timestamp[1] + settings.oa_secret.encode()
    assert headers["X-ZEvent-Signature"] == "mac=" + hashlib.sha256(signed).hexdigest()
