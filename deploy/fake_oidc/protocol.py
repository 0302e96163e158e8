"""The provider's side of the protocol, without HTTP: questions, codes, tokens.

OpenID Connect Core 1.0, RFC 6749, RFC 7636 (PKCE, S256 only), RFC 9207 (`iss` in the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

from deploy.fake_oidc.faults import FaultBoard, FaultKind
from deploy.fake_oidc.settings import FakeOidcSettings, Person
from deploy.fake_oidc.signing import KeyCupboard, half_hash, sign


class Refusal(Exception):
    """An error of the protocol: `error` for programs, and the HTTP status at the token endpoint."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class Question:
    """What a client asked of the authorization endpoint."""

    client_id: str
    redirect_uri: str
    response_type: str = ""
    scope: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    prompt: str = ""


@dataclass
class Code:
    """A code given out: for which question and person, until when, and whether it was taken."""

    question: Question
    person: Person
    expires_at: float
    used: bool = False


@dataclass
class Provider:
    """All that the fake provider knows. Lost with the process; time is the machine's."""

    settings: FakeOidcSettings
    people: Sequence[Person]
    keys: KeyCupboard = field(default_factory=KeyCupboard)
    board: FaultBoard = field(default_factory=FaultBoard)
    now: Callable[[], float] = time.time
    codes: dict[str, Code] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        issuer = self.settings.issuer
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "end_session_endpoint": f"{issuer}/end-session",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def check_client(self, question: Question) -> None:
        """Raises Refusal when the answer must not be sent to the asked address at all."""
        if question.client_id != self.settings.client_id:
            raise Refusal("unauthorized_client")
        if question.redirect_uri not in self.settings.redirect_uris:
            raise Refusal("invalid_request")

    def check_question(self, question: Question) -> None:
        """Raises Refusal for what the client is told of by a redirect."""
        if question.response_type != "code":
            raise Refusal("unsupported_response_type")
        if "openid" not in question.scope.split():
            raise Refusal("invalid_scope")
        if question.code_challenge_method != "S256" or len(question.code_challenge) != 43:
            raise Refusal("invalid_request")

    def answer(self, question: Question, **values: str) -> str:
        """The redirect address with `values`, the state, and who says so."""
        told = {**values, "state": question.state, "iss": self.settings.issuer}
        return question.redirect_uri + "?" + urlencode({k: v for k, v in told.items() if v})

    def issue_code(self, question: Question, person: Person) -> str:
        """A new code for `person`."""
        code = secrets.token_urlsafe(24)
        with self.lock:
            self.codes[code] = Code(question, person, self.now() + self.settings.code_seconds)
        return code

    def expire_codes(self) -> None:
        """Makes every code given out too old."""
        with self.lock:
            for code in self.codes.values():
                code.expires_at = 0.0

    def check_secret(self, authorization: str, form: dict[str, str]) -> None:
        """Client authentication by header or form. Raises Refusal."""
        if authorization.startswith("Basic "):
            try:
                given = base64.b64decode(authorization[6:]).decode().partition(":")
            except ValueError as error:
                raise Refusal("invalid_client", 401) from error
            client, secret = unquote_plus(given[0]), unquote_plus(given[2])
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        expected = self.settings.client_secret.encode()
        if client != self.settings.client_id or not hmac.compare_digest(secret.encode(), expected):
            raise Refusal("invalid_client", 401)

    def redeem(self, form: dict[str, str], lie: FaultKind | None) -> dict[str, Any]:
        """The tokens behind a code. Raises Refusal; a code is good once."""
        if form.get("grant_type") != "authorization_code":
            raise Refusal("unsupported_grant_type")
        with self.lock:
            code = self.codes.get(form.get("code", ""))
            if code is None or code.used or code.expires_at <= self.now():
                raise Refusal("invalid_grant")
            if form.get("redirect_uri") != code.question.redirect_uri:
                raise Refusal("invalid_grant")
            if challenge(form.get("code_verifier", "")) != code.question.code_challenge:
                raise Refusal("invalid_grant")
            code.used = True
        access_token = secrets.token_urlsafe(24)
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": self.settings.token_seconds,
            "scope": code.question.scope,
        }
        if lie is FaultKind.NO_ID_TOKEN:
            return answer
        claims = self._claims(code, access_token)
        return {**answer, "id_token": sign(claims, self.keys, self.settings.client_secret, lie)}

    def _claims(self, code: Code, access_token: str) -> dict[str, Any]:
        issued = int(self.now())
        claims = {
            "iss": self.settings.issuer,
            "aud": self.settings.client_id,
            "iat": issued,
            "auth_time": issued,
            "exp": issued + self.settings.token_seconds,
            "at_hash": half_hash(access_token),
            **code.person.told(),
        }
        return claims | ({"nonce": code.question.nonce} if code.question.nonce else {})


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
