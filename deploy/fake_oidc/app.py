"""The fake provider as an application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

from deploy.fake_oidc.faults import Fault, FaultKind
from deploy.fake_oidc.people import find
from deploy.fake_oidc.protocol import Provider, Question, Refusal
from deploy.fake_oidc.settings import Person

SESSION_COOKIE = "fake_oidc_session"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_TRANSPORT = {FaultKind.SLOW, FaultKind.HTTP_500, FaultKind.NO_JSON}
_LIES = set(FaultKind) - _TRANSPORT
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def create_app(provider: Provider) -> FastAPI:
    """Wire the fake provider."""
    app = FastAPI(title="Định danh giả lập", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_published(provider))
    app.include_router(_pages(provider))
    app.include_router(_tokens(provider))
    app.include_router(_orders(provider))
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "testserver", provider.settings.host]
    )

    @app.middleware("http")
    async def fail_as_ordered(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        fault = None if path.startswith("/_test/") else provider.board.take(path, _TRANSPORT)
        answer = await _spoilt(fault, request, go_on)
        answer.headers["content-security-policy"] = _POLICY
        answer.headers["cache-control"] = "no-store"
        return answer

    return app


async def _spoilt(
    fault: Fault | None, request: Request, go_on: Callable[[Request], Awaitable[Response]]
) -> Response:
    if fault is not None and fault.kind is FaultKind.HTTP_500:
        return Response("Internal Server Error", 500)
    if fault is not None and fault.kind is FaultKind.NO_JSON:
        return HTMLResponse("<h1>Bad gateway</h1>")
    answer = await go_on(request)
    if fault is not None:
        await asyncio.sleep(fault.seconds)
    return answer


def _question(request: Request) -> Question:
    known = Question.__dataclass_fields__
    return Question(**{name: request.query_params.get(name, "") for name in known})


Asked = Annotated[Question, Depends(_question)]


def _published(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        """Where everything is."""
        return provider.discovery()

    @router.get("/jwks")
    def jwks() -> dict[str, Any]:
        """The public keys."""
        return provider.keys.document()

    @router.get("/livez")
    def livez() -> dict[str, str]:
        """The server turns."""
        return {"status": "ok"}

    return router


def _pages(provider: Provider) -> APIRouter:
    router = APIRouter()

    def sent_back(question: Question, person: Person) -> Response:
        code = provider.issue_code(question, person)
        response = RedirectResponse(provider.answer(question, code=code), 303)
        response.set_cookie(SESSION_COOKIE, person.sub, httponly=True, samesite="lax")
        return response

    @router.get("/authorize")
    def authorize(request: Request, question: Asked, login_hint: str = "", person: str = "") -> Response:
        """Asks who is there; a session, `login_hint` or a picked `person` answers at once."""
        try:
            provider.check_client(question)
        except Refusal as refusal:
            return _page("refused.html", 400, error=refusal.error)
        try:
            provider.check_question(question)
        except Refusal as refusal:
            return RedirectResponse(provider.answer(question, error=refusal.error), 303)
        session = "" if question.prompt else request.cookies.get(SESSION_COOKIE, "")
        found = find(provider.people, person or login_hint or session)
        if found is not None:
            return sent_back(question, found)
        if question.prompt == "none":
            return RedirectResponse(provider.answer(question, error="login_required"), 303)
        refuse = provider.answer(question, error="access_denied")
        return _page("choose.html", people=provider.people, query=request.url.query, refuse=refuse)

    @router.get("/end-session")
    def end_session(client_id: str = "", post_logout_redirect_uri: str = "", state: str = "") -> Response:
        """Forgets the person; leads back to a registered address only."""
        known = client_id == provider.settings.client_id
        if known and post_logout_redirect_uri in provider.settings.post_logout_redirect_uris:
            tail = f"?state={state}" if state else ""
            response: Response = RedirectResponse(post_logout_redirect_uri + tail, 303)
        else:
            response = _page("signed_out.html")
        response.delete_cookie(SESSION_COOKIE)
        return response

    return router


def _tokens(provider: Provider) -> APIRouter:
    router = APIRouter()

    @router.post("/token")
    async def token(request: Request) -> Response:
        """Codes into tokens."""
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        try:
            provider.check_secret(request.headers.get("authorization", ""), form)
            lie = provider.board.take(request.url.path, _LIES)
            return JSONResponse(provider.redeem(form, lie.kind if lie else None))
        except Refusal as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)

    return router


def _orders(provider: Provider) -> APIRouter:
    router = APIRouter(prefix="/_test")

    @router.post("/faults")
    def order(fault: Fault) -> dict[str, str]:
        """Order a failure or a lie."""
        provider.board.order(fault)
        return {"status": "ordered"}

    @router.delete("/faults")
    def clear() -> dict[str, str]:
        """All is well again."""
        provider.board.clear()
        return {"status": "ok"}

    @router.post("/rotate")
    def rotate(keep: bool = True) -> dict[str, str]:
        """A new signing key; the old ones are withdrawn unless `keep`."""
        provider.keys.rotate(keep=keep)
        return {"kid": str(provider.keys.current.kid)}

    @router.post("/expire-codes")
    def expire_codes() -> dict[str, str]:
        """Every code given out is too old."""
        provider.expire_codes()
        return {"status": "ok"}

    return router


def _page(name: str, status: int = 200, **context: Any) -> HTMLResponse:
    return HTMLResponse(_TEMPLATES.get_template(name).render(**context), status)
