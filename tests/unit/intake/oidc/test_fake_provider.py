"""The fake provider is strict where a real one is: otherwise our client's mistakes would go unseen."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from deploy.fake_oidc.app import create_app
from deploy.fake_oidc.people import demo_people
from deploy.fake_oidc.protocol import Provider, challenge
from deploy.fake_oidc.settings import FakeOidcSettings, Person

BACK = "http://127.0.0.1:8101/dang-nhap/tro-ve"
VERIFIER = "v" * 43
SECRET = "a+b: %"
QUESTION = {
    "client_id": "tannha",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid email",
    "state": "s",
    "nonce": "n",
    "code_challenge": challenge(VERIFIER),
    "code_challenge_method": "S256",
}


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        """What it shows."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """The provider's clock."""
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> Iterator[TestClient]:
    """The provider with one person."""
    settings = FakeOidcSettings(client_secret=SECRET)
    world = Provider(settings, [Person(sub="s-1", account="mot", name="Người Một")], now=clock)
    with TestClient(create_app(world), base_url="http://testserver", follow_redirects=False) as client:
        yield client


def ask(provider: TestClient, **other: str) -> dict[str, str]:
    """What the authorization endpoint sends back."""
    answer = provider.get("/authorize", params={**QUESTION, "login_hint": "s-1", **other})
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def redeem(provider: TestClient, code: str, authorization: str | None = None, **other: str) -> httpx.Response:
    """What the token endpoint answers."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        "client_id": "tannha",
        "client_secret": SECRET,
        **other,
    }
    headers: Any = {"authorization": authorization} if authorization else {}
    return cast("httpx.Response", provider.post("/token", data=form, headers=headers))


def test_a_code_is_exchanged_once(provider: TestClient) -> None:
    """A client that sends its code twice would seem right."""
    answer = ask(provider)
    assert (answer["state"], answer["iss"]) == ("s", "http://127.0.0.1:8110")
    first = redeem(provider, answer["code"])
    assert {"id_token", "access_token", "token_type"} <= set(first.json())
    assert first.headers["cache-control"] == "no-store"
    again = redeem(provider, answer["code"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("other", "status", "error"),
    [
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8101/"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
    ids=str,
)
def test_a_wrong_exchange_is_refused(
    provider: TestClient, other: dict[str, str], status: int, error: str
) -> None:
    """A client without PKCE or with another secret would seem right."""
    answer = redeem(provider, ask(provider)["code"], **other)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_header_authenticates_as_well(provider: TestClient) -> None:
    """A client that does not encode its secret for the header (RFC 6749, 2.3.1) would seem right."""
    no_form = {"client_id": "", "client_secret": ""}
    raw = base64.b64encode(f"tannha:{SECRET}".encode()).decode()
    encoded = base64.b64encode(f"tannha:{quote(SECRET, '')}".encode()).decode()
    code = ask(provider)["code"]
    assert redeem(provider, code, "Basic " + base64.b64encode(b"tannha:wrong").decode()).status_code == 401
    assert redeem(provider, code, f"Basic {raw}").status_code == 401
    assert redeem(provider, code, f"Basic {encoded}", **no_form).status_code == 200


def test_a_code_grows_old(provider: TestClient, clock: Clock) -> None:
    """An expired code could not be tried."""
    code = ask(provider)["code"]
    clock.seconds += 60
    assert redeem(provider, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("other", [{"client_id": "x"}, {"redirect_uri": "https://evil.example"}], ids=str)
def test_nothing_is_sent_to_an_unregistered_address(provider: TestClient, other: dict[str, str]) -> None:
    """A client with a wrong registration would seem right, and codes leak."""
    answer = provider.get("/authorize", params={**QUESTION, "login_hint": "s-1", **other})
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"prompt": "none", "login_hint": ""}, "login_required"),
    ],
    ids=str,
)
def test_a_wrong_question_is_answered_with_an_error(
    provider: TestClient, other: dict[str, str], error: str
) -> None:
    """A client that asks without PKCE or `openid` would seem right."""
    answer = ask(provider, **other)
    assert answer["error"] == error
    assert "code" not in answer


def test_a_person_is_picked_on_a_page_and_remembered(provider: TestClient) -> None:
    """Nobody could try it by hand, and signing out there would prove nothing."""
    page = provider.get("/authorize", params=QUESTION)
    assert "Người Một" in page.text
    link = page.text.partition('<li><a href="')[2].partition('"')[0].replace("&amp;", "&")
    assert provider.get(link).status_code == 303
    assert provider.get("/authorize", params=QUESTION).status_code == 303
    assert provider.get("/authorize", params={**QUESTION, "prompt": "login"}).status_code == 200
    back = {"client_id": "tannha", "post_logout_redirect_uri": "http://127.0.0.1:8101/"}
    stranger = provider.get(
        "/end-session", params={**back, "post_logout_redirect_uri": "https://evil.example"}
    )
    assert stranger.status_code == 200
    assert provider.get("/authorize", params=QUESTION).status_code == 200
    assert provider.get("/end-session", params=back).headers["location"] == "http://127.0.0.1:8101/"


def test_keys_rotate_with_and_without_the_old_ones(provider: TestClient) -> None:
    """Rotation could not be tried."""

    def kids() -> list[str]:
        return [key["kid"] for key in provider.get("/jwks").json()["keys"]]

    first = kids()
    provider.post("/_test/rotate")
    assert kids()[:1] == first
    assert len(kids()) == 2
    provider.post("/_test/rotate", params={"keep": False})
    assert len(kids()) == 1
    assert not any("d" in key for key in provider.get("/jwks").json()["keys"])


def test_the_demonstration_has_a_person_behind_each_account() -> None:
    """`make run` with the provider would let nobody in."""
    people = demo_people()
    assert people[0].account == "tongdai"
    assert len({one.sub for one in people}) == len(people) > 100
