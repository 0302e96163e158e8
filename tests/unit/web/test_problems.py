"""Refusals are understood by programs and by people."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from structlog.testing import capture_logs

from shared.errors import RuleBroken
from shared.web.roles import PUBLIC
from shared.web.validation import field_errors

PAGE = {"accept": "text/html"}


def test_a_program_gets_problem_json(client: TestClient) -> None:
    """Programs could not tell what was refused, and whether to try again."""
    answer = client.get("/refused")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.pop("instance").startswith("urn:tannha:trace:")
    assert body == {
        "type": "urn:tannha:problem:rule.broken",
        "title": "Chưa thực hiện được",
        "status": 409,
        "detail": "Bước này chưa đến lượt.",
        "code": "rule.broken",
        "retryable": False,
        "hints": ["Kiểm đếm giấy tờ trước."],
    }


def test_a_person_gets_a_plain_page(client: TestClient) -> None:
    """People would read JSON."""
    page = client.get("/refused", headers=PAGE)
    assert page.status_code == 409
    assert page.headers["content-type"].startswith("text/html")
    assert "Bước này chưa đến lượt." in page.text
    assert "Kiểm đếm giấy tờ trước." in page.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "resource.missing"), ("DELETE", "/desk", 405, "request.method")],
)
def test_the_frameworks_own_refusals_are_problems_too(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    """English framework texts would reach people, and programs would meet a second shape."""
    assert client.request(method, path).json()["code"] == code
    page = client.request(method, path, headers=PAGE)
    assert page.status_code == status
    assert "<h1>" in page.text


def test_an_invalid_body_names_its_fields_in_vietnamese(operator: TestClient) -> None:
    """Callers would have to read the framework's English."""
    assert operator.post("/api/counts", json={"pages": 0}).json()["errors"] == {
        "pages": "Số trang không được nhỏ hơn 1."
    }
    assert operator.post("/api/counts", json={}).json()["errors"] == {"pages": "Chưa nhập số trang."}
    broken = operator.post("/api/counts", content="{", headers={"content-type": "application/json"})
    assert broken.status_code == 422


def test_an_api_path_never_answers_with_a_page(client: TestClient) -> None:
    """A browser-like client of the API would get HTML or a redirect."""
    assert client.post("/api/counts", json={}, headers=PAGE).status_code == 401


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_crash_tells_nothing_outside(client: TestClient, accept: str) -> None:
    """Stack traces and messages of crashes help attackers and frighten people."""
    answer = client.get("/crash", headers={"accept": accept})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    assert "Lỗi đã được ghi lại" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_htmx_request_of_nobody_moves_the_whole_page(client: TestClient) -> None:
    """The sign-in page would be pasted into a fragment of the old one."""
    answer = client.get("/desk", headers={**PAGE, "hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("http://127.0.0.1:8101/dang-nhap?next=")


def test_texts_of_a_problem_are_escaped(make_app: Callable[..., FastAPI]) -> None:
    """What a person typed may come back in a message and must not become markup."""
    router = APIRouter()

    def refuse() -> None:
        raise RuleBroken("<script>alert(1)</script>", hints=("<b>",))

    router.add_api_route("/x", refuse, dependencies=[PUBLIC])
    page = TestClient(make_app(routers=[router])).get("/x", headers=PAGE)
    assert page.status_code == 409
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert "&lt;b&gt;" in page.text


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("SELECT 1", {}, Exception("server closed the connection")), 503),
        (NoConnectionFree("QueuePool limit"), 503),
        (ProgrammingError("SELECT 1", {}, Exception("no such column")), 500),
    ],
)
def test_a_database_away_is_no_crash(
    make_app: Callable[..., FastAPI], accept: str, error: Exception, status: int
) -> None:
    """People would be told of a defect, and programs would not try again, where waiting is enough."""
    router = APIRouter()

    def fail() -> None:
        raise error

    router.add_api_route("/x", fail, dependencies=[PUBLIC])
    answer = TestClient(make_app(routers=[router])).get("/x", headers={"accept": accept})
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("tạm gián đoạn" in answer.text) == (status == 503)
    assert "closed the connection" not in answer.text


def test_a_crash_is_logged_with_its_place_and_without_its_words(client: TestClient) -> None:
    """Nobody could find the fault, or the log would hold what the message held."""
    with capture_logs() as lines:
        client.get("/crash")
    crash = next(line for line in lines if line["event"] == "request.crashed")
    assert crash["error"] == "ZeroDivisionError"
    assert crash["route"] == "/crash"
    assert any("conftest.py" in place and "crash" in place for place in crash["trail"])
    assert "secret detail" not in repr(lines)


def test_the_trace_id_of_the_caller_is_kept(client: TestClient) -> None:
    """One click could not be followed through the services."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = client.get("/refused", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.headers["x-request-id"] == trace
    assert answer.json()["instance"] == f"urn:tannha:trace:{trace}"


def test_nested_and_unknown_findings_have_a_sentence() -> None:
    """A field deep in a body, or a new kind of finding, would crash the refusal."""
    findings = [
        {"type": "int_parsing", "loc": ("body", "papers", 0, "pages"), "ctx": {}},
        {"type": "brand_new", "loc": ("query", "day")},
        {"type": "value_error", "loc": ("body", "phone"), "ctx": {"error": ValueError("Số lạ.")}},
    ]
    assert field_errors(findings, {"pages": "số trang"}) == {
        "papers.0.pages": "Số trang phải là số nguyên.",
        "day": "Day chưa hợp lệ.",
        "phone": "Số lạ.",
    }
