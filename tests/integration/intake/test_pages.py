"""The pages, as a browser without JavaScript sends them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import pytest

from services.intake.application.commands import NewAccount, RegisterAccounts
from shared.actor import Actor, Role
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import AppointmentConfirmed
from shared.web.roles import stated_routes
from tests.integration.intake.conftest import BIRTH, INSPECTOR, OPERATOR, UNIT, Intake, details
from tests.integration.intake.test_zalo import write

PAGE = {"accept": "text/html"}
WHO = {"applicant_name": "Nguyễn Thị Hoa Sen", "phone": "0900000123"}
ADDRESS = "tổ 3 thôn Đông Gia xã Duy Vinh, Duy Xuyên, Quảng Nam"


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the first form that posts with a csrf field."""
    form = next(part for part in page.split("<form")[1:] if 'name="csrf"' in part and "dang-xuat" not in part)
    form = form.split("</form>")[0]
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in pairs}


def first_window(page: str) -> str:
    """The value of the first offered window."""
    found = re.search(r'value="([^"]+/[^"]+\+00:00)"', page)
    assert found, page
    return unescape(found[1])


def send(intake: Intake, path: str, page: str, **values: str) -> Any:
    """Sends the first form of `page` with what a person typed."""
    return intake.client.post(path, data={**hidden(page), **values}, headers=PAGE)


def sign_in(intake: Intake, actor: Actor) -> None:
    """Gives the browser the cookie of a signed-in person."""
    intake.client.cookies.set("tannha_session", intake.signer.issue(actor))


def test_a_citizen_books_in_four_steps(intake: Intake) -> None:
    """Without JavaScript and an account nobody could book."""
    client = intake.client
    assert "Đăng ký khai sinh" in client.get("/dat-lich", params={"q": "giay khai sinh"}, headers=PAGE).text
    about = client.get("/dat-lich", params={"thu_tuc": BIRTH}, headers=PAGE).text
    assert "Giấy chứng sinh" in about
    assert "26.000 đ" in about
    where = client.get("/dat-lich/noi-den", params={"thu_tuc": BIRTH}, headers=PAGE).text
    when = send(intake, "/dat-lich/gio-hen", where, address=ADDRESS, **WHO)
    assert when.status_code == 200
    review = send(intake, "/dat-lich/xem-lai", when.text, window=first_window(when.text))
    assert "Xã Nam Phước" in review.text
    assert 'name="consent" value="true" required' in review.text
    assert "checked" not in review.text
    done = send(intake, "/dat-lich/gui", review.text, consent="true")
    assert done.status_code == 200
    assert "Mã yêu cầu của Ông/Bà" in done.text
    again = send(intake, "/dat-lich/gui", review.text, consent="true")
    (booked,) = intake.published(AppointmentConfirmed)
    assert hidden(done.text)["code"] == hidden(again.text)["code"] == booked["code"]


def test_a_code_stands_in_no_address(intake: Intake) -> None:
    """Histories, logs and the next site would know the code that opens a request."""
    code = intake.confirmed()["code"]
    sign_in(intake, OPERATOR)
    found = send(intake, "/tong-dai", intake.client.get("/tong-dai", headers=PAGE).text, q=code)
    assert "Kết quả tìm" in found.text
    intake.client.cookies.clear()
    front = intake.client.get("/tra-cuu", headers=PAGE).text
    door = intake.client.post("/tra-cuu", data={**hidden(front), "code": code}, headers=PAGE)
    assert door.status_code == 200
    assert f'value="{code}"' in door.text
    seen = send(intake, "/tra-cuu", door.text, code=code, last4="0123")
    for page in (found.text, door.text, seen.text):
        assert not re.search(rf'(href|action)="[^"]*{code}', page)
    assert code not in intake.client.get("/tra-cuu", params={"ma": code}, headers=PAGE).text


def test_operators_search_a_phone_without_writing_it_into_an_address(intake: Intake) -> None:
    """Phone numbers would be kept in histories and access logs."""
    request = intake.confirmed()
    sign_in(intake, OPERATOR)
    inbox = intake.client.get("/tong-dai", headers=PAGE).text
    assert re.search(r'<form method="post" action="/tong-dai"', inbox)
    found = send(intake, "/tong-dai", inbox, q="0900000123")
    assert request["code"] in found.text
    nothing = send(intake, "/tong-dai", inbox, q="0900000999")
    assert request["code"] not in nothing.text


def test_a_private_matter_is_named_neutrally_on_the_status_page(intake: Intake) -> None:
    """Whoever looks over a shoulder would read what somebody is ashamed of."""
    request = intake.confirmed(procedure_code="1.004873")
    known = {"code": request["code"], "last4": "0123"}
    seen = send(intake, "/tra-cuu", intake.client.get("/tra-cuu", headers=PAGE).text, **known)
    assert request["code"] in seen.text
    assert "hôn nhân" not in seen.text
    sign_in(intake, OPERATOR)
    assert "hôn nhân" in intake.client.get(f"/tong-dai/{request['request_id']}", headers=PAGE).text


def test_without_consent_nothing_is_stored_and_the_text_stays(intake: Intake) -> None:
    """Consent must be an act (law 91/2025), and a forgotten tick must not cost the typed text."""
    where = intake.client.get("/dat-lich/noi-den", params={"thu_tuc": BIRTH}, headers=PAGE).text
    when = send(intake, "/dat-lich/gio-hen", where, address=ADDRESS, **WHO).text
    review = send(intake, "/dat-lich/xem-lai", when, window=first_window(when)).text
    refused = send(intake, "/dat-lich/gui", review)
    assert refused.status_code == 422
    assert "đồng ý" in refused.text
    assert "Hoa Sen" in refused.text
    assert intake.published() == []


def test_an_ambiguous_address_is_asked_about_with_choices(intake: Intake) -> None:
    """ "Duy Xuyên" was a district and is a commune; a guess would send the worker to the wrong one."""
    where = intake.client.get("/dat-lich/noi-den", params={"thu_tuc": BIRTH}, headers=PAGE).text
    asked = send(intake, "/dat-lich/gio-hen", where, address="Duy Xuyên", **WHO)
    assert asked.status_code == 422
    assert 'value="Duy Xuyên"' in asked.text
    assert f'name="unit_id" value="{UNIT}"' in asked.text
    when = send(intake, "/dat-lich/gio-hen", asked.text, address="Duy Xuyên", unit_id=UNIT, **WHO)
    assert "Khi nào nhân viên đến?" in when.text


def test_wrong_fields_are_named_in_vietnamese(intake: Intake) -> None:
    """A citizen would not know what to correct."""
    where = intake.client.get("/dat-lich/noi-den", params={"thu_tuc": BIRTH}, headers=PAGE).text
    page = send(intake, "/dat-lich/gio-hen", where, applicant_name="", phone="12", address="").text
    assert "Chưa nhập họ và tên." in page
    assert "Chưa nhập địa chỉ." in page
    assert 'value="12"' in page


def test_a_wish_in_words_finds_the_nearest_windows(intake: Intake) -> None:
    """A citizen with another hour in mind would have to give up."""
    where = intake.client.get("/dat-lich/noi-den", params={"thu_tuc": BIRTH}, headers=PAGE).text
    when = send(intake, "/dat-lich/gio-hen", where, address=ADDRESS, **WHO).text
    wished = send(intake, "/dat-lich/xem-lai", when, wish="chiều thứ sáu", find="1")
    assert "13:30–15:30 thứ Sáu 27/11/2026" in wished.text
    unclear = send(intake, "/dat-lich/xem-lai", when, wish="blah", find="1")
    assert unclear.status_code == 422


def test_what_cannot_be_done_at_home_says_why(intake: Intake) -> None:
    """A citizen would book a visit in vain."""
    page = intake.client.get("/dat-lich", params={"thu_tuc": "2.000815"}, headers=PAGE).text
    assert "bưu tá không làm thay được" in page
    assert "/dat-lich/noi-den?thu_tuc=2.000815" not in page
    assert intake.client.get("/dat-lich/noi-den", params={"thu_tuc": "2.000815"}).status_code == 303


def test_the_status_page_shows_changes_and_asks_before_it_cancels(intake: Intake) -> None:
    """A slip of the thumb would cancel, or a citizen could not change anything."""
    request = intake.confirmed()
    door = intake.client.get("/tra-cuu", headers=PAGE).text
    known = {"code": request["code"], "last4": "0123"}
    seen = send(intake, "/tra-cuu", door, **known)
    assert "09:30–11:30 thứ Năm 26/11/2026" in seen.text
    moved = send(
        intake,
        "/tra-cuu/doi-gio",
        seen.text,
        window=first_window(seen.text),
        appointment_id=request["appointment_id"],
    )
    assert "Đã đổi giờ hẹn." in moved.text
    asked = send(intake, "/tra-cuu/huy", door, idempotency_key="cancel-key-1", **known)
    assert "Huỷ yêu cầu này?" in asked.text
    done = send(intake, "/tra-cuu/huy", door, idempotency_key="cancel-key-2", sure="true", **known)
    assert "Đã huỷ yêu cầu." in done.text
    wrong = send(intake, "/tra-cuu", door, code=request["code"], last4="9999")
    assert wrong.status_code == 404


def test_a_form_without_our_token_is_refused(intake: Intake) -> None:
    """Another site could book or cancel in a citizen's name."""
    refused = intake.client.post("/tra-cuu/huy", data={"code": "x", "last4": "0123"}, headers=PAGE)
    assert refused.status_code == 403


def test_an_operator_enters_a_call_on_one_page(intake: Intake) -> None:
    """A call would take longer than a minute."""
    sign_in(intake, OPERATOR)
    form = intake.client.get("/tong-dai/moi", headers=PAGE).text
    values = {**WHO, "address": ADDRESS, "procedure_code": BIRTH, "channel": "phone", "wish": "sáng mai"}
    missing = send(intake, "/tong-dai/moi", form, **values)
    assert missing.status_code == 422
    assert 'value="0900000123"' in missing.text
    done = send(intake, "/tong-dai/moi", form, consent="true", **values)
    assert done.status_code == 303, done.text
    page = intake.client.get(done.headers["location"], headers=PAGE).text
    assert "thứ Năm 26/11/2026" in page
    assert "Nguyễn Thị Hoa Sen" in page
    inbox = intake.client.get("/tong-dai", headers=PAGE).text
    assert "N. T. H. Sen" in inbox
    assert "Nguyễn Thị Hoa Sen" not in inbox


def test_an_operator_completes_a_zalo_draft(intake: Intake) -> None:
    """Messages by Zalo would pile up."""
    write(intake)
    sign_in(intake, OPERATOR)
    inbox = intake.client.get("/tong-dai", headers=PAGE).text
    link = re.search(r'href="(/tong-dai/[0-9A-Z]{26})"', inbox)
    assert link
    draft = intake.client.get(link[1], headers=PAGE).text
    assert "Chiều mai đến nhà tôi" in draft
    values = {**WHO, "address": ADDRESS, "procedure_code": BIRTH, "window": first_window(draft)}
    done = send(intake, f"{link[1]}/hoan-thien", draft, consent="true", **values)
    assert done.status_code == 303, done.text
    page = intake.client.get(link[1], headers=PAGE).text
    moved = intake.client.post(
        f"{link[1]}/doi-gio",
        data={**hidden(page), "new_window": first_window(draft)},
        headers=PAGE,
    )
    assert moved.status_code == 409
    cancelled = intake.client.post(
        f"{link[1]}/huy",
        data={**hidden(page), "reason": "đã tự nộp", "idempotency_key": "cancel-it-1"},
        headers=PAGE,
    )
    assert cancelled.status_code == 303


def register(intake: Intake, **other: Any) -> None:
    """One demo account."""
    account = {
        "account": "dieudo1",
        "password": "mat-khau-demo",
        "name": "Phan Thị Điều",
        "role": Role.DISPATCHER,
        "office": "office-20632",
        "demo": True,
    }
    command = RegisterAccounts(accounts=(NewAccount.model_validate({**account, **other}),))
    intake.service.bus.execute(command, ActorRef.system("intake"))


def test_signing_in_leads_to_the_own_place_and_never_elsewhere(intake: Intake) -> None:
    """A dispatcher would land nowhere, or a link could lead to a stranger's site after signing in."""
    register(intake)
    page = intake.client.get("/dang-nhap", params={"next": "https://evil.example/"}, headers=PAGE).text
    wrong = send(intake, "/dang-nhap", page, account="dieudo1", password="khong-phai")
    assert wrong.status_code == 401
    assert "khong-phai" not in wrong.text
    right = send(intake, "/dang-nhap", page, account="DieuDo1", password="mat-khau-demo")
    assert right.headers["location"] == "http://127.0.0.1:8102/dieu-do"
    assert "HttpOnly" in right.headers["set-cookie"]


def test_the_api_signs_in_with_the_same_accounts(intake: Intake) -> None:
    """Programs and the demonstration could not act as people."""
    register(intake)
    answer = intake.post("/api/session", {"account": "dieudo1", "password": "mat-khau-demo"}).json()
    assert (answer["role"], answer["office"]) == ("dispatcher", "office-20632")
    assert intake.post("/api/session", {"account": "nobody", "password": "mat-khau-demo"}).status_code == 401


@pytest.mark.parametrize("actor", [OPERATOR, INSPECTOR, None])
def test_every_page_that_may_be_seen_renders(intake: Intake, actor: Actor | None) -> None:
    """A broken template would show a citizen a failure."""
    request = intake.scheduled(intake.confirmed())
    if actor:
        sign_in(intake, actor)
    for route in stated_routes(intake.app):
        if "GET" not in route.methods or route.path == "/readyz":
            continue
        path = route.path.replace("{request_id}", request["request_id"])
        answer = intake.client.get(path, headers=PAGE)
        assert answer.status_code < 500, (path, answer.text)
        roles: Any = route.permission.roles
        if roles is not None and (actor is None or actor.role not in roles):
            assert answer.status_code in (303, 401, 403), path


def test_guessing_a_password_is_stopped(intake: Intake) -> None:
    """A program would try words until one fits."""
    register(intake)
    body: Mapping[str, str] = {"account": "dieudo1", "password": "khong-phai-dau"}
    codes = [intake.post("/api/session", dict(body)).status_code for _ in range(12)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_typed_text_is_never_markup(intake: Intake) -> None:
    """A name could carry a script into the operator's page."""
    request = intake.confirmed(applicant_name="<script>alert(1)</script>", note="<b>x</b>")
    sign_in(intake, OPERATOR)
    page = intake.client.get(f"/tong-dai/{request['request_id']}", headers=PAGE).text
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert details()["applicant_name"] not in page
