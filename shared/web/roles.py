"""Who may use a route. Every route states exactly one permission; `create_app` refuses any other.

    @router.get("/requests", dependencies=[allow(Role.OPERATOR)])
    def requests(request: Request, actor: CurrentActor) -> HTMLResponse: ...

`PUBLIC` is for everybody, `WEBHOOK` for partners that sign their own calls. Role is not scope: whether this
dossier belongs to the actor's office or unit is the application's question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from shared.actor import Actor, Role
from shared.errors import Forbidden
from shared.web.csrf import check_csrf
from shared.web.visitor import CurrentActor, MaybeActor, current_actor

__all__ = [
    "PUBLIC",
    "WEBHOOK",
    "Actor",
    "CurrentActor",
    "MaybeActor",
    "Permission",
    "Role",
    "StatedRoute",
    "UnstatedPermission",
    "allow",
    "permission_of",
    "stated_routes",
]


class UnstatedPermission(RuntimeError):
    """A route says nothing, or two things, about who may use it."""


@dataclass(frozen=True)
class Permission:
    """Who may pass: the `roles`, or everybody when None; `forms` says whether CSRF is checked.

    Called by FastAPI before the endpoint. Raises Unauthenticated, Forbidden or ForeignForm.
    """

    roles: frozenset[Role] | None = None
    forms: bool = True

    @property
    def public(self) -> bool:
        """Whether nobody needs to be signed in."""
        return self.roles is None

    async def __call__(self, request: Request) -> None:
        """Check the sender of `request`; the order (who, may, how) decides which answer is given."""
        if self.roles is not None:
            actor = current_actor(request)
            if actor.role not in self.roles:
                raise Forbidden(
                    f"Trang này không dành cho vai trò {actor.role.label}.",
                    hints=("Ông/Bà đăng nhập bằng tài khoản khác hoặc hỏi quản trị viên.",),
                )
        if self.forms:
            await check_csrf(request)


def allow(*roles: Role) -> Any:
    """The permission of a route for these roles. Raises ValueError without any role."""
    if not roles:
        raise ValueError("name at least one role, or use PUBLIC")
    return Depends(Permission(frozenset(roles)))


PUBLIC: Any = Depends(Permission())
"""Everybody may; forms are still protected against foreign pages."""

WEBHOOK: Any = Depends(Permission(forms=False))
"""Everybody may call, without our form token: the endpoint itself must verify the partner's signature."""


@dataclass(frozen=True)
class StatedRoute:
    """A route as a test walks it."""

    path: str
    methods: frozenset[str]
    permission: Permission


def permission_of(route: Any) -> Permission:
    """The one permission of a route (its router's included). Raises UnstatedPermission."""
    dependant = getattr(route, "dependant", None)
    found = [] if dependant is None else list(_permissions(cast("Dependant", dependant)))
    if len(found) != 1:
        said = "no permission" if not found else f"{len(found)} permissions"
        raise UnstatedPermission(f"route {getattr(route, 'path', route)!r} states {said}")
    return found[0]


def stated_routes(app: FastAPI) -> list[StatedRoute]:
    """All routes of `app` with who may use them, static files apart. Raises UnstatedPermission."""
    return [
        StatedRoute(str(route.path), frozenset(route.methods or ()), permission_of(route))
        for route in iter_route_contexts(app.routes)
        if not (isinstance(route.original_route, Mount) and route.name == "static")
    ]


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Permission):
            yield dependency.call
        yield from _permissions(dependency)
