"""ID tokens read without a provider: what holds, and by which second it no longer does."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.intake.adapters.oidc.id_token import IdTokens, claim_at
from services.intake.application.identity_port import ProofRefused
from shared.clock import FixedClock

NOW = 1_790_000_000
ISSUER = "https://dinh-danh.example"
KEY = RSAKey.generate_key(2048, parameters={"kid": "rsa"})
CURVE = ECKey.generate_key("P-256", parameters={"kid": "curve"})
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "tannha",
    "sub": "s-1",
    "nonce": "n",
    "iat": NOW,
    "exp": NOW + 300,
}


def token(key: RSAKey | ECKey = KEY, *, header: dict[str, Any] | None = None, **other: Any) -> str:
    """A signed token with other claims; None leaves one out."""
    claims = {name: value for name, value in {**CLAIMS, **other}.items() if value is not None}
    if isinstance(key, ECKey):
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
    # By hand, because the library refuses to sign the headers that a reader has to refuse.
    text = f"{part({'alg': 'RS256', 'kid': key.kid, **(header or {})})}.{part(claims)}"
    private = key.private_key
    assert private is not None
    return f"{text}.{b64(private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def part(content: dict[str, Any]) -> str:
    """A part of a token."""
    return b64(json.dumps(content).encode())


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(text: object, *keys: RSAKey | ECKey, access_token: object = None) -> dict[str, Any]:
    """The claims as a client with a minute of patience reads them."""
    known = KeySet(list(keys) or [KEY, CURVE])
    reader = IdTokens(
        ISSUER,
        "tannha",
        lambda _kid: known,
        leeway_seconds=60,
        clock=FixedClock(datetime.fromtimestamp(NOW, UTC)),
    )
    return reader.read(text, nonce="n", access_token=access_token, algorithms=["RS256", "ES256"])


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(CURVE),
        token(aud=["tannha"]),
        token(aud=["tannha", "other"], azp="tannha"),
        token(exp=NOW - 59),
        token(iat=NOW + 60, nbf=NOW + 60),
        token(header={"x5t": "abc", "typ": "JWT"}),
        token(at_hash=None),
    ],
    ids=[
        "rsa",
        "curve",
        "list of one",
        "party named",
        "just expired",
        "clock ahead",
        "more header",
        "no hash",
    ],
)
def test_an_honest_token_is_read(text: str) -> None:
    """People of a provider that does it a little differently could not sign in."""
    assert read(text, access_token="a")["sub"] == "s-1"


UNHELD: dict[str, tuple[object, str]] = {
    "expired": (token(exp=NOW - 60), "expired"),
    "issued later": (token(iat=NOW + 61), "future"),
    "valid later": (token(nbf=NOW + 61), "future"),
    "never issued": (token(iat=None), "forged"),
    "never expires": (token(exp=None), "forged"),
    "expires soon": (token(exp="soon"), "forged"),
    "nobody": (token(sub=""), "forged"),
    "a number": (token(sub=7), "forged"),
    "a long name": (token(sub="x" * 256), "forged"),
    "for nobody": (token(aud=[]), "forged"),
    "for an object": (token(aud={"tannha": 1}), "forged"),
    "party a number": (token(azp=7), "forged"),
    "many nonces": (token(nonce=["n"]), "replayed"),
    "unknown must": (token(header={"crit": ["x"], "x": 1}), "forged"),
    "key a number": (token(header={"kid": 7}), "forged"),
    "key of another kind": (token(header={"kid": "curve"}), "forged"),
    "not offered": (token(header={"alg": "RS384"}), "forged"),
    "none": (token(header={"alg": "none"}), "forged"),
    "no token": ("a.b.c", "forged"),
    "empty": ("", "forged"),
    "huge": ("x" * 40_000, "forged"),
    "missing": (None, "forged"),
}


@pytest.mark.parametrize("what", UNHELD)
def test_a_token_that_does_not_hold_is_refused(what: str) -> None:
    """A proof of nothing would open an account, or crash the page."""
    text, reason = UNHELD[what]
    with pytest.raises(ProofRefused) as refusal:
        read(text)
    assert refusal.value.reason == reason


def test_a_key_need_not_be_named_when_there_is_one() -> None:
    """Core 10.1 lets a provider with one key leave its name out; with several nobody may guess."""
    unnamed = jwt.encode({"alg": "RS256"}, dict(CLAIMS), KEY)
    assert read(unnamed, KEY)["sub"] == "s-1"
    with pytest.raises(ProofRefused):
        read(unnamed, KEY, CURVE)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("groups", ["a"]),
        ("realm.roles", ["b"]),
        ("https://x.example/roles", "c"),
        ("no.such", None),
        ("groups.x", None),
    ],
)
def test_claims_are_found_by_name_or_path(path: str, found: object) -> None:
    """Roles of a provider that nests them could not be mapped."""
    claims = {"groups": ["a"], "realm": {"roles": ["b"]}, "https://x.example/roles": "c"}
    assert claim_at(claims, path) == found
