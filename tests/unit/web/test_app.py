"""What every answer of every service has: limits, headers, health."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.web.app import server_options
from shared.web.pages import STATIC

PAGE = {"accept": "text/html"}


def test_a_body_at_the_limit_passes(client: TestClient) -> None:
    """The limit would cut off what it should let through."""
    assert client.post("/webhooks/toy", content=b"x" * 2000).json() == {"size": 2000}


def test_an_announced_body_above_the_limit_is_refused_unread(client: TestClient) -> None:
    """A large upload would fill the memory before it is refused."""

    def never() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = client.post("/webhooks/toy", content=never(), headers={"content-length": "2001"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert answer.headers["connection"] == "close"


def test_a_body_without_a_length_is_counted_while_it_streams(client: TestClient) -> None:
    """Chunked bodies announce no length and would pass without limit."""
    answer = client.post("/webhooks/toy", content=(b"x" * 1000 for _ in range(3)))
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_large_body_is_refused_wherever_it_is_read(operator: TestClient, kind: str) -> None:
    """The framework's own parsing would turn the refusal into another answer."""
    path = "/api/counts" if kind == "application/json" else "/desk"
    body = (b"x" * 1000 for _ in range(3))
    answer = operator.post(path, content=body, headers={"content-type": kind})
    assert answer.status_code == 413


def test_a_person_reads_that_it_was_too_large(client: TestClient) -> None:
    """People would see JSON after choosing a large file."""
    page = client.post("/notes", content=b"x" * 2001, headers=PAGE)
    assert page.status_code == 413
    assert "quá lớn" in page.text


@pytest.mark.parametrize("path", ["/", "/nowhere", "/crash", "/livez", "/static/tannha.css"])
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    """One kind of answer without them is enough for an attack."""
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert len(headers["x-request-id"]) == 32


def test_forms_may_lead_to_all_three_services(client: TestClient) -> None:
    """Browsers would block the redirect after signing in for another service."""
    policy = client.get("/").headers["content-security-policy"]
    for port in (8101, 8102, 8103):
        assert f"http://127.0.0.1:{port}" in policy.partition("form-action")[2]


def test_map_tiles_are_allowed_only_where_configured(make_app: Callable[..., FastAPI]) -> None:
    """The map background would be blocked, or any picture of the web allowed."""
    app = make_app(tile_url="https://{s}.tiles.example/{z}/{x}/{y}.png")
    policy = TestClient(app).get("/").headers["content-security-policy"]
    assert "img-src 'self' data: https://*.tiles.example;" in policy


def test_pages_are_not_kept_by_browsers_but_assets_are(client: TestClient) -> None:
    """The next person at a shared machine would page back into a citizen's data."""
    page = client.get("/", headers=PAGE)
    assert page.headers["cache-control"] == "no-store"
    address = re.search(r'href="(/static/tannha\.css\?v=[0-9a-f]+)"', page.text)
    assert address is not None
    assert "immutable" in client.get(address.group(1)).headers["cache-control"]
    assert "immutable" not in client.get("/static/tannha.css").headers["cache-control"]


def test_the_services_own_assets_are_served_beside_the_kits(
    make_app: Callable[..., FastAPI], tmp_path: Path
) -> None:
    """A service could not ship a script of its own."""
    (tmp_path / "own.js").write_text("1")
    client = TestClient(make_app(static=[tmp_path]))
    assert client.get("/static/own.js").text == "1"
    assert client.get("/static/once.js").status_code == 200
    assert client.get("/static/../conftest.py").status_code == 404


def test_production_demands_https_and_hides_the_schema(make_app: Callable[..., FastAPI]) -> None:
    """Production would answer like a developer's machine."""
    client = TestClient(make_app(production=True))
    answer = client.get("/", headers=PAGE)
    assert "strict-transport-security" in answer.headers
    assert "Secure" in answer.headers["set-cookie"]
    assert client.get("/openapi.json").status_code == 404
    assert TestClient(make_app()).get("/openapi.json").json()["info"]["title"] == "Thử"


def test_ready_names_the_part_that_fails_and_not_why(make_app: Callable[..., FastAPI]) -> None:
    """Operators could not tell which part is down, or outsiders would read addresses."""

    def broken() -> None:
        raise ConnectionError("no route to 10.0.0.9")

    app = make_app(ready_checks={"database": lambda: None, "broker": broken})
    answer = TestClient(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "checks": {"broker": "failed", "database": "ok"}}


def test_alive_and_ready_when_all_parts_answer(make_app: Callable[..., FastAPI]) -> None:
    """The supervisor would restart a healthy service."""
    client = TestClient(make_app(ready_checks={"database": lambda: None}))
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200


def test_the_server_bounds_headers_and_its_stop() -> None:
    """Endless headers would grow the memory; a slow stop would outlast the supervisor's patience."""
    options = server_options()
    assert options["http"] == "h11"
    assert options["h11_max_incomplete_event_size"] <= 64 * 1024
    assert options["timeout_graceful_shutdown"] < 10


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "ground"),
        ("ink-soft", "ground"),
        ("ink-soft", "teal-50"),
        ("paper", "teal-700"),
        ("paper", "teal-600"),
        ("paper", "lotus-700"),
        ("teal-700", "teal-50"),
        ("lotus-700", "lotus-100"),
        ("good", "good-soft"),
        ("wait", "wait-soft"),
        ("bad", "bad-soft"),
        ("info", "info-soft"),
        ("bad", "ground"),
    ],
)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    """WCAG 2.2 AA asks for 4.5:1; below that, old eyes cannot read the page."""
    sheet = (STATIC / "tannha.css").read_text()
    tokens = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", sheet))
    light, dark = sorted((_luminance(tokens[text]), _luminance(tokens[ground])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
