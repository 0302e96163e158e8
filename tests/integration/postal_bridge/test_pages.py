"""The pages as people use them: forms of our own pages, in the order of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import event

from services.postal_bridge.entrypoints import api, web_cash, web_custody, web_desk, web_worker
from services.postal_bridge.entrypoints.access import Executor, reading
from shared.actor import Actor
from shared.clock import at
from shared.web.session import COOKIE
from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    PAPERS,
    UNIT,
    WORKER,
    World,
)

TAKEN = {"counted": "true"}
"""What somebody ticks who compared the counts on the parcels."""
ROUTERS = (api.router, web_cash.router, web_custody.router, web_desk.router, web_worker.router)


@dataclass
class Person:
    """Somebody signed in with a cookie, filling in forms that a page showed them."""

    world: World
    actor: Actor
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        cookies = {COOKIE: self.world.signer.issue(self.actor)}
        self.client = TestClient(self.world.app, base_url="http://127.0.0.1:8103", cookies=cookies)

    def open(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        answer = self.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == status, answer.text
        return unescape(answer.text)

    def send(self, page: str, action: str, fields: dict[str, str] | None = None, status: int = 200) -> str:
        """Sends the form of `page` that leads to `action`; answers the page that follows."""
        shown = self.open(page)
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', shown, re.DOTALL)
        assert form is not None, f"{page} has no form for {action}"
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
        ticked = re.findall(r'name="(parcel_id)" value="([^"]+)" checked', form[0])
        counts = re.findall(r'name="(count-[^"]+)"[^>]*value="([^"]*)"', form[0])
        sent = httpx.QueryParams([*hidden, *ticked, *counts]).merge(fields or {})
        answer = self.client.post(
            action,
            content=str(sent),
            headers={"accept": "text/html", "content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == status, answer.text
        return unescape(answer.text)


def test_a_dossier_goes_from_the_phone_page_to_the_desk_page(world: World) -> None:
    """If this fails people cannot do by page what programs can do by API."""
    world.appoint("visit-1")
    worker, cashier = Person(world, WORKER), Person(world, CASHIER)
    officer, dispatcher = Person(world, OFFICER), Person(world, DISPATCHER)
    assert "Điểm tiếp theo" in worker.open("/buu-ta")

    path = "/buu-ta/luot/visit-1"
    worker.send(path, f"{path}/start")
    worker.send(path, f"{path}/arrive")
    worker.send(path, f"{path}/identity", {"document": "citizen_card", "masked_number": "0123"})
    worker.send(path, f"{path}/count_papers", {f"paper-{n}": "present" for n in range(3)})
    worker.send(path, f"{path}/sign", {"citizen": "NTS", "worker": "LVT"})
    worker.send(path, f"{path}/seal", {"serial": "tem-0001"})
    done = worker.send(path, f"{path}/collect_fee", {"exemption": "none"})
    assert "BL-261125-001-001" in done
    assert "36.000 đ" in worker.open("/buu-ta")

    worker.send("/buu-ta/ban-giao", "/ban-giao/giao")
    assert "TEM-0001" in cashier.open("/buu-cuc")
    cashier.send("/buu-cuc", "/ban-giao/nhan", TAKEN | {"seals": "tem-0001"})
    dispatcher.send("/buu-cuc", "/ban-giao/giao")
    assert "TEM-0001 · Hồ sơ · 3 giấy tờ" in officer.open("/mot-cua?ma=TEM-0001")
    officer.send("/mot-cua?ma=TEM-0001", "/ban-giao/nhan")

    dossier_id = world.get(OFFICER, "/desk/dossiers")["dossiers"][0]["dossier_id"]
    dossier = f"/mot-cua/ho-so/{dossier_id}"
    officer.send(dossier, f"{dossier}/mo", {"seal": "TEM-0001", "intact": "true"})
    assert "hẹn trả 01/12/2026" in officer.open(dossier)
    accepted = officer.send(dossier, f"{dossier}/tiep-nhan")
    assert "mã hồ sơ H17.101-261125-0001" in accepted
    officer.send(dossier, f"{dossier}/ket-qua", {"serial": "KQ-0001"})
    officer.send("/mot-cua", "/ban-giao/giao", {"receiver": f"post_office:{OFFICE}"})
    dispatcher.send("/buu-cuc", "/ban-giao/nhan", TAKEN | {"seals": "KQ-0001"})
    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    assert "(theo lộ trình)" in dispatcher.open("/buu-cuc")
    parcel_id = world.get(DISPATCHER, "/parcels?state=held")["parcels"][0]["parcel_id"]
    dispatcher.send("/buu-cuc", "/ban-giao/giao", {f"receiver-{parcel_id}": "worker:w-001"})
    worker.send("/buu-ta/ban-giao", "/ban-giao/nhan", TAKEN | {"seals": "KQ-0001"})

    back = "/buu-ta/luot/visit-2"
    for step, fields in (
        ("start", {}),
        ("arrive", {}),
        ("identity", {"document": "vneid", "masked_number": "0123"}),
        ("withdraw_papers", {"paper-0": "lost", "remark-0": "cháy năm 2020"}),
        ("collect_fee", {"exemption": "none"}),
        ("sign", {"citizen": "NTS", "worker": "LVT"}),
        ("hand_over", {}),
    ):
        worker.send(back, f"{back}/{step}", fields)

    board = f"/thu-quy?ngay={DAY}"
    cashier.send(board, f"/thu-quy/w-001/{DAY}/nop", {"fee": "15.000", "fare": "64000"})
    assert "chênh lệch 0 đ" in cashier.send(board, f"/thu-quy/w-001/{DAY}/khoa")
    book = Person(world, INSPECTOR).open("/so-ban-giao")
    assert book.count(">khớp<") == 2
    assert "Người dân đã nhận từ" in Person(world, INSPECTOR).open(dossier)
    assert world.get(INSPECTOR, "/overview")["dossiers_by_state"] == {"delivered": 1}


def test_a_refused_step_keeps_what_was_typed(world: World) -> None:
    """If this fails a worker at the door types everything twice after one mistake."""
    world.appoint("visit-1")
    worker, path = Person(world, WORKER), "/buu-ta/luot/visit-1"
    worker.send(path, f"{path}/start")
    worker.send(path, f"{path}/arrive")
    page = worker.send(
        path, f"{path}/identity", {"document": "citizen_card", "masked_number": "0492030012"}, 422
    )
    assert "Chỉ ghi tối đa 4 số cuối" in page
    assert 'value="0492030012"' in page


def test_unticked_papers_are_named(world: World) -> None:
    """If this fails a paper can be forgotten in the common count without anybody noticing."""
    world.appoint("visit-1")
    worker, path = Person(world, WORKER), "/buu-ta/luot/visit-1"
    for step, fields in (
        ("start", {}),
        ("arrive", {}),
        ("identity", {"document": "other", "masked_number": "12"}),
    ):
        worker.send(path, f"{path}/{step}", fields)
    page = worker.send(path, f"{path}/count_papers", {"paper-0": "present"}, 422)
    assert f"Chưa đếm: {PAPERS[1]}, {PAPERS[2]}." in page


def test_a_failed_attempt_by_form(world: World) -> None:
    """If this fails a worker cannot report that nobody was at home."""
    world.appoint("visit-1")
    worker, path = Person(world, WORKER), "/buu-ta/luot/visit-1"
    worker.send(path, f"{path}/start")
    page = f"{path}/khong-thanh"
    action = f"{path}/ket-thuc/khong-thanh"
    assert "Chưa chọn lý do" in worker.send(page, action, {"call_attempts": "1"}, 422)
    assert "Phải gọi" in worker.send(page, action, {"reason": "not_home", "call_attempts": "0"}, 409)
    worker.send(page, action, {"reason": "not_home", "call_attempts": "2"})
    assert "Không có người ở nhà" in worker.open("/buu-ta")


def offered_to_office(world: World, number: int) -> str:
    """A parcel `TEM-<number>` that the worker offers to the post office; its id."""
    world.appoint(f"visit-{number}", request_id=f"request-{number}")
    parcel_id = str(world.pick_up(f"visit-{number}", f"TEM-000{number}")["parcel_id"])
    world.post(WORKER, f"/parcels/{parcel_id}/offer", {"receiver_kind": "post_office", "receiver_id": OFFICE})
    return parcel_id


def test_bulk_acceptance_goes_on_after_an_exception(world: World) -> None:
    """If this fails one bad parcel in a list of forty stops the other thirty-nine."""
    for number in (1, 2, 3):
        offered_to_office(world, number)
    cashier = Person(world, CASHIER)
    page = cashier.send(
        "/buu-cuc", "/ban-giao/nhan", TAKEN | {"seals": "TEM-0001\nLA-9999\ntem-0002, tem-0002"}
    )
    assert "Đã nhận: 2 túi. Không được: 1 túi. Tem LA-9999" in page
    waiting = world.get(CASHIER, "/parcels?state=offered")["parcels"]
    assert [parcel["seal"] for parcel in waiting] == ["TEM-0003"]


def test_nothing_is_taken_without_its_seal_and_its_count(world: World) -> None:
    """If this fails a hand-over is a click: nobody looked at the seal or the number of papers."""
    parcel_id = offered_to_office(world, 1)
    cashier, page = Person(world, CASHIER), "/buu-cuc"
    assert "Quét hoặc gõ số tem" in cashier.send(page, "/ban-giao/nhan", {"counted": "true"})
    assert "Chưa xác nhận" in cashier.send(page, "/ban-giao/nhan", {"seals": "TEM-0001"})
    wrong = TAKEN | {"seals": "TEM-0001", f"count-{parcel_id}": "2"}
    assert "Số giấy tờ khác với sổ (3)" in cashier.send(page, "/ban-giao/nhan", wrong)
    assert len(world.get(CASHIER, "/parcels?state=offered")["parcels"]) == 1
    assert "Đã nhận: 1 túi." in cashier.send(page, "/ban-giao/nhan", TAKEN | {"seals": "TEM-0001"})


def test_the_worker_page_shows_no_past_days(world: World) -> None:
    """If this fails names and addresses of people served long ago stay on a phone that may be lost."""
    world.appoint("visit-1")
    worker = Person(world, WORKER)
    assert "Nguyễn Thị Sen" in worker.open(f"/buu-ta?ngay={DAY}")
    world.clock.set(at(DAY + timedelta(days=1), "08:00"))
    page = worker.open(f"/buu-ta?ngay={DAY}")
    assert "Chỉ xem được hôm nay" in page
    assert "Nguyễn Thị Sen" not in page


def test_a_difference_by_form(world: World) -> None:
    """If this fails a cashier cannot close a day with a difference on the page, or nobody sees it there."""
    world.appoint("visit-1")
    world.pick_up()
    cashier, board = Person(world, CASHIER), f"/thu-quy?ngay={DAY}"
    action = f"/thu-quy/w-001/{DAY}/chenh-lech"
    fields = {"ledger": "fare", "kind": "shortage", "amount": "6.000", "explanation": "mất"}
    assert "ít nhất 10 ký tự" in cashier.send(board, action, fields)
    cashier.send(board, action, fields | {"explanation": "rơi khi trả lại tiền"})
    cashier.send(board, f"/thu-quy/w-001/{DAY}/nop", {"fee": "15000", "fare": "30.000"})
    page = cashier.send(board, f"/thu-quy/w-001/{DAY}/khoa")
    assert "có chênh lệch đã giải trình" in page
    assert "Thiếu 6.000 đ" in Person(world, INSPECTOR).open("/so-ban-giao")


def test_a_page_never_holds_two_connections(world: World) -> None:
    """If this fails a few people who press a button at once starve the pool and wait for each other."""
    out: list[int] = []
    held = 0

    def taken(*_: object) -> None:
        nonlocal held
        held += 1
        out.append(held)

    def given_back(*_: object) -> None:
        nonlocal held
        held -= 1

    event.listen(world.service.engine, "checkout", taken)
    event.listen(world.service.engine, "checkin", given_back)
    test_a_dossier_goes_from_the_phone_page_to_the_desk_page(world)
    world.appoint("visit-9", request_id="request-9", hour="16:00")
    worker, path = Person(world, WORKER), "/buu-ta/luot/visit-9"
    worker.send(f"{path}/khong-thanh", f"{path}/ket-thuc/khong-thanh", {"reason": "not_home"}, 409)
    officer = Person(world, OFFICER)
    dossier = f"/mot-cua/ho-so/{world.get(OFFICER, '/desk/dossiers')['dossiers'][0]['dossier_id']}"
    answer = officer.client.post(f"{dossier}/mo", headers=world.headers(OFFICER))
    assert answer.status_code == 409
    assert max(out) == 1


def test_no_route_reads_while_it_acts(world: World) -> None:
    """If this fails a new endpoint keeps a reading session open around the command it executes."""

    def calls(dependant: Any) -> set[Any]:
        return {dependant.call}.union(*(calls(inner) for inner in dependant.dependencies))

    routes = [route for module in ROUTERS for route in module.routes if isinstance(route, APIRoute)]
    both = [route.path for route in routes if {reading, Executor} <= calls(route.dependant)]
    assert len(routes) > 30
    assert both == []


def test_an_unknown_scan_is_said_in_red(world: World) -> None:
    """If this fails a parcel of another desk looks like one of ours."""
    page = Person(world, OFFICER).open("/mot-cua?ma=LA-9999")
    assert 'class="verdict bad"' in page
    assert f"Một cửa xã Thử {UNIT[-1]}" in page
