"""Forms of other sites get nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from shared.actor import Actor, Role
from shared.web.csrf import FORM_COOKIE
from shared.web.session import COOKIE, SessionSigner

PAGE = {"accept": "text/html"}
Read = Callable[[str, str], str]


def test_a_form_of_our_page_passes_for_a_citizen(client: TestClient, field_of: Read) -> None:
    """Citizens without an account could not send anything."""
    page = client.get("/", headers=PAGE).text
    sent = {"name": "Sen", "csrf": field_of(page, "csrf"), "idempotency_key": "key-00001"}
    assert client.post("/notes", data=sent, headers=PAGE).status_code == 303


def test_a_multipart_form_passes_too(operator: TestClient, field_of: Read) -> None:
    """Forms with files could not be sent."""
    token = field_of(operator.get("/", headers=PAGE).text, "csrf")
    assert operator.post("/desk", files={"csrf": (None, token)}).status_code == 200


def test_a_form_of_our_page_passes_for_a_signed_in_person(operator: TestClient, field_of: Read) -> None:
    """Staff could not send anything."""
    token = field_of(operator.get("/", headers=PAGE).text, "csrf")
    assert operator.post("/desk", data={"csrf": token}).status_code == 200
    assert operator.post("/desk", headers={"x-csrf-token": token}).status_code == 200


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "sén"}])
def test_a_missing_or_wrong_token_is_refused(operator: TestClient, sent: dict[str, str]) -> None:
    """Another site could act in the name of a signed-in person."""
    answer = operator.post("/desk", data=sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "request.csrf")


def test_a_token_of_another_session_is_refused(
    client: TestClient, signer: SessionSigner, field_of: Read
) -> None:
    """An attacker's own token would fit everybody's session."""
    operator = Actor("op1", "Lê Thị Thử", Role.OPERATOR)
    client.cookies.set(COOKIE, signer.issue(operator))
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    client.cookies.set(COOKIE, signer.issue(operator))
    assert client.post("/desk", data={"csrf": token}).status_code == 403


def test_the_anonymous_token_does_not_fit_a_session(
    client: TestClient, signer: SessionSigner, field_of: Read
) -> None:
    """A planted form cookie would open signed-in forms."""
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    client.cookies.set(COOKIE, signer.issue(Actor("op1", "Lê Thị Thử", Role.OPERATOR)))
    assert client.post("/desk", data={"csrf": token}).status_code == 403


def test_a_short_form_cookie_is_no_secret(client: TestClient) -> None:
    """An empty or guessed cookie would make a known token valid."""
    client.cookies.set(FORM_COOKIE, "x")
    page = client.get("/", headers=PAGE)
    assert FORM_COOKIE in page.headers["set-cookie"]


def test_json_of_our_page_needs_no_token(operator: TestClient) -> None:
    """Our own scripts would need a token the browser's preflight already replaces."""
    assert operator.post("/api/counts", json={"pages": 2}).json() == {"pages": 2}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://other.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_origin_is_refused_for_json_and_forms(
    operator: TestClient, field_of: Read, headers: dict[str, str]
) -> None:
    """A page of another site or port could post with the person's cookie."""
    token = field_of(operator.get("/", headers=PAGE).text, "csrf")
    assert operator.post("/api/counts", json={"pages": 2}, headers=headers).status_code == 403
    assert operator.post("/desk", data={"csrf": token}, headers=headers).status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8101", "http://127.0.0.1:8102"])
def test_our_own_origins_pass(operator: TestClient, origin: str) -> None:
    """Signing out from another service's page would be refused."""
    answer = operator.post("/api/counts", json={"pages": 2}, headers={"origin": origin})
    assert answer.status_code == 200


def test_json_hidden_in_another_content_type_is_refused(operator: TestClient) -> None:
    """text/plain passes without a preflight, so it must not count as JSON."""
    sent = operator.post("/api/counts", content='{"pages": 2}', headers={"content-type": "text/plain"})
    assert sent.status_code == 403


def test_a_bearer_program_needs_no_token(client: TestClient, signer: SessionSigner) -> None:
    """Programs have no page to take a token from."""
    token = signer.issue(Actor("op1", "Lê Thị Thử", Role.OPERATOR))
    assert client.post("/desk", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_a_webhook_needs_no_token(client: TestClient) -> None:
    """Partners could not call."""
    assert client.post("/webhooks/toy", content=b"{}").status_code == 200


def test_a_refused_form_page_says_what_to_do(operator: TestClient) -> None:
    """A person with an old page would not know that reloading helps."""
    page = operator.post("/desk", data={}, headers=PAGE)
    assert page.status_code == 403
    assert "tải lại trang" in page.text
