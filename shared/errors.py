"""One tree of errors that people may see: each has a code, a status, a Vietnamese text and a retry hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Problem(Exception):
    """A refusal with a reason a person can act on.

    `code` is for programs (stable, dotted), `message` for people (Vietnamese), `fields` names the
    form fields at fault with a Vietnamese text each, `hints` says what is possible instead.
    Rendered as problem+json (RFC 9457) or as a page by `shared.web.problems`.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "request.bad"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fields: Mapping[str, str] | None = None,
        hints: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problem_code = code or self.code
        self.fields = dict(fields or {})
        self.hints = hints


class Invalid(Problem):
    """The input does not say what is needed, or says what cannot be."""

    status = 422
    code = "input.invalid"


class Unauthenticated(Problem):
    """Nobody is signed in, or the proof of it is expired, forged or recalled.

    `signing_in_helps` is False when a new sign-in would be refused the same way: then a page says so
    instead of leading there.
    """

    status = 401
    code = "auth.required"
    signing_in_helps: ClassVar[bool] = True


class Forbidden(Problem):
    """Signed in, but this is somebody else's to do or to see."""

    status = 403
    code = "auth.forbidden"


class NotFound(Problem):
    """There is no such thing, or none that may be shown here."""

    status = 404
    code = "resource.missing"


class RuleBroken(Problem):
    """The domain refuses: a step out of order, a second acceptance, the wrong person."""

    status = 409
    code = "rule.broken"


class TooLarge(Problem):
    """More bytes than are accepted here."""

    status = 413
    code = "request.too_large"


class TooMany(Problem):
    """Asked too often; later it will be answered again."""

    status = 429
    code = "request.too_many"
    retryable = True


class Unavailable(Problem):
    """A part this answer needs does not respond; nothing was changed."""

    status = 503
    code = "service.unavailable"
    retryable = True
