"""The administrator's page and API of parked events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, event

from shared.messaging.parked import DISCARDED, Wanted
from shared.web.operations import operations_router
from shared.web.parked import parked_router
from shared.web.roles import Actor, Role
from shared.web.session import COOKIE, SessionSigner
from tests.unit.messaging.listening import PRIVATE, WHO, WHY, Listener, confirmed, poisoned

ADMINISTRATOR = Actor("quan-tri-01", "Phạm Thị Thử", Role.ADMINISTRATOR)
INSPECTOR = Actor("thanh-tra-01", "Đỗ Văn Mẫu", Role.INSPECTOR)
PAGE = "/quan-tri/su-kien"
API = "/api/operations/parked"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A service with parked events to come."""
    made = Listener(tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def browser(
    make_app: Callable[..., FastAPI], listener: Listener, signer: SessionSigner
) -> Iterator[TestClient]:
    """An administrator's browser, without JavaScript."""
    app = make_app(routers=[parked_router(listener.guard)])
    with TestClient(app, base_url="http://127.0.0.1:8101", follow_redirects=False) as opened:
        opened.cookies.set(COOKIE, signer.issue(ADMINISTRATOR))
        opened.headers["accept"] = "text/html"
        yield opened


def bearer(signer: SessionSigner, actor: Actor) -> dict[str, str]:
    """What a program sends."""
    return {"authorization": f"Bearer {signer.issue(actor)}", "accept": "application/json"}


def test_the_page_lists_what_is_parked_and_leads_to_it(browser: TestClient, listener: Listener) -> None:
    """Administrators without a shell could not see that a key stands still."""
    event_id = poisoned(listener)
    page = browser.get(PAGE).text
    assert f'href="{PAGE}/xem?ma={event_id}"' in page
    assert "cần xem" in page
    assert browser.get(f"{PAGE}?state=failed&topic=&reason=").text.count("/xem?ma=") == 1


def test_an_empty_list_says_so(browser: TestClient) -> None:
    """An empty page reads like a broken one."""
    assert "Không có sự kiện nào." in browser.get(PAGE).text


def test_a_form_replays_one(
    browser: TestClient, listener: Listener, field_of: Callable[[str, str], str]
) -> None:
    """A repaired event could be replayed from the command line only."""
    event_id = poisoned(listener)
    listener.poison.clear()
    form = {"csrf": field_of(browser.get(f"{PAGE}/xem?ma={event_id}").text, "csrf")}
    answer = browser.post(f"{PAGE}/chay-lai?ma={event_id}", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert "đã áp dụng" in browser.get(PAGE).text
    assert listener.heard == ["w1", "w2", "w3", "w4"]


def test_a_form_replays_all_that_are_shown(
    browser: TestClient, listener: Listener, field_of: Callable[[str, str], str]
) -> None:
    """After an outage hundreds would have to be clicked one by one."""
    poisoned(listener)
    listener.poison.clear()
    form = {"csrf": field_of(browser.get(PAGE).text, "csrf"), "topic": "postal.visit.v1"}
    assert browser.post(f"{PAGE}/chay-lai-tat-ca", data=form).status_code == 303
    assert listener.parked.list() == []


def test_a_form_discards_with_a_reason(
    browser: TestClient, listener: Listener, field_of: Callable[[str, str], str]
) -> None:
    """An event that can never be applied would hold its key for ever."""
    event_id = poisoned(listener)
    form = {"csrf": field_of(browser.get(f"{PAGE}/xem?ma={event_id}").text, "csrf"), "reason": WHY}
    assert browser.post(f"{PAGE}/bo?ma={event_id}", data=form).status_code == 303
    assert listener.heard == ["w1", "w3", "w4"]
    (settled,) = listener.parked.list(Wanted(state=DISCARDED))
    assert settled.discard is not None
    assert (settled.discard.by, settled.discard.why) == (ADMINISTRATOR.account, WHY)
    assert WHY in browser.get(f"{PAGE}?state=discarded").text
    assert WHY in browser.get(f"{PAGE}/xem?ma={event_id}").text


def test_a_form_without_a_reason_is_shown_again(
    browser: TestClient, listener: Listener, field_of: Callable[[str, str], str]
) -> None:
    """Events would be thrown away without anybody saying why."""
    event_id = poisoned(listener)
    form = {"csrf": field_of(browser.get(f"{PAGE}/xem?ma={event_id}").text, "csrf"), "reason": ""}
    answer = browser.post(f"{PAGE}/bo?ma={event_id}", data=form)
    assert answer.status_code == 422
    assert 'href="#f-reason"' in answer.text
    assert listener.only(state="failed") == event_id


def test_an_early_event_offers_the_gap_only_and_a_refusal_is_explained(
    browser: TestClient, listener: Listener, field_of: Callable[[str, str], str]
) -> None:
    """The wrong button would throw away a good event for a missing one."""
    cause = poisoned(listener)
    early = listener.parked.list(Wanted(state="early"))[0].event_id
    page = browser.get(f"{PAGE}/xem?ma={early}").text
    assert "Bỏ khoảng trống" in page
    assert "Bỏ sự kiện này" not in page
    form = {"csrf": field_of(page, "csrf"), "gap": "true", "reason": WHY}
    answer = browser.post(f"{PAGE}/bo?ma={early}", data=form)
    assert answer.status_code == 409
    assert cause in answer.text


@pytest.mark.parametrize("path", ["chay-lai?ma=01ARZ3NDEKTSV4RRFFQ69G5FAV", "bo?ma=x", "chay-lai-tat-ca"])
def test_forms_of_other_sites_are_refused(browser: TestClient, path: str) -> None:
    """Any web page could make an administrator's browser throw events away."""
    assert browser.post(f"{PAGE}/{path}", data={"reason": WHY}).status_code == 403


def test_an_event_that_is_gone_is_a_plain_404(
    browser: TestClient, field_of: Callable[[str, str], str]
) -> None:
    """Two administrators at once would see a crash."""
    csrf = {"csrf": field_of(browser.get(PAGE).text, "csrf"), "reason": WHY}
    assert browser.get(f"{PAGE}/xem?ma=01ARZ3NDEKTSV4RRFFQ69G5FAV").status_code == 404
    assert browser.post(f"{PAGE}/bo?ma=01ARZ3NDEKTSV4RRFFQ69G5FAV", data=csrf).status_code == 404


def test_personal_data_stays_masked_for_inspectors_and_until_asked(
    browser: TestClient, listener: Listener, signer: SessionSigner
) -> None:
    """Citizens' names and addresses would be read by whoever looks after the machines."""
    listener.poison.add("r1")
    listener.receive(confirmed(), 1)
    event_id = listener.only()
    masked = browser.get(f"{PAGE}/xem?ma={event_id}").text
    assert not [word for word in PRIVATE if word in masked]
    assert PRIVATE[1] in browser.get(f"{PAGE}/xem?ma={event_id}&day_du=true").text
    told = browser.get(f"{API}/{event_id}", headers=bearer(signer, INSPECTOR))
    assert not [word for word in PRIVATE if word in told.text]
    refused = browser.get(f"{API}/{event_id}?unmasked=true", headers=bearer(signer, INSPECTOR))
    assert refused.status_code == 403


def test_the_api_has_the_same_four_actions(
    browser: TestClient, listener: Listener, signer: SessionSigner
) -> None:
    """Operators' own tools could not do what the page does."""
    event_id, who = poisoned(listener), bearer(signer, ADMINISTRATOR)
    assert len(browser.get(API, headers=who).json()["parked"]) == 3
    assert browser.get(f"{API}/{event_id}", headers=who).json()["data"]["worker_id"] == "w2"
    assert browser.post(f"{API}/{event_id}/replay", headers=who).json() == {"outcome": "failed"}
    assert browser.post(f"{API}/replay", headers=who, json={"state": "failed"}).json() == {"failed": 1}
    unsaid = browser.post(f"{API}/{event_id}/discard", headers=who, json={"reason": ""})
    assert unsaid.status_code == 422
    settled = browser.post(f"{API}/{event_id}/discard", headers=who, json={"reason": WHY}).json()
    assert settled["discard"]["by"] == ADMINISTRATOR.account
    assert browser.get(API, headers=who).json()["parked"] == []


def test_the_summary_shows_the_same_list(
    make_app: Callable[..., FastAPI], listener: Listener, signer: SessionSigner
) -> None:
    """A simulated day and its operators would judge by two lists that contradict each other."""
    poisoned(listener)
    app = make_app(routers=[operations_router(listener.guard), parked_router(listener.guard)])
    with TestClient(app, base_url="http://127.0.0.1:8101") as program:
        who = bearer(signer, INSPECTOR)
        summary, listed = (program.get(path, headers=who).json() for path in ("/api/operations", API))
    assert len(summary["parked"]) == 3
    assert summary["parked"] == listed["parked"]


def test_the_summary_is_of_one_moment(
    make_app: Callable[..., FastAPI], listener: Listener, signer: SessionSigner
) -> None:
    """Events would be neither applied nor parked in one answer, and operators would search for lost ones."""
    poisoned(listener)
    app = make_app(routers=[operations_router(listener.guard)])

    def repaired_meanwhile(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if "FROM gate" in statement and listener.poison and connection.get_execution_options().get("reading"):
            listener.poison.clear()
            listener.parked.replay_all(WHO)

    event.listen(listener.engine, "after_cursor_execute", repaired_meanwhile)
    with TestClient(app, base_url="http://127.0.0.1:8101") as program:
        first, later = (
            program.get("/api/operations", headers=bearer(signer, INSPECTOR)).json() for _ in range(2)
        )
    assert (first["applied"], len(first["parked"])) == ({"postal.visit.v1": 1}, 3)
    assert (later["applied"], later["parked"]) == ({"postal.visit.v1": 4}, [])


def test_inspectors_look_and_do_not_touch(
    browser: TestClient, listener: Listener, signer: SessionSigner
) -> None:
    """Whoever controls would become a party."""
    event_id, who = poisoned(listener), bearer(signer, INSPECTOR)
    assert browser.get(API, headers=who).status_code == 200
    for path in (f"{event_id}/replay", f"{event_id}/discard", "replay"):
        answer = browser.post(f"{API}/{path}", headers=who, json={"reason": WHY})
        assert answer.status_code == 403
