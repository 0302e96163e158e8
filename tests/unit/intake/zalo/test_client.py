"""The client against the fake server, and against a network that breaks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.zalo import errors
from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.client import DeliveryStatus, ZaloClient, split_text
from services.intake.adapters.zalo.errors import (
    Ambiguous,
    Misconfigured,
    NotThisWay,
    OurDefect,
    TryLater,
    error_for,
)
from services.intake.adapters.zalo.tokens import MemoryTokenStore, TokenKeeper
from shared.clock import system_clock
from tests.unit.intake.zalo.support import MovableClock, inbox


def test_a_message_arrives_once(zalo: ZaloClient, fake: httpx.Client, citizen: str) -> None:
    """If this failed, no citizen would be told anything."""
    sent = zalo.send_message(citizen, "Nhân viên bưu điện đến lúc 9 giờ.")
    assert sent.message_id
    assert inbox(fake, citizen) == ["Nhân viên bưu điện đến lúc 9 giờ."]


def test_decomposed_text_is_sent_composed(zalo: ZaloClient, fake: httpx.Client, citizen: str) -> None:
    """If this failed, a text typed on an iPhone would count a quarter longer and be refused."""
    zalo.send_message(citizen, unicodedata.normalize("NFD", "ế" * 1900))
    assert inbox(fake, citizen) == ["ế" * 1900]


def test_an_expired_token_is_refreshed_and_the_message_sent_once(
    zalo: ZaloClient, fake: httpx.Client, citizen: str
) -> None:
    """If this failed, every 25 hours a message would be lost or doubled."""
    zalo.send_message(citizen, "một")
    fake.post("/faults/expire-tokens")
    zalo.send_message(citizen, "hai")
    assert inbox(fake, citizen) == ["hai", "một"]


@pytest.mark.parametrize("code", [-216, -220, -124])
def test_each_token_code_makes_one_refresh(
    zalo: ZaloClient, fake: httpx.Client, citizen: str, code: int
) -> None:
    """If this failed, one of Zalo's three spellings of 'token expired' would stop the channel."""
    fake.post("/faults", json={"kind": "error", "code": code})
    zalo.send_message(citizen, "một")
    assert inbox(fake, citizen) == ["một"]


def test_a_token_refused_twice_stops_the_channel(zalo: ZaloClient, fake: httpx.Client, citizen: str) -> None:
    """If this failed, a blocked account would refresh its token without end."""
    fake.post("/faults", json={"kind": "error", "code": -216, "times": 2})
    with pytest.raises(Misconfigured):
        zalo.send_message(citizen, "một")


def test_a_wrong_app_secret_is_a_matter_for_a_person(
    fake: httpx.Client, account: ZaloAccount, tokens: TokenKeeper, citizen: str
) -> None:
    """If this failed, a mistyped secret would look like a passing fault."""
    tokens.access_token()
    wrong = replace(account, app_secret="wrong")
    with pytest.raises(Misconfigured) as caught:
        ZaloClient(wrong, tokens, fake).send_message(citizen, "một")
    assert caught.value.code == -242


def test_refusals_come_as_their_classes(
    zalo: ZaloClient, fake: httpx.Client, citizen: str, clock: MovableClock
) -> None:
    """If this failed, an unreachable citizen and a full quota would be handled alike."""
    with pytest.raises(NotThisWay) as unknown:
        zalo.send_message("999", "một")
    with pytest.raises(NotThisWay) as bad_phone:
        zalo.send_template_to_phone("0900", "410005", {"ma_yeu_cau": "A"}, "t1")
    with pytest.raises(Misconfigured) as no_template:
        zalo.send_template_to_user(citizen, "999999", {})
    with pytest.raises(OurDefect) as missing:
        zalo.send_template_to_user(citizen, "410005", {})
    with pytest.raises(OurDefect) as too_long:
        zalo.send_template_to_user(citizen, "410005", {"ma_yeu_cau": "A" * 31})
    clock.move(days=7, seconds=1)
    with pytest.raises(NotThisWay) as window:
        zalo.send_message(citizen, "một")
    fake.post("/faults", json={"kind": "error", "code": -32})
    with pytest.raises(TryLater) as rate:
        zalo.send_message(citizen, "một")
    caught = [unknown, bad_phone, no_template, missing, too_long, window, rate]
    assert [one.value.code for one in caught] == [-213, -108, -117, -1122, -1121, -230, -32]


def test_a_template_by_phone_can_be_asked_about(zalo: ZaloClient) -> None:
    """If this failed, nobody could tell whether a template arrived."""
    sent = zalo.send_template_to_phone("84900000123", "410005", {"ma_yeu_cau": "BCGH234K"}, "N1")
    assert zalo.status(sent.message_id) is DeliveryStatus.DELIVERED
    assert zalo.status("no-such-message") is DeliveryStatus.FAILED


def test_the_conversation_tells_who_said_what(zalo: ZaloClient, citizen: str) -> None:
    """If this failed, a lost answer could not be looked up and would be sent twice or never."""
    zalo.send_message(citizen, "Chào Ông/Bà")
    thread = zalo.recent_messages(citizen)
    assert [(line.from_us, line.text) for line in thread] == [(True, "Chào Ông/Bà"), (False, "Xin chào")]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("refused"), TryLater),
        (httpx.ConnectTimeout("slow"), TryLater),
        (httpx.ReadTimeout("slow"), Ambiguous),
        (httpx.RemoteProtocolError("cut"), Ambiguous),
        (httpx.Response(200, text="<html>"), Ambiguous),
        (httpx.Response(200, json={"data": {}}), Ambiguous),
        (httpx.Response(200, json={"error": False}), Ambiguous),
        (httpx.Response(200, json=[]), Ambiguous),
        (httpx.Response(500, json={"error": 0}), Ambiguous),
        (httpx.Response(502, text="Bad Gateway"), Ambiguous),
        (httpx.Response(429, text=""), TryLater),
        (httpx.Response(404, text=""), Misconfigured),
        (httpx.Response(200, json={"error": -9999, "message": "?"}), OurDefect),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "status_code", "")),
)
def test_a_broken_network_is_told_apart_by_what_may_have_happened(
    failure: Exception | httpx.Response, expected: type[errors.ZaloError]
) -> None:
    """If this failed, a message that may have gone out would be sent twice, or another be given up."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("access_token"):
            return httpx.Response(
                200, json={"access_token": "a", "refresh_token": "r", "expires_in": "90000"}
            )
        if isinstance(failure, Exception):
            raise failure
        return failure

    http = httpx.Client(transport=httpx.MockTransport(handle))
    here = "http://zalo.test"
    account = ZaloAccount("app", "oa", "s", "s", here, here, here)
    tokens = TokenKeeper(account, MemoryTokenStore(), http, system_clock, first_code="code")
    with pytest.raises(expected) as caught:
        ZaloClient(account, tokens, http).send_message("1", "một")
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-220, "TokenRejected"),
        (-103, "Misconfigured"),
        (-144, "TryLater"),
        (-227, "NotThisWay"),
        (-1124, "OurDefect"),
    ],
)
def test_documented_codes_fall_into_their_class(code: int, expected: str) -> None:
    """If this failed, the table of codes would have drifted from what callers do."""
    assert type(error_for(code, "")).__name__ == expected


def test_no_code_is_in_two_classes() -> None:
    """If this failed, the order of the table would decide what happens to a message."""
    sets = [
        errors.TOKEN_CODES,
        errors.CONFIGURATION_CODES,
        errors.LATER_CODES,
        errors.NOT_THIS_WAY_CODES,
        errors.DEFECT_CODES,
    ]
    assert sum(len(codes) for codes in sets) == len(frozenset().union(*sets))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ngắn", ["ngắn"]),
        ("", []),
        ("một hai ba", ["một hai", "ba"]),
        ("một\n\nhai ba", ["một", "hai ba"]),
        ("a. bc de", ["a. bc", "de"]),
        ("không-có-chỗ-cắt", ["không-c", "ó-chỗ-c", "ắt"]),
    ],
)
def test_long_text_is_split_where_a_reader_pauses(text: str, parts: list[str]) -> None:
    """If this failed, long notices would be refused or cut inside a word."""
    cut: Callable[[str, int], list[str]] = split_text
    assert cut(text, 7) == parts


@given(st.text(max_size=300), st.integers(min_value=1, max_value=40))
def test_splitting_loses_nothing_but_white_space(text: str, limit: int) -> None:
    """If this failed, a citizen would miss part of a message, or Zalo refuse a part."""
    parts = split_text(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(unicodedata.normalize("NFC", text).split())
