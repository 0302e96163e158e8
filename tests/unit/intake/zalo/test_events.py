"""Reading webhook bodies: what is understood, what is kept, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.zalo.events import (
    Follow,
    MalformedWebhook,
    Unfollow,
    Unknown,
    UserReceivedMessage,
    UserSendLocation,
    UserSendText,
    UserSubmitInfo,
    parse_event,
)

ENVELOPE: dict[str, Any] = {
    "app_id": "4000000000000000001",
    "timestamp": "1795420800000",
    "sender": {"id": "246845883529197922"},
    "recipient": {"id": "388613280878808645"},
}


def body(name: str, **rest: Any) -> bytes:
    """A webhook body with the usual envelope."""
    return json.dumps({**ENVELOPE, "event_name": name, **rest}, ensure_ascii=False).encode()


def location(coordinates: Any) -> bytes:
    """A location event with these coordinates."""
    attachments = [{"type": "location", "payload": {"coordinates": coordinates}}]
    return body("user_send_location", message={"msg_id": "m1", "attachments": attachments})


@pytest.mark.parametrize(
    "coordinates",
    [
        {"latitude": "15.5736", "longitude": "108.474"},
        {"lat": 15.5736, "long": 108.474},
    ],
)
def test_both_spellings_of_a_point_are_read(coordinates: dict[str, Any]) -> None:
    """If this failed, a citizen's pin would be lost, the best address there is."""
    event = parse_event(location(coordinates))
    assert isinstance(event, UserSendLocation)
    assert event.message.coordinates.latitude == 15.5736
    assert event.message.coordinates.longitude == 108.474


@pytest.mark.parametrize(
    "coordinates",
    [
        None,
        {},
        {"lat": 15},
        {"lat": 95, "long": 108},
        {"lat": "NaN", "long": 108},
        {"lat": 15, "long": 1e999},
        [15, 108],
    ],
)
def test_an_impossible_point_is_malformed(coordinates: Any) -> None:
    """If this failed, a visit could be planned to nowhere."""
    with pytest.raises(MalformedWebhook):
        parse_event(location(coordinates))


def test_both_shapes_of_shared_contact_data_are_read() -> None:
    """If this failed, name, phone and address given by consent would be asked for again by phone."""
    new = {
        "name": "Nguyễn Thị Mẫu",
        "phone": 84900000123,
        "full_address": {"user_city": "Đà Nẵng", "user_ward": "Xã Thăng Bình", "user_address": "Tổ 3"},
    }
    old = {"name": "Nguyễn Thị Mẫu", "phone": "84900000123", "address": "Tổ 3", "ward": "Xã Thăng Bình"}
    old |= {"district": "Thăng Bình", "city": "Quảng Nam"}
    for info, district, city in ((new, "", "Đà Nẵng"), (old, "Thăng Bình", "Quảng Nam")):
        event = parse_event(body("user_submit_info", info=info))
        assert isinstance(event, UserSubmitInfo)
        contact = event.info
        assert (contact.phone, contact.address, contact.ward) == ("84900000123", "Tổ 3", "Xã Thăng Bình")
        assert (contact.district, contact.city) == (district, city)


def test_following_and_leaving_are_read() -> None:
    """If this failed, the window for messages would open and close unnoticed."""
    flat = {"event_name": "follow", "timestamp": "1795420800000", "oa_id": "1", "follower": {"id": "77"}}
    followed = parse_event(json.dumps(flat).encode())
    left = parse_event(json.dumps(flat | {"event_name": "unfollow"}).encode())
    assert isinstance(followed, Follow)
    assert isinstance(left, Unfollow)
    assert followed.user_id == left.user_id == "77"


def test_a_delivery_receipt_brings_back_our_tracking_id() -> None:
    """If this failed, a template whose answer was lost could never be settled."""
    event = parse_event(body("user_received_message", message={"msg_id": "z1", "tracking_id": "N1"}))
    assert isinstance(event, UserReceivedMessage)
    assert event.message.tracking_id == "N1"


def test_an_unknown_event_is_kept_whole() -> None:
    """If this failed, a new event of Zalo would be answered by an error and the hook switched off."""
    event = parse_event(body("user_does_something_new", anything=[1, 2]))
    assert isinstance(event, Unknown)
    assert event.event_name == "user_does_something_new"
    assert event.raw["anything"] == [1, 2]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"event_name":"follow"}',
        b"[" * 100_000,
        body("user_send_text", message={"msg_id": "m1", "text": "#"}).replace(b"#", rb"\ud800"),
        body(""),
        body("user_send_text"),
        body("user_send_text", message={"msg_id": "", "text": "x"}),
        body("user_send_text", message={"msg_id": "m1"}),
        body("user_send_text", message={"msg_id": "m1", "text": "x"}, sender=None),
        body("user_send_text", message={"msg_id": "m1", "text": "x"}, timestamp="yesterday"),
        body("user_send_location", message={"msg_id": "m1", "attachments": "none"}),
    ],
    ids=lambda raw: raw[:40].decode(errors="replace"),
)
def test_what_is_no_event_is_malformed(raw: bytes) -> None:
    """If this failed, garbage would become a server error or a draft request."""
    with pytest.raises(MalformedWebhook) as caught:
        parse_event(raw)
    assert caught.value.status == 400


def test_the_key_is_the_same_for_a_retry_and_another_for_the_next_event() -> None:
    """If this failed, Zalo's retry would make a second request, or a second message be dropped."""
    first = body("user_send_text", message={"msg_id": "m1", "text": "Lấy hồ sơ"})
    again = body("user_send_text", message={"msg_id": "m1", "text": "Lấy hồ sơ"}, extra=1)
    next_one = body("user_send_text", message={"msg_id": "m2", "text": "Lấy hồ sơ"})
    assert parse_event(first).idempotency_key == parse_event(again).idempotency_key == "user_send_text:m1"
    assert parse_event(next_one).idempotency_key == "user_send_text:m2"


def test_without_a_message_id_the_key_is_the_hash_of_the_body() -> None:
    """If this failed, every follow event would count as the same one."""
    keys = set()
    for who in ("77", "78"):
        flat = {"event_name": "follow", "timestamp": "1795420800000", "follower": {"id": who}}
        keys.add(parse_event(json.dumps(flat).encode()).idempotency_key)
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys)


VALUES = st.integers() | st.text(max_size=8) | st.none()


@given(st.dictionaries(st.sampled_from(["msg_id", "text", "x"]), VALUES))
def test_no_json_object_breaks_the_reader(document: dict[str, Any]) -> None:
    """If this failed, some body would be a server error instead of a 400."""
    raw = json.dumps({**ENVELOPE, "event_name": "user_send_text", "message": document}).encode()
    well_formed = document.get("msg_id") not in (None, "") and document.get("text") is not None
    if well_formed:
        assert isinstance(parse_event(raw), UserSendText)
    else:
        with pytest.raises(MalformedWebhook):
            parse_event(raw)
