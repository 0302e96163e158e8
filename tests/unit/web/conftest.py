"""A toy service built with the kit: one route of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.testclient import TestClient
from joserfc.jwk import OKPKey
from pydantic import BaseModel, Field

from shared.errors import RuleBroken
from shared.web.addresses import Addresses
from shared.web.app import create_app
from shared.web.forms import FormState, IdempotencyKey, SubmittedForm, check
from shared.web.limits import form_field, limit
from shared.web.pages import redirect, render
from shared.web.roles import PUBLIC, WEBHOOK, Actor, CurrentActor, MaybeActor, Role, allow
from shared.web.session import COOKIE, SessionSigner, Verifier

PAGE = {"accept": "text/html"}
ADDRESSES = Addresses()
OPERATOR = Actor("op1", "Lê Thị Thử", Role.OPERATOR)
CASHIER = Actor("ca1", "Trần Văn Mẫu", Role.CASHIER, office="po-01")


class Note(BaseModel):
    """What the toy form asks."""

    name: str = Field(title="họ và tên", min_length=1, max_length=40)
    kind: Literal["birth", "copy"] = Field(default="birth", title="việc cần làm")
    consent: bool = Field(default=False, title="sự đồng ý")
    tags: list[str] = Field(default_factory=list)


class Count(BaseModel):
    """What the toy JSON route takes."""

    pages: int = Field(ge=1)


def toy_router() -> APIRouter:
    """One route of every kind."""
    router = APIRouter()

    @router.get("/", dependencies=[PUBLIC])
    def front(request: Request, actor: MaybeActor) -> Response:
        return render(request, "toy.html", form=FormState.blank(name="<script>alert(1)</script>"))

    @router.post("/notes", dependencies=[PUBLIC])
    def write(request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        state = check(form, Note)
        if state.model is None:
            return render(request, "toy.html", form=state, status=422)
        return redirect(request, "/", flash=f"Đã ghi {key}")

    _add_staff_routes(router)
    _add_failing_routes(router)
    return router


def _add_staff_routes(router: APIRouter) -> None:
    @router.get("/desk", dependencies=[allow(Role.OPERATOR, Role.INSPECTOR)])
    def desk(actor: CurrentActor) -> dict[str, str]:
        return {"account": actor.account}

    @router.post("/desk", dependencies=[allow(Role.OPERATOR)])
    def act() -> dict[str, str]:
        return {"done": "yes"}

    @router.post("/api/counts", dependencies=[allow(Role.OPERATOR)])
    def count(body: Count) -> dict[str, int]:
        return {"pages": body.pages}

    @router.post("/webhooks/toy", dependencies=[WEBHOOK])
    async def hook(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}


def _add_failing_routes(router: APIRouter) -> None:
    @router.get("/refused", dependencies=[PUBLIC])
    def refused() -> None:
        raise RuleBroken("Bước này chưa đến lượt.", hints=("Kiểm đếm giấy tờ trước.",))

    @router.get("/crash", dependencies=[PUBLIC])
    def crash() -> None:
        raise ZeroDivisionError("secret detail")

    @router.post("/guess", dependencies=[WEBHOOK, limit("3/minute", key=form_field("code"))])
    def guess() -> dict[str, str]:
        return {"answer": "no"}


@pytest.fixture(scope="session")
def key() -> OKPKey:
    """The signing key of the tests."""
    return OKPKey.generate_key("Ed25519")


@pytest.fixture
def signer(key: OKPKey) -> SessionSigner:
    """Issues tokens like intake."""
    return SessionSigner(key)


@pytest.fixture
def make_app(key: OKPKey) -> Callable[..., FastAPI]:
    """Builds the toy service, with other settings where a test needs them."""

    def make(**settings: object) -> FastAPI:
        chosen: dict[str, object] = {
            "title": "Thử",
            "routers": [toy_router()],
            "identity": Verifier(OKPKey.import_key(key.as_pem(private=False))),
            "addresses": ADDRESSES,
            "templates": [Path(__file__).parent / "templates"],
            "labels": {"pages": "số trang"},
            "max_body": 2000,
            "production": False,
            **settings,
        }
        return create_app(**chosen)  # type: ignore[arg-type]

    return make


@pytest.fixture
def client(make_app: Callable[..., FastAPI]) -> Iterator[TestClient]:
    """Nobody's browser."""
    with TestClient(make_app(), base_url=ADDRESSES.own, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def operator(client: TestClient, signer: SessionSigner) -> TestClient:
    """The browser of a signed-in operator."""
    client.cookies.set(COOKIE, signer.issue(OPERATOR))
    return client


@pytest.fixture
def field_of() -> Callable[[str, str], str]:
    """Reads the value of a hidden field out of a page."""

    def read(html: str, name: str) -> str:
        return html.partition(f'name="{name}" value="')[2].partition('"')[0]

    return read
