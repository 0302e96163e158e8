"""The dispatcher's pages as a browser without JavaScript uses them."""

from __future__ import annotations

import re
from concurrent.futures import Future
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.routing.entrypoints.jobs import PlanningJobs
from services.routing.entrypoints.parts import Parts
from shared.actor import Actor
from shared.web.session import COOKIE

from .conftest import DAY, DISPATCHER, INSPECTOR, STRANGER, Routing, appointment

BOARD = f"/dieu-do?ngay={DAY}"


def browser(routing: Routing, actor: Actor) -> TestClient:
    """A browser signed in by cookie."""
    client = TestClient(routing.app, headers={"accept": "text/html"}, base_url="http://127.0.0.1:8102")
    client.cookies.set(COOKIE, routing.signer.issue(actor))
    return client


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form that posts to an address beginning with `action`."""
    form = page[page.index(f'method="post" action="{action}') :]
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form.partition("</form>")[0])
    return dict(fields)


@pytest.fixture
def at_once(routing: Routing) -> Routing:
    """Searches started from a page run before the answer."""

    def submit(work: Any) -> Future[None]:
        work()
        return Future()

    parts = routing.app.state.routing
    routing.app.state.routing = Parts(parts.service, parts.planner, PlanningJobs(parts.planner, submit))
    return routing


def press_plan(client: TestClient) -> str:
    """Presses "Lập lộ trình" and follows to the next page."""
    fields = hidden(client.get(BOARD).text, "/dieu-do/lap-lo-trinh")
    answer = client.post("/dieu-do/lap-lo-trinh", data=fields)
    assert answer.status_code == 200
    return str(answer.text)


def test_the_board_is_planned_with_one_button(at_once: Routing) -> None:
    """Broken when planning needs JavaScript, or the result is not on the board."""
    at_once.hear(appointment(1))
    at_once.hear(appointment(2))
    page = press_plan(browser(at_once, DISPATCHER))
    assert "Đã có lộ trình số 1." in page
    assert "MA001" in page
    assert "vị trí ước lượng" in page, "a stop known only by its commune is marked"
    assert "Nguyễn Thị Thử" not in page, "routing keeps no citizen's name"


def test_unassigned_stops_stand_apart_with_their_reason(at_once: Routing) -> None:
    """Broken when a dispatcher has to guess why a stop is not on a route."""
    at_once.hear(appointment(1, ("19:00", "20:00")))
    page = press_plan(browser(at_once, DISPATCHER))
    assert "1 điểm chưa xếp được" in page
    assert "ngoài giờ làm của mọi bưu tá" in page


def test_a_double_click_starts_one_search(at_once: Routing) -> None:
    """Broken when an impatient dispatcher makes two revisions."""
    at_once.hear(appointment(1))
    client = browser(at_once, DISPATCHER)
    fields = hidden(client.get(BOARD).text, "/dieu-do/lap-lo-trinh")
    client.post("/dieu-do/lap-lo-trinh", data=fields)
    client.post("/dieu-do/lap-lo-trinh", data=fields)
    assert len(at_once.published("routing.plan.v1/published")) == 1


def test_the_search_is_watched_until_it_ends(routing: Routing) -> None:
    """Broken when a dispatcher looks at a blank page, or has to find the finished plan alone."""
    parts = routing.app.state.routing
    held: list[Any] = []
    jobs = PlanningJobs(parts.planner, held.append)
    routing.app.state.routing = Parts(parts.service, parts.planner, jobs)
    routing.hear(appointment(1))
    client = browser(routing, DISPATCHER)
    fields = hidden(client.get(BOARD).text, "/dieu-do/lap-lo-trinh")
    started = client.post("/dieu-do/lap-lo-trinh", data=fields)
    assert "Đang lập lộ trình" in started.text
    assert 'http-equiv="refresh"' in started.text, "the page asks again without JavaScript"
    assert jobs.start(DISPATCHER, "office-a", DAY, "another-key-1").job_id in str(started.url), (
        "one at a time"
    )
    held[0]()
    assert "Đã có lộ trình số 1." in client.get(started.url).text


def test_a_failed_search_says_why(at_once: Routing) -> None:
    """Broken when a lost race ends in a page that waits forever."""
    at_once.hear(appointment(1))
    at_once.solver.meanwhile = [at_once.plan]
    page = press_plan(browser(at_once, DISPATCHER))
    assert "Đã có lộ trình mới hơn" in page


def test_a_forgotten_job_leads_back_to_the_board(routing: Routing) -> None:
    """Broken when a restart leaves people on a dead page."""
    page = browser(routing, DISPATCHER).get("/dieu-do/tien-do/nobody.knows").text
    assert "Không còn theo dõi được" in page


def test_a_stop_is_moved_on_its_page(at_once: Routing) -> None:
    """Broken when moving needs a mouse, or happens without showing its price."""
    at_once.hear(appointment(1))
    client = browser(at_once, DISPATCHER)
    press_plan(client)
    page = client.get("/dieu-do/chuyen/s-1").text
    assert "Đi thêm" in page
    fields = hidden(page, "/dieu-do/chuyen/s-1")
    answer = client.post("/dieu-do/chuyen/s-1", data=fields)
    assert "Đã chuyển điểm MA001." in answer.text
    assert at_once.stops()[0]["worker_id"] == fields["to_worker"]


def test_a_refused_move_comes_back_with_the_rule(at_once: Routing) -> None:
    """Broken when a refusal throws the dispatcher off the page without the reason."""
    at_once.hear(appointment(1, code="2.002"))
    client = browser(at_once, DISPATCHER)
    press_plan(client)
    page = client.get("/dieu-do/chuyen/s-1").text
    assert "không có nghiệp vụ" in page
    fields = {**hidden(page, "http"), "idempotency_key": "move-key-1", "to_worker": "w-001"}
    answer = client.post("/dieu-do/chuyen/s-1", data=fields)
    assert answer.status_code == 409
    assert "không có nghiệp vụ" in answer.text


def test_a_form_without_token_is_refused(routing: Routing) -> None:
    """Broken when another site can plan in a dispatcher's name."""
    fields = {"office": "office-a", "day": str(DAY), "idempotency_key": "forged-key-1"}
    assert browser(routing, DISPATCHER).post("/dieu-do/lap-lo-trinh", data=fields).status_code == 403


def test_inspectors_choose_an_office_and_only_look(at_once: Routing) -> None:
    """Broken when reading everything includes changing something."""
    at_once.hear(appointment(1))
    press_plan(browser(at_once, DISPATCHER))
    page = browser(at_once, INSPECTOR).get(f"{BOARD}&buu-cuc=office-a").text
    assert "Bưu cục B" in page, "the office picker"
    assert "MA001" in page
    assert "Lập lại lộ trình" not in page
    assert "Chuyển sang…" not in page


def test_a_dispatcher_sees_no_other_office(routing: Routing) -> None:
    """Broken when the address bar opens another office's board."""
    assert browser(routing, STRANGER).get(f"{BOARD}&buu-cuc=office-a").status_code == 403


def test_old_revisions_can_be_read(at_once: Routing) -> None:
    """Broken when nobody can say what the plan was before it was changed."""
    at_once.hear(appointment(1))
    client = browser(at_once, DISPATCHER)
    page = press_plan(client)
    link = re.search(r'href="(/dieu-do/lo-trinh/[^"]+)"', page)
    assert link
    assert "MA001" in client.get(link[1]).text
