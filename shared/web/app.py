"""`create_app`: the same web service three times, with the service's own routes inside.

Refuses to build an application with a route that does not state who may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from shared.clock import Clock, system_clock
from shared.web.addresses import Addresses
from shared.web.health import Check, health_router
from shared.web.kit import Kit
from shared.web.measuring import Measured
from shared.web.middleware import BodyLimit, LastResort, RequestTrace, SecurityHeaders
from shared.web.pages import STATIC, make_templates
from shared.web.problems import install_problem_handlers
from shared.web.roles import PUBLIC, stated_routes
from shared.web.session import Verifier

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    title: str,
    routers: Sequence[APIRouter],
    identity: Verifier,
    addresses: Addresses,
    templates: Sequence[Path] = (),
    static: Sequence[Path] = (),
    ready_checks: Mapping[str, Check] | None = None,
    lifespan: Lifespan | None = None,
    clock: Clock = system_clock,
    labels: Mapping[str, str] | None = None,
    tile_url: str | None = None,
    max_body: int = 1_000_000,
    production: bool,
) -> FastAPI:
    """The web application of one service.

    `templates` and `static` are the service's own folders, found before the kit's; `labels` name JSON
    fields in Vietnamese; `max_body` is in bytes; `tile_url` is a map background like
    "https://tiles.example/{z}/{x}/{y}.png". Raises UnstatedPermission for a route without a permission.
    """
    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.kit = Kit(
        title=title,
        identity=identity,
        addresses=addresses,
        templates=make_templates(templates, static, tile_url),
        production=production,
        clock=clock,
        labels=labels or {},
    )
    install_problem_handlers(app)
    app.mount("/static", _Assets([*static, STATIC]), name="static")
    app.include_router(health_router(ready_checks or {}))
    for router in routers:
        app.include_router(router)
    if not production:
        app.add_api_route("/openapi.json", app.openapi, dependencies=[PUBLIC], include_in_schema=False)
    stated_routes(app)
    # The last one added is the outermost: headers and trace also cover refusals and crashes.
    app.add_middleware(BodyLimit, largest=max_body)
    app.add_middleware(LastResort)
    app.add_middleware(Measured)
    app.add_middleware(RequestTrace)
    app.add_middleware(SecurityHeaders, headers=security_headers(addresses, tile_url, production=production))
    return app


def security_headers(addresses: Addresses, tile_url: str | None, *, production: bool) -> dict[str, str]:
    """The headers of every answer.

    `form-action` names all three services because browsers apply it to the redirect after a form as well,
    and signing in leads from one service to another. The referrer keeps its origin: without it browsers
    send `Origin: null` with forms, and the CSRF check could not tell our pages from others.
    """
    ours = " ".join(sorted(addresses.origins))
    policy = {
        "default-src": "'self'",
        "img-src": f"'self' data: {_origin(tile_url)}".strip(),
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": f"'self' {ours}",
    }
    headers = {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "strict-origin-when-cross-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "geolocation=(self), camera=(self), microphone=(), payment=()",
        "cache-control": "no-store",
    }
    if production:
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


def server_options(trusted_proxies: str = "") -> dict[str, Any]:
    """Settings for `uvicorn.Config` that belong to the kit: bounded headers, connections and stop time.

    h11 refuses a request line plus headers of more than 32 KiB before reading on. Graceful stop must end
    within the ten seconds that the supervisor waits. Only `trusted_proxies` may say who the client is: the
    limits against guessing count by client.
    """
    return {
        "http": "h11",
        "h11_max_incomplete_event_size": 32 * 1024,
        "limit_concurrency": 512,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": 6,
        "server_header": False,
        "access_log": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies,
    }


class _Assets(StaticFiles):
    """Static files from several folders; a file asked for by its content mark may be kept for a year."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(directory=folders[-1])
        self.all_directories = list(folders)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long a browser may keep it."""
        response = await super().get_response(path, scope)
        marked = scope.get("query_string", b"").startswith(b"v=")
        response.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if marked else "public, max-age=300"
        )
        return response


def _origin(tile_url: str | None) -> str:
    if tile_url is None:
        return ""
    parts = urlsplit(tile_url.replace("{s}", "*"))
    return f"{parts.scheme}://{parts.netloc}"
