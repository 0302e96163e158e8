"""Refusals and failures as people and programs read them.

A program gets `application/problem+json` (RFC 9457), a browser a plain Vietnamese page with the same
content; somebody who is not signed in is led to the sign-in page and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from shared.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from shared.observability.tracing import trace_id
from shared.persistence.engine import is_outage
from shared.web.kit import kit_of
from shared.web.pages import render
from shared.web.validation import field_errors

_TITLES = {
    400: "Yêu cầu chưa đúng",
    401: "Cần đăng nhập",
    403: "Không được phép",
    404: "Không tìm thấy",
    405: "Không dùng được cách này",
    409: "Chưa thực hiện được",
    413: "Dữ liệu quá lớn",
    422: "Thông tin chưa hợp lệ",
    429: "Quá nhiều lần thử",
    500: "Có lỗi ngoài ý muốn",
    503: "Tạm thời gián đoạn",
}
_JSON_PREFIXES = ("/api/", "/webhooks/")
OUTAGE_RETRY_S = 5
"""When to ask again what an outage refused: about the time in which a supervisor brings a part back."""
_log = structlog.get_logger(__name__)


class Crash(Problem):
    """Something we did not foresee."""

    status = 500
    code = "service.crashed"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Hệ thống gặp lỗi ngoài ý muốn. Lỗi đã được ghi lại; Ông/Bà vui lòng thử lại sau.")


class WrongMethod(Problem):
    """The address exists, but not for this method."""

    status = 405
    code = "request.method"


def body_too_large() -> TooLarge:
    """The refusal of a body above the service's limit."""
    return TooLarge("Dữ liệu gửi lên quá lớn, nên chưa có gì được lưu.")


def wants_page(request: Request) -> bool:
    """Whether the sender reads pages: asks for text/html, not for an API path, and sends no JSON."""
    if request.url.path.startswith(_JSON_PREFIXES):
        return False
    if request.headers.get("content-type", "").startswith("application/json"):
        return False
    return "text/html" in request.headers.get("accept", "")


def problem_body(problem: Problem) -> dict[str, Any]:
    """The problem as RFC 9457 members plus `code`, `retryable` and, if any, `errors` and `hints`."""
    body: dict[str, Any] = {
        "type": f"urn:tannha:problem:{problem.problem_code}",
        "title": _TITLES.get(problem.status, _TITLES[400]),
        "status": problem.status,
        "detail": problem.message,
        "code": problem.problem_code,
        "retryable": problem.retryable,
    }
    if problem.fields:
        body["errors"] = problem.fields
    if problem.hints:
        body["hints"] = list(problem.hints)
    if trace := trace_id():
        body["instance"] = f"urn:tannha:trace:{trace}"
    return body


def problem_response(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """`problem` in the form its reader understands."""
    extra = {**_headers_of(problem), **(headers or {})}
    if not wants_page(request):
        if isinstance(problem, Unauthenticated):
            extra.setdefault("www-authenticate", "Bearer")
        return JSONResponse(problem_body(problem), problem.status, extra, "application/problem+json")
    if isinstance(problem, Unauthenticated) and problem.signing_in_helps:
        return _to_sign_in(request)
    shown = {"errors": {}, "hints": [], "instance": "", **problem_body(problem)}
    response = render(request, "problem.html", problem=shown, status=problem.status)
    response.headers.update(extra)
    return response


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every refusal of `app` as a problem: ours, the framework's, and failed validation."""

    def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
        return problem_response(request, error)

    def on_database_error(request: Request, error: Exception) -> Response:
        if not is_outage(error):
            raise error
        _log.warning("request.database_away", error=type(error).__name__)
        return problem_response(request, _of_status(HTTPException(503)))

    def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        return problem_response(request, _of_status(error), error.headers)

    def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        fields = field_errors(error.errors(), kit_of(request).labels)
        return problem_response(request, Invalid("Thông tin gửi lên chưa hợp lệ.", fields=fields))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(SQLAlchemyError, on_database_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid)


def _to_sign_in(request: Request) -> Response:
    addresses = kit_of(request).addresses
    if request.method == "GET":
        back: str | None = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    else:  # a form cannot be sent again by a redirect: back to the page it stood on
        referer = urlsplit(request.headers.get("referer", ""))
        back = referer.path if f"{referer.scheme}://{referer.netloc}" == addresses.own else None
    target = addresses.sign_in(back)
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": target})
    return RedirectResponse(target, 303)


def _of_status(error: HTTPException) -> Problem:
    texts: dict[int, Problem] = {
        401: Unauthenticated("Ông/Bà cần đăng nhập để vào trang này."),
        403: Forbidden("Ông/Bà không được dùng trang này."),
        404: NotFound("Không có trang hoặc mục này. Ông/Bà kiểm tra lại đường dẫn."),
        405: WrongMethod("Địa chỉ này không nhận cách gửi vừa dùng."),
        413: body_too_large(),
        429: TooMany("Ông/Bà đã thử quá nhiều lần. Vui lòng chờ ít phút."),
        503: Unavailable("Dịch vụ đang tạm gián đoạn. Ông/Bà vui lòng thử lại sau."),
    }
    if error.status_code >= 500 and error.status_code not in texts:
        return Crash()
    return texts.get(error.status_code, Problem("Máy chủ không đọc được yêu cầu này."))


def _headers_of(problem: Problem) -> dict[str, str]:
    wait = getattr(problem, "retry_after_s", OUTAGE_RETRY_S if problem.status == 503 else None)
    return {} if wait is None else {"retry-after": str(wait)}
