"""The webhook signature: the published rule, its doubted variants, its age limit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.events import ConsoleTest, UserSendText
from services.intake.adapters.zalo.signature import ALL_VARIANTS, DOCUMENTED, SignatureCheck, Variant, sign
from services.intake.adapters.zalo.webhook import ZaloWebhook
from shared.clock import FixedClock
from shared.errors import Unauthenticated

APP, OA, SECRET = "4000000000000000001", "388613280878808645", "oa-secret-for-tests"
ACCOUNT = ZaloAccount(APP, OA, "app-secret-for-tests", SECRET)
TIMESTAMP = "1795420800000"
BODY = (
    '{"app_id":"4000000000000000001","user_id_by_app":"555000111222333","event_name":"user_send_text",'
    '"timestamp":"1795420800000","sender":{"id":"246845883529197922"},"recipient":{"id":"388613280878808645"},'
    '"message":{"msg_id":"96d3cdf3af150460909","text":"Chiều mai đến nhà tôi lấy hồ sơ khai sinh"}}'
).encode()
VECTOR = "mac=a3d5e46590b865f68304d258e22ceec0dc5442d9c673b3b9c52c02d2ed397a22"
AT = datetime.fromtimestamp(int(TIMESTAMP) / 1000, UTC)


def check(age: timedelta = timedelta(), variants: tuple[Variant, ...] = (DOCUMENTED,)) -> SignatureCheck:
    """The check as it stands `age` after the event."""
    return SignatureCheck(ACCOUNT, FixedClock(AT + age), variants)


def test_the_published_vector_is_accepted() -> None:
    """If this failed, no webhook of the real Zalo would be believed."""
    assert sign(APP, BODY, TIMESTAMP, SECRET) == VECTOR
    assert check().verify(BODY, TIMESTAMP, {"X-ZEvent-Signature": VECTOR}) == DOCUMENTED


@pytest.mark.parametrize(
    "signature",
    ["", "mac=", VECTOR.upper(), VECTOR.removeprefix("mac="), VECTOR[:-1] + "3", VECTOR + "0", "mac=é" * 3],
)
def test_a_false_signature_is_refused(signature: str) -> None:
    """If this failed, anybody could put requests into the operators' list."""
    with pytest.raises(Unauthenticated):
        check().verify(BODY, TIMESTAMP, {"X-ZEvent-Signature": signature})


def test_one_changed_byte_of_the_body_is_refused() -> None:
    """If this failed, a genuine event could be rewritten on its way."""
    with pytest.raises(Unauthenticated, match="không đúng"):
        check().verify(BODY.replace(b"Chi", b"chi"), TIMESTAMP, {"X-ZEvent-Signature": VECTOR})


@pytest.mark.parametrize("variant", ALL_VARIANTS, ids=str)
def test_each_variant_matches_only_when_configured(variant: Variant) -> None:
    """If this failed, an account that signs the other way could not be connected, or too much is believed."""
    first = APP if variant.first == "app_id" else OA
    secret = SECRET if variant.secret == "oa_secret" else "app-secret-for-tests"
    timestamp = TIMESTAMP if variant.timestamp == "body" else "1795420800999"
    headers = {
        "x-zevent-signature": sign(first, BODY, timestamp, secret),
        "x-zevent-timestamp": "1795420800999",
    }
    assert check(variants=ALL_VARIANTS).verify(BODY, TIMESTAMP, headers) == variant
    others = tuple(other for other in ALL_VARIANTS if other != variant)
    with pytest.raises(Unauthenticated):
        check(variants=others).verify(BODY, TIMESTAMP, headers)
    assert Variant.parse(str(variant)) == variant


@pytest.mark.parametrize(
    ("age", "headers", "good"),
    [
        (timedelta(hours=23), {}, True),
        (timedelta(hours=-23), {}, True),
        (timedelta(hours=25), {}, False),
        (timedelta(hours=-25), {}, False),
        (timedelta(hours=25), {"num_retry": "5"}, True),
        (timedelta(hours=28), {"num_retry": "5"}, False),
    ],
)
def test_an_old_event_is_refused_and_a_late_retry_is_not(
    age: timedelta, headers: dict[str, str], good: bool
) -> None:
    """If this failed, a recorded webhook could be replayed for ever, or Zalo's own retry would be lost."""
    given = {"X-ZEvent-Signature": VECTOR, **headers}
    if good:
        assert check(age).verify(BODY, TIMESTAMP, given) == DOCUMENTED
    else:
        with pytest.raises(Unauthenticated, match="quá cũ"):
            check(age).verify(BODY, TIMESTAMP, given)


def test_without_any_variant_nothing_could_ever_match() -> None:
    """If this failed, an empty setting would silently refuse every webhook."""
    with pytest.raises(ValueError, match="at least one"):
        SignatureCheck(ACCOUNT, FixedClock(AT), ())


def test_a_received_event_is_read_and_verified() -> None:
    """If this failed, the webhook route would not get the citizen's words."""
    event = ZaloWebhook(ACCOUNT, FixedClock(AT)).receive(BODY, {"X-ZEvent-Signature": VECTOR})
    assert isinstance(event, UserSendText)
    assert (event.user_id, event.message.text) == (
        "246845883529197922",
        "Chiều mai đến nhà tôi lấy hồ sơ khai sinh",
    )


def test_the_console_sample_passes_unsigned_but_its_look_alike_does_not() -> None:
    """If this failed, an administrator could not switch the webhook on, or a forger could use the sample."""
    sample = json.loads(BODY) | {"timestamp": "1600000000000"}
    sample["message"] = {"msg_id": "This is message id", "text": "This is testing message"}
    webhook = ZaloWebhook(ACCOUNT, FixedClock(AT))
    assert isinstance(webhook.receive(json.dumps(sample).encode(), {}), ConsoleTest)
    sample["message"]["text"] = "Lấy hồ sơ giúp tôi"
    with pytest.raises(Unauthenticated):
        webhook.receive(json.dumps(sample).encode(), {})
