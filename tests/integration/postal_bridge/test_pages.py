"""The pages as people use them: forms of our own pages, in the order of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

import httpx
from fastapi.testclient import TestClient

from shared.actor import Actor
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
        sent = httpx.QueryParams([*hidden, *ticked]).merge(fields or {})
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
    cashier.send("/buu-cuc", "/ban-giao/nhan")
    dispatcher.send("/buu-cuc", "/ban-giao/giao")
    assert "TEM-0001 · Hồ sơ · 3 giấy tờ" in officer.open("/mot-cua?ma=TEM-0001")
    officer.send("/mot-cua", "/ban-giao/nhan")

    dossier_id = world.get(OFFICER, "/desk/dossiers")["dossiers"][0]["dossier_id"]
    dossier = f"/mot-cua/ho-so/{dossier_id}"
    officer.send(dossier, f"{dossier}/mo", {"seal": "TEM-0001", "intact": "true"})
    assert "hẹn trả 01/12/2026" in officer.open(dossier)
    accepted = officer.send(dossier, f"{dossier}/tiep-nhan")
    assert "mã hồ sơ H17.101-261125-0001" in accepted
    officer.send(dossier, f"{dossier}/ket-qua", {"serial": "KQ-0001"})
    officer.send("/mot-cua", "/ban-giao/giao", {"receiver": f"post_office:{OFFICE}"})
    dispatcher.send("/buu-cuc", "/ban-giao/nhan")
    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    assert "(theo lộ trình)" in dispatcher.open("/buu-cuc")
    parcel_id = world.get(DISPATCHER, "/parcels?state=held")["parcels"][0]["parcel_id"]
    dispatcher.send("/buu-cuc", "/ban-giao/giao", {f"receiver-{parcel_id}": "worker:w-001"})
    worker.send("/buu-ta/ban-giao", "/ban-giao/nhan")

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


def test_bulk_acceptance_goes_on_after_an_exception(world: World) -> None:
    """If this fails one bad parcel in a list of forty stops the other thirty-nine."""
    world.appoint("visit-1")
    picked = world.pick_up()
    world.post(
        WORKER,
        f"/parcels/{picked['parcel_id']}/offer",
        {"receiver_kind": "post_office", "receiver_id": OFFICE},
    )
    cashier = Person(world, CASHIER)
    page = cashier.send(
        "/buu-cuc", "/ban-giao/nhan", {"parcel_id": "01JUNKJUNKJUNKJUNKJUNKJUNK"}
    )  # replaces the ticked one
    assert "Không được: 1 túi" in page
    assert "Đã nhận: 1 túi." in cashier.send("/buu-cuc", "/ban-giao/nhan")


def test_an_unknown_scan_is_said_in_red(world: World) -> None:
    """If this fails a parcel of another desk looks like one of ours."""
    page = Person(world, OFFICER).open("/mot-cua?ma=LA-9999")
    assert 'class="verdict bad"' in page
    assert f"Một cửa xã Thử {UNIT[-1]}" in page
