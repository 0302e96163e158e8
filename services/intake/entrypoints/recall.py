"""Ending sign-ins before they expire: one's own, and those of an account that is locked."""

from __future__ import annotations

from typing import Annotated, Any, cast

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from services.intake.application.accounts import list_accounts
from services.intake.application.commands import EndSignIn, LockAccount, UnlockAccount
from services.intake.settings import Settings
from shared.actor import Role
from shared.clock import system_clock
from shared.errors import Problem
from shared.service import Service
from shared.sign_ins import Recalls
from shared.web.forms import FormState
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, allow
from shared.web.session import sign_out
from shared.web.visitor import Visitor, visitor_of

AccountName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{1,39}$")]

log = structlog.get_logger(__name__)


def recall_router(service: Service[Settings]) -> APIRouter:
    """`DELETE /api/session`, and locking accounts for administrators: API and page."""
    router = APIRouter()
    _api(router, service)
    _page(router, service)
    return router


def _api(router: APIRouter, service: Service[Settings]) -> None:
    bus = service.bus

    @router.delete("/api/session", status_code=204, dependencies=[allow(*Role)])
    def close_session(request: Request) -> Response:
        """Signs out: the token is good at no service any more, in a second or two."""
        _end(service, request)
        response = Response(status_code=204)
        sign_out(response, production=service.settings.production)
        return response

    @router.post("/api/accounts/{account}/lock", dependencies=[allow(Role.ADMINISTRATOR)])
    def lock(account: AccountName, request: Request, actor: CurrentActor) -> dict[str, Any]:
        """Nobody can sign in as this account, and whoever is signed in is out."""
        answer = bus.execute(LockAccount(account=account, now=system_clock()), actor)
        _refresh(request)
        return answer

    @router.post("/api/accounts/{account}/unlock", dependencies=[allow(Role.ADMINISTRATOR)])
    def unlock(account: AccountName, actor: CurrentActor) -> dict[str, Any]:
        """The account may be used again."""
        return bus.execute(UnlockAccount(account=account), actor)


def _page(router: APIRouter, service: Service[Settings]) -> None:
    bus, administrators = service.bus, allow(Role.ADMINISTRATOR)
    path = "/quan-tri/tai-khoan"

    @router.get(path, dependencies=[administrators], include_in_schema=False)
    def accounts(request: Request, q: Annotated[str, Query(max_length=60)] = "") -> Response:
        """Who may sign in, with a button for each."""
        with service.transactions.reading() as session:
            found = list_accounts(session, q.strip())
        form = FormState[Any](values={"q": (q,)})
        return render(request, "intake/accounts.html", accounts=found, form=form)

    @router.post(path + "/{account}/khoa", dependencies=[administrators], include_in_schema=False)
    def lock(account: AccountName, request: Request, actor: CurrentActor) -> Response:
        """Locks, and shows the list again."""
        bus.execute(LockAccount(account=account, now=system_clock()), actor)
        _refresh(request)
        return redirect(request, path, flash=f"Đã khoá tài khoản {account}.")

    @router.post(path + "/{account}/mo-khoa", dependencies=[administrators], include_in_schema=False)
    def unlock(account: AccountName, request: Request, actor: CurrentActor) -> Response:
        """Unlocks, and shows the list again."""
        bus.execute(UnlockAccount(account=account), actor)
        return redirect(request, path, flash=f"Đã mở khoá tài khoản {account}.")


def end_sign_in(service: Service[Settings], request: Request) -> bool:
    """Recalls the token that came with a request, if a good one came.

    Answers whether it is good nowhere any more; while the database is away only the cookie can go.
    """
    try:
        _end(service, request)
    except Problem as problem:
        log.warning("sign_out.not_recalled", code=problem.problem_code)
        return False
    return True


def _end(service: Service[Settings], request: Request) -> None:
    visitor: Visitor = visitor_of(request)
    if visitor.actor is None or visitor.mark is None:
        return
    mark = visitor.mark
    command = EndSignIn(
        account=mark.account, token_id=mark.token_id, issued_at=mark.issued_at, now=system_clock()
    )
    service.bus.execute(command, visitor.actor)
    _refresh(request)


def _refresh(request: Request) -> None:
    """This process knows at once; the others read it a second later."""
    try:
        cast("Recalls", request.app.state.recalls).refresh()
    except SQLAlchemyError as error:
        log.warning("recalls.not_read", error=type(error).__name__)
