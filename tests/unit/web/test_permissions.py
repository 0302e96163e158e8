"""Every route says who may use it, and nobody else gets in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from shared.web.roles import PUBLIC, Actor, Role, UnstatedPermission, allow, stated_routes
from shared.web.session import COOKIE, SessionSigner

CASHIER = Actor("ca1", "Trần Văn Mẫu", Role.CASHIER, office="po-01")
PAGE = {"accept": "text/html,application/xhtml+xml"}


def test_a_route_without_a_permission_is_refused_at_start(make_app: Callable[..., FastAPI]) -> None:
    """A forgotten permission would be an open door nobody decided on."""
    router = APIRouter()
    router.add_api_route("/open", lambda: "oops")
    with pytest.raises(UnstatedPermission, match="/open"):
        make_app(routers=[router])


def test_a_route_with_two_permissions_is_refused_at_start(make_app: Callable[..., FastAPI]) -> None:
    """Two statements would leave open which one counts."""
    router = APIRouter(dependencies=[PUBLIC])
    router.add_api_route("/twice", lambda: "oops", dependencies=[allow(Role.WORKER)])
    with pytest.raises(UnstatedPermission, match="2 permissions"):
        make_app(routers=[router])


def test_a_websocket_or_mounted_app_without_permission_is_refused(make_app: Callable[..., FastAPI]) -> None:
    """Routes that are no ordinary endpoints could slip past the check."""
    router = APIRouter()
    router.mount("/other", FastAPI())
    with pytest.raises(UnstatedPermission, match="/other"):
        make_app(routers=[router])


def test_a_nested_router_gives_its_permission_to_its_routes(make_app: Callable[..., FastAPI]) -> None:
    """A permission stated once for a whole router must count for each of its routes."""
    inner, outer = APIRouter(), APIRouter(prefix="/staff", dependencies=[allow(Role.CASHIER)])
    inner.add_api_route("/money", lambda: "ok")
    outer.include_router(inner)
    routes = {route.path: route.permission for route in stated_routes(make_app(routers=[outer]))}
    assert routes["/staff/money"].roles == frozenset({Role.CASHIER})


def test_all_routes_are_listed_with_their_permission(make_app: Callable[..., FastAPI]) -> None:
    """The walk over all routes as every role would miss routes that are not listed."""
    routes = {(route.path, *route.methods): route.permission for route in stated_routes(make_app())}
    assert routes["/desk", "GET"].roles == frozenset({Role.OPERATOR, Role.INSPECTOR})
    assert routes["/livez", "GET"].public
    assert routes["/", "GET"].forms
    assert not routes["/webhooks/toy", "POST"].forms


def test_an_empty_allow_is_refused() -> None:
    """A permission for no role at all is a mistake, not a rule."""
    with pytest.raises(ValueError, match="at least one role"):
        allow()


def test_nobody_is_led_to_the_sign_in_page_and_back(client: TestClient) -> None:
    """Somebody not signed in would see an error instead of the sign-in page."""
    answer = client.get("/desk?day=1", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        "http://127.0.0.1:8101/dang-nhap?next=http%3A%2F%2F127.0.0.1%3A8101%2Fdesk%3Fday%3D1"
    )


def test_a_form_of_nobody_leads_back_to_the_page_it_stood_on(client: TestClient) -> None:
    """After signing in, a POST address cannot be opened; the page with the form can."""
    here = {**PAGE, "referer": "http://127.0.0.1:8101/desk"}
    assert client.post("/desk", headers=here).headers["location"].endswith("8101%2Fdesk")
    foreign = {**PAGE, "referer": "http://other.example/desk"}
    assert client.post("/desk", headers=foreign).headers["location"] == "http://127.0.0.1:8101/dang-nhap"


def test_a_program_without_a_token_gets_401(client: TestClient) -> None:
    """A program cannot follow a redirect to a sign-in page."""
    answer = client.get("/desk")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "auth.required"


def test_the_wrong_role_is_forbidden(client: TestClient, signer: SessionSigner) -> None:
    """A cashier would read the operators' page."""
    client.cookies.set(COOKIE, signer.issue(CASHIER))
    assert client.get("/desk").status_code == 403
    page = client.get("/desk", headers=PAGE)
    assert page.status_code == 403
    assert "Thủ quỹ bưu cục" in page.text


def test_the_right_role_passes_by_cookie_and_by_bearer(client: TestClient, signer: SessionSigner) -> None:
    """Signed-in people or programs would be locked out."""
    actor = Actor("op1", "Lê Thị Thử", Role.OPERATOR)
    token = signer.issue(actor)
    assert client.get("/desk", headers={"authorization": f"Bearer {token}"}).json() == {"account": "op1"}
    client.cookies.set(COOKIE, token)
    assert client.get("/desk").json() == {"account": "op1"}


@pytest.mark.parametrize(
    "missing",
    [
        {"role": Role.DISPATCHER},
        {"role": Role.WORKER, "office": "po-01"},
        {"role": Role.WORKER, "worker": "w-001"},
        {"role": Role.DESK_OFFICER},
        {"role": Role.OPERATOR, "account": ""},
    ],
)
def test_an_actor_without_its_place_cannot_be_made(missing: dict[str, str]) -> None:
    """A worker without an office would pass a scope check that compares None with None."""
    with pytest.raises(ValueError, match=r"has|belongs"):
        Actor(**{"account": "a", "name": "Mẫu", **missing})  # type: ignore[arg-type]


def test_what_events_may_carry_of_an_actor_has_no_name() -> None:
    """A person's name would travel in every event."""
    assert CASHIER.public().model_dump() == {"account": "ca1", "role": "cashier"}
