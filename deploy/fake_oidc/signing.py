"""The provider's keys, and ID tokens: honest ones, and those that lie as ordered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.fake_oidc.faults import FaultKind
from shared.ids import new_id

ALGORITHM = "RS256"
_OTHER = "somebody-else"
_CLAIMS: dict[FaultKind, dict[str, Any]] = {
    FaultKind.WRONG_NONCE: {"nonce": "of-another-sign-in"},
    FaultKind.WRONG_AUDIENCE: {"aud": _OTHER},
    FaultKind.WRONG_PARTY: {"azp": _OTHER},
    FaultKind.WRONG_ISSUER: {"iss": "https://evil.example"},
    FaultKind.WRONG_ACCESS_HASH: {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}
"""Lies that replace a claim."""
_MISSING = {FaultKind.NO_NONCE: "nonce", FaultKind.NO_SUBJECT: "sub"}
"""Lies by leaving something out."""


class KeyCupboard:
    """Signing keys: one in use, and those that are still published."""

    def __init__(self) -> None:
        self._published: list[RSAKey] = [_new_key()]

    @property
    def current(self) -> RSAKey:
        """The key in use."""
        return self._published[-1]

    def rotate(self, *, keep: bool) -> None:
        """A new key from now on; the old ones stay published when `keep`."""
        self._published = [*(self._published if keep else []), _new_key()]

    def document(self) -> dict[str, Any]:
        """The JWKS."""
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM} for key in self._published
            ]
        }


def half_hash(text: str) -> str:
    """`at_hash`: the left half of the SHA-256, base64url (OpenID Connect Core, 3.1.3.6)."""
    return _b64(hashlib.sha256(text.encode()).digest()[:16])


def sign(claims: dict[str, Any], keys: KeyCupboard, secret: str, lie: FaultKind | None = None) -> str:
    """An ID token with `claims`, or with the lie that was ordered. `secret` is the client's."""
    told = _bent(claims, lie)
    header = {"alg": ALGORITHM, "kid": keys.current.kid, "typ": "JWT"}
    if lie is FaultKind.ALG_NONE:
        return f"{_json({**header, 'alg': 'none'})}.{_json(told)}."
    if lie in {FaultKind.ALG_HMAC_SECRET, FaultKind.ALG_HMAC_PUBLIC_KEY}:
        public = keys.current.as_pem(private=False).decode()
        return _hmac_signed(
            {**header, "alg": "HS256"}, told, secret if lie is FaultKind.ALG_HMAC_SECRET else public
        )
    if lie is FaultKind.FOREIGN_KEY:
        return _signed(header, told, _new_key())
    if lie is FaultKind.UNKNOWN_KEY:
        return _signed({**header, "kid": "never-published"}, told, _new_key())
    token = _signed(header, told, keys.current)
    if lie is FaultKind.TAMPERED:
        first, _, last = token.split(".")
        return f"{first}.{_json({**told, 'sub': _OTHER})}.{last}"
    return token


def _bent(claims: dict[str, Any], lie: FaultKind | None) -> dict[str, Any]:
    told = dict(claims)
    if lie is None:
        return told
    told |= _CLAIMS.get(lie, {})
    told.pop(_MISSING.get(lie, ""), None)
    if lie is FaultKind.MANY_AUDIENCES:
        told["aud"] = [told["aud"], _OTHER]
    if lie is FaultKind.EXPIRED:
        told |= {"iat": told["iat"] - 7200, "exp": told["exp"] - 7200}
    if lie is FaultKind.FROM_THE_FUTURE:
        told |= {"iat": told["iat"] + 7200, "exp": told["exp"] + 7200}
    return told


def _hmac_signed(header: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    """By hand: a library refuses to take a public key for a secret, which is what a forger does."""
    text = f"{_json(header)}.{_json(claims)}"
    return f"{text}.{_b64(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def _signed(header: dict[str, Any], claims: dict[str, Any], key: RSAKey) -> str:
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": new_id()})


def _json(part: dict[str, Any]) -> str:
    return _b64(json.dumps(part).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
