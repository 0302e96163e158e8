"""Forms that only our own pages can send.

A form carries `csrf`, an HMAC keyed with something another site cannot read: the session token itself, or
for citizens without an account a random cookie (double submit). Nothing is stored, and a page of one
service may post to another, because all three see the same cookies. JSON needs no field: a browser lets
another site send `application/json` only after a preflight, which no service answers. Wherever the browser
tells the origin of the page (`Origin`, `Sec-Fetch-Site`), it must be ours.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import cast

from fastapi import Request, Response

from shared.errors import Forbidden
from shared.web.kit import kit_of
from shared.web.visitor import visitor_of

FIELD = "csrf"
HEADER = "x-csrf-token"
FORM_COOKIE = "tannha_form"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_SHORTEST_SECRET = 32


class ForeignForm(Forbidden):
    """The form did not come from our page, or from one that is too old."""

    code = "request.csrf"


def csrf_token(request: Request) -> str:
    """The token a form rendered for this visitor carries."""
    secret = _secret(request) or getattr(request.state, "new_form_secret", None)
    if secret is None:
        secret = request.state.new_form_secret = secrets.token_urlsafe(32)
    return _derive(cast("str", secret))


def keep_form_cookie(request: Request, response: Response) -> None:
    """Give an anonymous visitor the cookie that belongs to the token just rendered."""
    secret = getattr(request.state, "new_form_secret", None)
    if secret is not None:
        secure = kit_of(request).production
        response.set_cookie(FORM_COOKIE, secret, httponly=True, samesite="lax", secure=secure, path="/")


async def check_csrf(request: Request) -> None:
    """Let our own forms pass. Raises ForeignForm for anything another site could have sent."""
    if request.method in _SAFE_METHODS or visitor_of(request).bearer:
        return
    if not _from_our_page(request):
        raise _refused()
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return
    secret = _secret(request)
    given = request.headers.get(HEADER) or (await request.form()).get(FIELD)
    if secret is None or not isinstance(given, str):
        raise _refused()
    if not hmac.compare_digest(_derive(secret).encode(), given.encode()):
        raise _refused()


def _secret(request: Request) -> str | None:
    visitor = visitor_of(request)
    if visitor.actor is not None and not visitor.bearer:
        return visitor.token
    cookie = request.cookies.get(FORM_COOKIE, "")
    return cookie if len(cookie) >= _SHORTEST_SECRET else None


def _derive(secret: str) -> str:
    return hmac.new(secret.encode(), b"tannha form", hashlib.sha256).hexdigest()


def _from_our_page(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is not None:
        here = f"{request.url.scheme}://{request.headers.get('host', '')}"
        return origin == here or origin in kit_of(request).addresses.origins
    return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


def _refused() -> ForeignForm:
    return ForeignForm(
        "Biểu mẫu đã quá cũ hoặc được gửi từ một trang khác, nên chưa có gì được lưu.",
        hints=("Ông/Bà tải lại trang rồi gửi lại.",),
    )
