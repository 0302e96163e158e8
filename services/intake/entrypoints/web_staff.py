"""The front page, signing in and out, and the administrator's page."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import col, func, select
from starlette.responses import Response

from services.intake.application import queries
from services.intake.application.handlers_accounts import sign_in as check_sign_in
from services.intake.application.ports import Ports
from services.intake.entrypoints.guessing import count_try
from services.intake.entrypoints.page_forms import read
from services.intake.settings import Settings
from shared.errors import Problem
from shared.messaging.tables import OutboxRow, ParkedEvent
from shared.service import Service
from shared.web.addresses import Addresses
from shared.web.forms import FormState, SubmittedForm
from shared.web.kit import kit_of
from shared.web.limits import limit
from shared.web.navigation import home_of
from shared.web.pages import redirect, render
from shared.web.roles import PUBLIC, MaybeActor, Role, allow
from shared.web.session import SessionSigner, sign_in, sign_out


class SignInForm(BaseModel):
    """Account and password."""

    account: str = Field(min_length=1, max_length=60, title="tài khoản")
    password: str = Field(min_length=1, max_length=128, title="mật khẩu", repr=False)


def staff_router(service: Service[Settings], signer: SessionSigner) -> APIRouter:
    """`/`, `/dang-nhap`, `/dang-xuat`, `/quan-tri`."""
    router = APIRouter(include_in_schema=False)
    _front(router, service)
    _signing(router, service, signer)
    _administration(router, service)
    return router


def _front(router: APIRouter, service: Service[Settings]) -> None:
    ports = cast("Ports", service.bus.ports)

    @router.get("/", dependencies=[PUBLIC])
    def front(request: Request, actor: MaybeActor) -> Response:
        """Three doors for citizens; a signed-in person is led to their place."""
        place = home_of(actor, kit_of(request).addresses) if actor else None
        return render(request, "intake/front.html", hotline=ports.hotline, place=place)


def _signing(router: APIRouter, service: Service[Settings], signer: SessionSigner) -> None:
    settings, ports = service.settings, cast("Ports", service.bus.ports)

    def page(request: Request, form: FormState[Any], target: str, status: int = 200) -> Response:
        return render(request, "intake/sign_in.html", status=status, form=form, next=target)

    @router.get("/dang-nhap", dependencies=[PUBLIC])
    def sign_in_page(request: Request, next: Annotated[str, Query(max_length=500)] = "") -> Response:  # noqa: A002
        """The form; `next` is kept for afterwards."""
        return page(request, FormState.blank(), next)

    @router.post("/dang-nhap", dependencies=[PUBLIC, limit(settings.sign_in_rate)])
    def sign_in_form(request: Request, form: SubmittedForm) -> Response:
        """Checks, signs in and leads on, only ever to our own pages."""
        target = form.get("next")[:500]
        state = read(form, SignInForm)
        if state.model is None:
            return page(request, state, target, 422)
        account = state.model.account.strip().lower()
        try:
            count_try(request, "account", account, settings.sign_in_rate_per_account)
            with service.transactions.reading() as session:
                actor = check_sign_in(
                    session, account, state.model.password, ports.passwords, demo=ports.demo
                )
        except Problem as problem:
            return page(request, state.with_problem(problem), target, problem.status)
        addresses: Addresses = kit_of(request).addresses
        home = home_of(actor, addresses)
        response = redirect(request, addresses.safe_next(target, home))
        sign_in(response, signer.issue(actor), production=settings.production)
        return response

    @router.post("/dang-xuat", dependencies=[PUBLIC])
    def sign_out_form(request: Request) -> Response:
        """Takes the cookie away."""
        response = redirect(request, "/", flash="Ông/Bà đã đăng xuất.")
        sign_out(response, production=settings.production)
        return response


def _administration(router: APIRouter, service: Service[Settings]) -> None:
    @router.get("/quan-tri", dependencies=[allow(Role.ADMINISTRATOR, Role.INSPECTOR)])
    def administration(request: Request) -> Response:
        """Counts, what is stuck, and the way to the other services."""
        with service.transactions.reading() as session:
            counts = queries.counts(session)
            unsent = session.exec(
                select(func.count()).select_from(OutboxRow).where(col(OutboxRow.sent_at).is_(None))
            ).one()
            parked = session.exec(
                select(ParkedEvent).order_by(col(ParkedEvent.parked_at).desc()).limit(50)
            ).all()
            calls = queries.to_call(session)
        return render(
            request,
            "intake/administration.html",
            counts=counts,
            labels=queries.STATE_LABELS,
            unsent=unsent,
            parked=parked,
            calls=calls,
        )
