"""The sign-in token: an Ed25519-signed JWT (RFC 7519, RFC 8037) in a cookie, or as a Bearer token.

Intake issues it; every service verifies it with the public key and asks nobody. It lives twelve hours, a
working day, unless it is recalled (`shared.sign_ins`). Expiry uses the machine's clock, never the business
clock that a demonstration may move; machines may be a minute apart.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request, Response
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey

from shared.actor import Actor, Role
from shared.errors import Unauthenticated
from shared.observability.metrics import refused_tokens
from shared.sign_ins import LEEWAY, LIFETIME, TokenMark

COOKIE = "tannha_session"
LIFETIME_S = int(LIFETIME.total_seconds())
LEEWAY_S = int(LEEWAY.total_seconds())
_ALGORITHM = "Ed25519"
_ISSUER = "tannha-intake"
_AUDIENCE = "tannha"
_LONGEST_TOKEN = 4096


class ClocksApart(Unauthenticated):
    """A token that was issued in the future: this machine's clock, or intake's, is wrong."""

    code = "auth.clock"
    signing_in_helps = False

    def __init__(self) -> None:
        super().__init__(
            "Đồng hồ của các máy chủ lệch nhau nên chưa nhận được phiên đăng nhập này.",
            hints=("Báo quản trị viên chỉnh giờ máy chủ; đăng nhập lại cũng chưa vào được.",),
        )


@dataclass(frozen=True)
class Session:
    """What a good token says: who it speaks for, and what tells it from other tokens."""

    actor: Actor
    mark: TokenMark


class SessionSigner:
    """Issues tokens; only intake has one."""

    def __init__(self, private_key: OKPKey, now: Callable[[], float] = time.time) -> None:
        self._key = private_key
        self._now = now

    def issue(self, actor: Actor) -> str:
        """A token that says who `actor` is for the next twelve hours."""
        # To the millisecond: of two tokens in one second a recall between them must hit the first only.
        issued = math.floor(self._now() * 1000) / 1000
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": actor.account,
            "iat": issued,
            "exp": int(issued) + LIFETIME_S,
            "jti": secrets.token_urlsafe(18),
            "name": actor.name,
            "role": actor.role.value,
            "office": actor.office,
            "unit": actor.unit,
            "worker": actor.worker,
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])


class Verifier:
    """Reads tokens with the public key. `recalled` tells which of them are good no more."""

    def __init__(
        self,
        public_key: OKPKey,
        now: Callable[[], float] = time.time,
        recalled: Callable[[TokenMark], bool] = lambda _mark: False,
    ) -> None:
        self._key = public_key
        self._now = now
        self._recalled = recalled
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": _ISSUER},
            aud={"essential": True, "value": _AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            jti={"essential": True},
        )

    def actor(self, token: str) -> Actor:
        """Who the token speaks for. Raises as `session` does."""
        return self.session(token).actor

    def session(self, token: str) -> Session:
        """What the token says. A refusal is counted by its reason.

        Raises Unauthenticated when it is forged, malformed, expired or recalled, ClocksApart when it was
        issued more than a minute in the future.
        """
        try:
            session = self._read(token)
        except ExpiredTokenError as error:
            raise _refused("expired", "Phiên đăng nhập đã hết hạn.") from error
        except (JoseError, KeyError, ValueError, TypeError, OverflowError) as error:
            raise _refused("forged", "Phiên đăng nhập không hợp lệ.") from error
        if self._recalled(session.mark):
            raise _refused("revoked", "Phiên đăng nhập đã kết thúc.")
        return session

    def _read(self, token: str) -> Session:
        if len(token) > _LONGEST_TOKEN:
            raise ValueError("longer than any token of ours")
        claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        issued = claims.get("iat")
        if isinstance(issued, int | float) and issued > self._now() + LEEWAY_S:
            refused_tokens.labels("future").inc()
            raise ClocksApart
        self._claims.validate(claims)
        actor = Actor(
            account=str(claims["sub"]),
            name=str(claims["name"]),
            role=Role(claims["role"]),
            office=claims.get("office"),
            unit=claims.get("unit"),
            worker=claims.get("worker"),
        )
        issued_at = datetime.fromtimestamp(claims["iat"], UTC)
        return Session(actor, TokenMark(actor.account, str(claims["jti"]), issued_at))


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


def _refused(reason: str, what: str) -> Unauthenticated:
    refused_tokens.labels(reason).inc()
    return Unauthenticated(f"{what} Ông/Bà hãy đăng nhập lại.", code=f"auth.{reason}")
