"""Who sent this request: read once from the Bearer header or the session cookie, then remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from shared.actor import Actor
from shared.errors import Unauthenticated
from shared.sign_ins import TokenMark
from shared.web.kit import kit_of
from shared.web.session import COOKIE, bearer_token


@dataclass(frozen=True)
class Visitor:
    """The sender: perhaps signed in as `actor`, by which `token`, and whether as a program (`bearer`).

    `mark` names the token for recalling it; `refusal` says why a cookie that was sent is no good.
    """

    actor: Actor | None = None
    token: str | None = None
    bearer: bool = False
    mark: TokenMark | None = None
    refusal: Unauthenticated | None = None


def visitor_of(request: Request) -> Visitor:
    """The sender of `request`.

    A Bearer token wins over the cookie and must be good (Unauthenticated otherwise): a program wants to
    know. A stale cookie only means nobody is signed in.
    """
    known = getattr(request.state, "visitor", None)
    if known is None:
        known = request.state.visitor = _read(request)
    return cast("Visitor", known)


def current_actor(request: Request) -> Actor:
    """The signed-in person. Raises Unauthenticated when there is none, with the reason if a cookie came."""
    visitor = visitor_of(request)
    if visitor.actor is None:
        raise visitor.refusal or Unauthenticated("Ông/Bà cần đăng nhập để vào trang này.")
    return visitor.actor


def maybe_actor(request: Request) -> Actor | None:
    """The signed-in person on a public page, or None."""
    return visitor_of(request).actor


CurrentActor = Annotated[Actor, Depends(current_actor)]
"""Parameter of a protected endpoint: who acts."""

MaybeActor = Annotated[Actor | None, Depends(maybe_actor)]
"""Parameter of a public endpoint: who looks, if anybody is signed in."""


def _read(request: Request) -> Visitor:
    identity = kit_of(request).identity
    if token := bearer_token(request):
        session = identity.session(token)
        return Visitor(session.actor, token, bearer=True, mark=session.mark)
    if token := request.cookies.get(COOKIE):
        try:
            session = identity.session(token)
        except Unauthenticated as refusal:
            return Visitor(refusal=refusal)
        return Visitor(session.actor, token, mark=session.mark)
    return Visitor()
