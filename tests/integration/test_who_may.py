"""Every route of every service, walked as every role and as nobody: the statement is what is enforced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.actor import Actor, Role
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.roles import StatedRoute, stated_routes
from shared.web.session import SessionSigner

SERVICES = ("intake", "routing", "postal_bridge")
PEOPLE = {
    role: Actor(f"walk-{role}", "Người Thử", role, office="office-20632", unit="new-20599", worker="w-030")
    for role in Role
}
REFUSED = {401, 403}
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@contextmanager
def application(service: str, folder: Path) -> Iterator[tuple[FastAPI, SessionSigner]]:
    """The HTTP side of a service on an empty database, without anything in the background."""
    private, public = ensure_key_pair(folder / "keys")
    settings = import_module(f"services.{service}.settings").Settings
    given: dict[str, Any] = {
        "database": f"sqlite:///{folder / service}.db",
        "session_public_key": public,
        "data_dir": folder,
    }
    if service == "intake":
        given["session_private_key"] = private
    running = import_module(f"services.{service}.bootstrap").bootstrap(settings.load(**given))
    running.migrate()
    app = import_module(f"services.{service}.entrypoints.app").build_app(running)
    yield app, SessionSigner(load_private_key(private))
    running.engine.dispose()


def ask(client: TestClient, route: StatedRoute, signer: SessionSigner, actor: Actor | None) -> int:
    """The status that a caller gets; ids in the path are of nothing."""
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda name: "2026-11-25" if name[1] == "day" else UNKNOWN, route.path)
    method = next(iter(sorted(route.methods - {"HEAD"})))
    headers = {"accept": "application/json"}
    if actor is not None:
        headers["authorization"] = f"Bearer {signer.issue(actor)}"
    body: dict[str, Any] | None = {} if method in {"POST", "PUT", "PATCH", "DELETE"} else None
    answer = client.request(method, path, headers=headers, json=body, follow_redirects=False)
    return int(answer.status_code)


@pytest.mark.parametrize("service", SERVICES)
def test_each_route_lets_in_whom_it_names_and_nobody_else(service: str, tmp_path: Path) -> None:
    """A route whose check is missing or wrong would show or change what is not the caller's."""
    with application(service, tmp_path) as (app, signer):
        client = TestClient(app, raise_server_exceptions=False)
        routes = stated_routes(app)
        assert len(routes) > 10
        wrong = []
        for route in routes:
            allowed = route.permission.roles
            for role, actor in (*PEOPLE.items(), (None, None)):
                status = ask(client, route, signer, actor)
                may = allowed is None or role in allowed
                # Inside, a thing that does not exist or belongs elsewhere may be refused too (403/404/422);
                # what matters here is that an outsider is always stopped at the door and nothing crashes.
                if status >= 500 and route.path != "/readyz":
                    wrong.append(f"{route.path} as {role}: {status}")
                if not may and status not in REFUSED:
                    wrong.append(f"{route.path} lets in {role}: {status}")
                if may and allowed is not None and status == 401:
                    wrong.append(f"{route.path} does not know {role}")
        assert wrong == []


ALWAYS_PUBLIC = {"/", "/livez", "/readyz", "/metrics", "/openapi.json"}
PUBLIC_PATHS = {
    "intake": {
        "/api/addresses/resolve",
        "/api/procedures",
        "/api/requests",
        "/api/session",
        "/api/status",
        "/api/status/book",
        "/api/status/cancel",
        "/api/status/reschedule",
        "/api/windows",
        "/dang-nhap",
        "/dang-nhap/co-quan",
        "/dang-nhap/tro-ve",
        "/dang-xuat",
        "/dat-lich",
        "/dat-lich/gio-hen",
        "/dat-lich/gui",
        "/dat-lich/noi-den",
        "/dat-lich/xem-lai",
        "/tra-cuu",
        "/tra-cuu/dat-lai",
        "/tra-cuu/doi-gio",
        "/tra-cuu/huy",
        "/webhooks/zalo",
    },
    "routing": set(),
    "postal_bridge": set(),
}
"""Every path that nobody has to sign in for. A new one is a decision: it has to be written down here."""


@pytest.mark.parametrize("service", SERVICES)
def test_only_these_routes_are_public(service: str, tmp_path: Path) -> None:
    """A page that shows or changes something would be open to the street by accident."""
    with application(service, tmp_path) as (app, _signer):
        public = {route.path for route in stated_routes(app) if route.permission.public}
    assert public - ALWAYS_PUBLIC == PUBLIC_PATHS[service]
