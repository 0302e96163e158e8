"""The sign-in token: an Ed25519-signed JWT (RFC 7519, RFC 8037) in a cookie, or as a Bearer token.

Intake issues it; every service verifies it with the public key and asks nobody. There is no list of
sessions: a token lives twelve hours, a working day, and signing out removes the cookie. Expiry uses the
machine's clock, never the business clock that a demonstration may move.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from fastapi import Request, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.actor import Actor, Role
from shared.errors import Unauthenticated

COOKIE = "tannha_session"
LIFETIME_S = 12 * 3600
_ALGORITHM = "Ed25519"
_ISSUER = "tannha-intake"
_AUDIENCE = "tannha"
_LONGEST_TOKEN = 4096


class SessionSigner:
    """Issues tokens; only intake has one."""

    def __init__(self, private_key: OKPKey, now: Callable[[], float] = time.time) -> None:
        self._key = private_key
        self._now = now

    def issue(self, actor: Actor) -> str:
        """A token that says who `actor` is for the next twelve hours."""
        issued = int(self._now())
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": actor.account,
            "iat": issued,
            "exp": issued + LIFETIME_S,
            "jti": secrets.token_urlsafe(18),
            "name": actor.name,
            "role": actor.role.value,
            "office": actor.office,
            "unit": actor.unit,
            "worker": actor.worker,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])


class Verifier:
    """Reads tokens with the public key."""

    def __init__(self, public_key: OKPKey, now: Callable[[], float] = time.time) -> None:
        self._key = public_key
        self._now = now
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            iss={"essential": True, "value": _ISSUER},
            aud={"essential": True, "value": _AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
        )

    def actor(self, token: str) -> Actor:
        """Who the token speaks for. Raises Unauthenticated when it is forged, expired or malformed."""
        if len(token) > _LONGEST_TOKEN:
            raise _refused()
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
            self._claims.validate(claims)
            return Actor(
                account=str(claims["sub"]),
                name=str(claims["name"]),
                role=Role(claims["role"]),
                office=claims.get("office"),
                unit=claims.get("unit"),
                worker=claims.get("worker"),
            )
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise _refused() from error


def bearer_token(request: Request) -> str | None:
    """The token of an `Authorization: Bearer` header, if the caller sent one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def sign_in(response: Response, token: str, *, production: bool) -> None:
    """Put the token into the browser's cookie; in production only over https."""
    response.set_cookie(
        COOKIE, token, max_age=LIFETIME_S, httponly=True, samesite="lax", secure=production, path="/"
    )


def sign_out(response: Response, *, production: bool) -> None:
    """Take the cookie away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=production, path="/")


def _refused() -> Unauthenticated:
    return Unauthenticated("Phiên đăng nhập không hợp lệ hoặc đã hết hạn. Ông/Bà hãy đăng nhập lại.")
