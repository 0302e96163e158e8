"""Signing in and out: by password, and at the identity provider where one is set up."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, cast

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.intake.application.federated_sign_in import (
    BROWSER_SECRET_LENGTH,
    PATIENCE,
    FederatedSignIn,
    Return,
)
from services.intake.application.handlers_accounts import sign_in as check_sign_in
from services.intake.application.identity_port import IdentityProvider, ProofRefused, ProviderSilent
from services.intake.application.ports import Ports
from services.intake.bootstrap import RETURN_PATH
from services.intake.entrypoints.guessing import count_try
from services.intake.entrypoints.page_forms import read
from services.intake.entrypoints.recall import end_sign_in
from services.intake.settings import Settings
from shared.actor import Actor
from shared.errors import NotFound, Problem, Unavailable
from shared.observability.metrics import refused_tokens
from shared.service import Service
from shared.web.forms import FormState, SubmittedForm
from shared.web.kit import kit_of
from shared.web.limits import limit
from shared.web.navigation import home_of
from shared.web.pages import redirect, render
from shared.web.roles import PUBLIC
from shared.web.session import LIFETIME_S, SessionSigner, sign_in, sign_out

BROWSER_COOKIE = "tannha_sign_in"
"""A secret of the browser while somebody is on the way to the provider and back."""
PROOF_COOKIE = "tannha_proof"
"""The provider's ID token: shown to it alone, when signing out there."""
_LONGEST_COOKIE = 3800

log = structlog.get_logger(__name__)


class SignInForm(BaseModel):
    """Account and password."""

    account: str = Field(min_length=1, max_length=60, title="tài khoản")
    password: str = Field(min_length=1, max_length=128, title="mật khẩu", repr=False)


def sign_in_router(
    service: Service[Settings], signer: SessionSigner, provider: IdentityProvider | None
) -> APIRouter:
    """`/dang-nhap` and below, `/dang-xuat`."""
    router = APIRouter(include_in_schema=False)
    _by_password(router, service, signer, provider is not None)
    _at_the_provider(router, service, signer, provider)
    _out(router, service, provider)
    return router


def _page(
    request: Request,
    form: FormState[Any],
    target: str,
    settings: Settings,
    *,
    elsewhere: bool,
    status: int = 200,
) -> Response:
    return render(
        request,
        "intake/sign_in.html",
        status=status,
        form=form,
        next=target,
        elsewhere=elsewhere,
        passwords=settings.passwords_for != frozenset(),
        refused=status in {401, 403} and elsewhere and not form.values,
    )


def _let_in(
    request: Request, actor: Actor, target: str, signer: SessionSigner, settings: Settings
) -> Response:
    """The way on for somebody who has just proved who they are: only ever to our own pages."""
    addresses = kit_of(request).addresses
    response = redirect(request, addresses.safe_next(target, home_of(actor, addresses)))
    sign_in(response, signer.issue(actor), production=settings.production)
    return response


def _by_password(
    router: APIRouter, service: Service[Settings], signer: SessionSigner, elsewhere: bool
) -> None:
    settings, ports = service.settings, cast("Ports", service.bus.ports)

    @router.get("/dang-nhap", dependencies=[PUBLIC])
    def sign_in_page(request: Request, next: Annotated[str, Query(max_length=500)] = "") -> Response:  # noqa: A002
        """The ways to sign in; `next` is kept for afterwards."""
        return _page(request, FormState.blank(), next, settings, elsewhere=elsewhere)

    @router.post("/dang-nhap", dependencies=[PUBLIC, limit(settings.sign_in_rate)])
    def sign_in_form(request: Request, form: SubmittedForm) -> Response:
        """Checks, signs in and leads on."""
        target = form.get("next")[:500]
        state = read(form, SignInForm)
        if state.model is None:
            return _page(request, state, target, settings, elsewhere=elsewhere, status=422)
        account = state.model.account.strip().lower()
        try:
            count_try(request, "account", account, settings.sign_in_rate_per_account)
            with service.transactions.reading() as session:
                actor = check_sign_in(session, account, state.model.password, ports)
        except Problem as problem:
            shown = state.with_problem(problem)
            return _page(request, shown, target, settings, elsewhere=elsewhere, status=problem.status)
        return _let_in(request, actor, target, signer, settings)


def _at_the_provider(
    router: APIRouter, service: Service[Settings], signer: SessionSigner, provider: IdentityProvider | None
) -> None:
    settings = service.settings

    def door() -> FederatedSignIn:
        if provider is None:
            raise NotFound("Ở đây không có cách đăng nhập này.", code="auth.no_provider")
        return FederatedSignIn(service.transactions, service.bus, provider)

    @router.get("/dang-nhap/co-quan", dependencies=[PUBLIC, limit(settings.sign_in_rate)])
    def leave(
        request: Request,
        next: Annotated[str, Query(max_length=500)] = "",  # noqa: A002
        another: bool = False,
    ) -> Response:
        """To the provider; `another` lets it ask for another person."""
        browser = _browser_secret(request) or secrets.token_urlsafe(32)
        response = Response(status_code=303)
        response.headers["location"] = door().begin(browser, next, another=another)
        _keep(response, BROWSER_COOKIE, browser, "/dang-nhap", int(PATIENCE.total_seconds()), settings)
        return response

    @router.get(RETURN_PATH, dependencies=[PUBLIC, limit(settings.sign_in_rate)])
    def come_back(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=4000)] = "",
        iss: Annotated[str, Query(max_length=500)] = "",
        error: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        """From the provider: checks the proof, signs in and leads on."""
        try:
            arrived = door().finish(_browser_secret(request), Return(state, code, iss, error))
        except NotFound:
            raise
        except Problem as problem:
            return _not_in(request, problem, settings)
        response = _let_in(request, arrived.actor, arrived.target, signer, settings)
        response.delete_cookie(BROWSER_COOKIE, path="/dang-nhap")
        if len(arrived.id_token) <= _LONGEST_COOKIE:
            _keep(response, PROOF_COOKIE, arrived.id_token, "/dang-xuat", LIFETIME_S, settings)
        return response


def _not_in(request: Request, problem: Problem, settings: Settings) -> Response:
    """Why nobody was signed in, with the way to begin anew: the address just used will not do again."""
    _count(problem)
    form = FormState[Any].blank().with_problem(problem)
    response = _page(request, form, "", settings, elsewhere=True, status=problem.status)
    if isinstance(problem, Unavailable):
        response.headers["retry-after"] = str(getattr(problem, "retry_after_s", ProviderSilent.retry_after_s))
    return response


def _out(router: APIRouter, service: Service[Settings], provider: IdentityProvider | None) -> None:
    settings = service.settings

    @router.post("/dang-xuat", dependencies=[PUBLIC])
    def sign_out_form(request: Request) -> Response:
        """Ends the sign-in everywhere; who came from the provider is signed out there, too."""
        end_sign_in(service, request)
        there = _farewell(request, provider, settings)
        if there is None:
            response: Response = redirect(request, "/", flash="Ông/Bà đã đăng xuất.")
        else:
            # Not a redirect: browsers hold the redirects of a form to `form-action`, which names us alone.
            response = render(request, "intake/signed_out.html", there=there, actor=None, nav=[])
        sign_out(response, production=settings.production)
        response.delete_cookie(PROOF_COOKIE, path="/dang-xuat")
        return response


def _farewell(request: Request, provider: IdentityProvider | None, settings: Settings) -> str | None:
    proof = request.cookies.get(PROOF_COOKIE, "")
    if provider is None or not proof:
        return None
    try:
        return provider.farewell(proof, settings.intake_url + "/")
    except ProviderSilent:
        return None  # signed out here in any case; there the session ends by itself


def _browser_secret(request: Request) -> str:
    secret = request.cookies.get(BROWSER_COOKIE, "")
    return secret if len(secret) == BROWSER_SECRET_LENGTH else ""


def _keep(response: Response, name: str, value: str, path: str, max_age: int, settings: Settings) -> None:
    response.set_cookie(
        name, value, max_age=max_age, path=path, httponly=True, samesite="lax", secure=settings.production
    )


def _count(problem: Problem) -> None:
    """Refused proofs are counted and told to the log; what was wrong stays inside."""
    if isinstance(problem, ProofRefused):
        refused_tokens.labels(problem.reason).inc()
        log.warning("sign_in.proof_refused", reason=problem.reason, detail=problem.detail)
    else:
        log.warning("sign_in.refused", code=problem.problem_code)
