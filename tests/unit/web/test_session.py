"""Tokens: what a forged, stale or strange one gets."""

from __future__ import annotations

import hmac
import json
import stat
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from fastapi import Response
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.actor import Actor, Role
from shared.errors import Unauthenticated
from shared.observability.metrics import REGISTRY
from shared.sign_ins import TokenMark
from shared.web.keys import ensure_key_pair, load_private_key, load_public_key
from shared.web.session import (
    COOKIE,
    LEEWAY_S,
    LIFETIME_S,
    ClocksApart,
    SessionSigner,
    Verifier,
    sign_in,
    sign_out,
)

WORKER = Actor("w1", "Phạm Thị Mẫu", Role.WORKER, office="po-01", worker="w-001")
GOOD = {"iss": "tannha-intake", "aud": "tannha", "sub": "op1", "name": "A", "role": "operator", "jti": "t-1"}


def signed(key: OKPKey, **claims: object) -> str:
    """A token with the given claims on top of good ones."""
    every = {**GOOD, "iat": int(time.time()), "exp": int(time.time()) + 60, **claims}
    return jwt.encode({"alg": "Ed25519"}, every, key, algorithms=["Ed25519"])


def test_a_token_tells_who_it_was_issued_for(key: OKPKey) -> None:
    """Office and worker id would be lost on the way to the other services."""
    assert Verifier(key).actor(SessionSigner(key).issue(WORKER)) == WORKER


def test_two_tokens_of_one_person_differ(key: OKPKey) -> None:
    """Form tokens derive from the session token; equal ones would survive signing out and in."""
    signer = SessionSigner(key, now=lambda: 1000.0)
    assert signer.issue(WORKER) != signer.issue(WORKER)


def test_a_token_ends_after_twelve_hours(key: OKPKey) -> None:
    """A stolen token would be good for ever."""
    token = SessionSigner(key, now=lambda: 1000.0).issue(WORKER)
    assert Verifier(key, now=lambda: 1000.0 + LIFETIME_S - 1).actor(token) == WORKER
    with pytest.raises(Unauthenticated) as refusal:
        Verifier(key, now=lambda: 1000.0 + LIFETIME_S + LEEWAY_S + 1).actor(token)
    assert refusal.value.problem_code == "auth.expired"


def test_machines_may_be_a_minute_apart(key: OKPKey) -> None:
    """Somebody who signs in would be thrown out at once by a service whose clock is a little behind."""
    token = SessionSigner(key, now=lambda: 1000.0).issue(WORKER)
    assert Verifier(key, now=lambda: 1000.0 - LEEWAY_S).actor(token) == WORKER


def test_a_token_of_the_future_is_refused_and_says_why(key: OKPKey) -> None:
    """The sign-in page would be shown again and again, and nobody would look at the clocks."""
    token = SessionSigner(key, now=lambda: 10_000.0).issue(WORKER)
    with pytest.raises(ClocksApart) as refusal:
        Verifier(key, now=lambda: 10_000.0 - 7200).actor(token)
    assert "lệch" in refusal.value.message
    assert not refusal.value.signing_in_helps


def test_a_recalled_token_is_refused(key: OKPKey) -> None:
    """Signing out would leave a copied token good for the rest of the day."""
    gone: list[TokenMark] = []
    verifier = Verifier(key, recalled=gone.__contains__)
    token = SessionSigner(key).issue(WORKER)
    gone.append(verifier.session(token).mark)
    with pytest.raises(Unauthenticated) as refusal:
        verifier.actor(token)
    assert refusal.value.problem_code == "auth.revoked"


def counted(reason: str) -> float:
    """How many tokens were refused for a reason."""
    return REGISTRY.get_sample_value("tannha_refused_tokens_total", {"reason": reason}) or 0


@pytest.mark.parametrize(
    ("reason", "claims", "signer"),
    [
        ("expired", {"exp": 1000}, None),
        ("forged", {}, OKPKey.generate_key("Ed25519")),
        ("forged", {"role": "king"}, None),
        ("future", {"iat": 99_999_999_999}, None),
    ],
)
def test_every_refusal_is_counted_by_its_reason(
    key: OKPKey, reason: str, claims: dict[str, object], signer: OKPKey | None
) -> None:
    """Somebody who tries out tokens would not be noticed."""
    before = counted(reason)
    with pytest.raises(Unauthenticated):
        Verifier(key).actor(signed(signer or key, **claims))
    assert counted(reason) == before + 1


def test_a_token_without_its_name_or_time_is_refused(key: OKPKey) -> None:
    """A token that cannot be recalled would be the one worth stealing."""
    Verifier(key).actor(signed(key))
    for claim in ("jti", "iat"):
        with pytest.raises(Unauthenticated):
            Verifier(key).actor(signed(key, **{claim: None}))


def test_a_token_of_another_key_is_refused(key: OKPKey) -> None:
    """Anybody could sign in as anybody."""
    with pytest.raises(Unauthenticated):
        Verifier(key).actor(SessionSigner(OKPKey.generate_key("Ed25519")).issue(WORKER))


def test_a_token_signed_with_the_public_key_as_secret_is_refused(key: OKPKey) -> None:
    """The classic confusion of algorithms: the public key is no secret."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {**GOOD, "exp": 9_999_999_999})
    text = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    for secret in (key.as_pem(private=False), key.as_pem(private=False).strip()):
        mac = urlsafe_b64encode(hmac.digest(secret, text, "sha256")).rstrip(b"=")
        with pytest.raises(Unauthenticated):
            Verifier(key).actor((text + b"." + mac).decode())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"iss": "other"},
        {"exp": None},
        {"exp": "soon"},
        {"role": "king"},
        {"role": "worker"},
        {"sub": ""},
    ],
)
def test_a_well_signed_token_with_wrong_claims_is_refused(key: OKPKey, claims: dict[str, object]) -> None:
    """A token made for something else, or half a token, would open the door."""
    with pytest.raises(Unauthenticated):
        Verifier(key).actor(signed(key, **claims))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "eyJhbGciOiJub25lIn0.e30.", "A" * 5000])
def test_garbage_is_refused(key: OKPKey, token: str) -> None:
    """A malformed token would crash the service instead of being refused."""
    with pytest.raises(Unauthenticated):
        Verifier(key).actor(token)


def test_a_bad_bearer_token_is_told_even_on_a_public_route(client: TestClient) -> None:
    """A program with a stale token would silently act as nobody."""
    assert client.get("/", headers={"authorization": "Bearer x.y.z"}).status_code == 401


def test_a_stale_cookie_on_a_public_page_means_nobody(client: TestClient) -> None:
    """A citizen whose cookie ran out would be locked out of public pages."""
    client.cookies.set(COOKIE, "x.y.z")
    assert client.get("/", headers={"accept": "text/html"}).status_code == 200


@pytest.mark.parametrize(("production", "secure"), [(True, True), (False, False)])
def test_the_cookie_is_closed_to_scripts_and_other_sites(production: bool, secure: bool) -> None:
    """A script or another site could use the session."""
    response = Response()
    sign_in(response, "token", production=production)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=token;")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ("Secure" in cookie) is secure


def test_signing_out_takes_the_cookie_away() -> None:
    """The next person at the same desk would act in the name of the last."""
    response = Response()
    sign_out(response, production=False)
    assert "Max-Age=0" in response.headers["set-cookie"]


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    """A second start would sign everybody out, or others could read the signing key."""
    private, public = ensure_key_pair(tmp_path)
    before = private.read_bytes()
    assert ensure_key_pair(tmp_path) == (private, public)
    assert private.read_bytes() == before
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    token = SessionSigner(load_private_key(private)).issue(WORKER)
    assert Verifier(load_public_key(public)).actor(token) == WORKER
    assert {file.name for file in tmp_path.iterdir()} == {private.name, public.name}


def test_a_private_key_open_to_others_is_refused(tmp_path: Path) -> None:
    """A key readable by every account of the machine is no secret."""
    private, _ = ensure_key_pair(tmp_path)
    private.chmod(0o644)
    with pytest.raises(ValueError, match="owner only"):
        load_private_key(private)


def test_a_public_key_cannot_sign(tmp_path: Path) -> None:
    """A mixed-up path would only be noticed at the first sign-in."""
    _, public = ensure_key_pair(tmp_path)
    public.chmod(0o600)
    with pytest.raises(ValueError, match="no private"):
        load_private_key(public)
