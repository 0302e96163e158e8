"""The journey as people see it in a real Chromium: on a phone, at a desk, by keyboard, without scripts."""

from __future__ import annotations

import re
from datetime import date

import pytest
from playwright.sync_api import expect

from deploy.demo import accounts
from deploy.demo.api import Product
from deploy.stack import Stack
from shared.clock import at
from tests.browser.people import DESKTOP, People
from tests.journey.citizens import window, wish
from tests.journey.hands import Hands

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

OFFICE, DESK = accounts.SHOWN_OFFICE, "new-20599"
DISPATCHER, OFFICER = accounts.dispatcher(OFFICE), accounts.desk_officer(DESK)
MARRIAGE = "1.004873"

HOMES = (
    ("Lê Thị Sáu", "0900000721", 15.8431, 108.3402, "07:30", "09:30"),
    ("Trần Văn Bảy", "0900000722", 15.8466, 108.3371, "07:30", "09:30"),
    ("Bùi Thị Tám", "0900000723", 15.8390, 108.3290, "07:30", "09:30"),
    ("Ngô Văn Chín", "0900000724", 15.8520, 108.3260, "09:30", "11:30"),
    ("Hồ Thị Mười", "0900000725", 15.8350, 108.3440, "09:30", "11:30"),
    ("Phan Văn Hai", "0900000726", 15.8300, 108.3150, "09:30", "11:30"),
    ("Võ Thị Ba", "0900000727", 15.8480, 108.3480, "13:30", "15:30"),
    ("Đỗ Văn Năm", "0900000728", 15.8410, 108.3210, "15:00", "17:00"),
)
"""Name, phone, pin and window of the people of the day."""


def test_a_citizen_books_without_javascript_on_a_phone(people: People, today: date) -> None:
    """Who has an old phone or a bad line could not ask for a visit, or not find the request again."""
    citizen = people.somebody("phone", script=False)
    page = citizen.page
    citizen.goes_to("intake", "/")
    citizen.looks("front-360")
    citizen.follows("Đặt lịch")
    page.get_by_label("Tìm thủ tục").fill("lam giay khai sinh cho con")
    citizen.presses("Tìm")
    citizen.looks("booking-1-search-360")
    citizen.follows("Đăng ký khai sinh")
    citizen.looks("booking-1-procedure-360")
    citizen.follows("Hẹn thu gom hồ sơ tại nhà")
    page.get_by_label("Họ và tên").fill("Đặng Thị Xuân")
    page.get_by_label("Số điện thoại").fill("0900 000")
    page.get_by_label("Địa chỉ").fill("Tổ 3, thôn Đông Bình, xã Duy Vinh, Duy Xuyên")
    citizen.presses("Tiếp tục chọn giờ")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Họ và tên")).to_have_value("Đặng Thị Xuân")
    citizen.looks("booking-2-wrong-phone-360")
    page.get_by_label("Số điện thoại").fill("0900 000 731")
    citizen.presses("Tiếp tục chọn giờ")
    page.get_by_label("Giờ Ông/Bà mong muốn").fill("sáng Chủ nhật")
    citizen.presses("Tìm giờ gần nhất")
    expect(page.get_by_role("status").filter(has_text="nghỉ cuối tuần")).to_be_visible()
    citizen.looks("booking-3-wish-360")
    page.get_by_role("radio").last.check()
    citizen.presses("Tiếp tục", exact=True)
    citizen.looks("booking-4-review-360")
    page.get_by_label("Tôi đồng ý").check()
    citizen.presses("Đặt lịch")
    expect(page.get_by_role("heading", name="Mã yêu cầu của Ông/Bà")).to_be_visible()
    citizen.looks("booking-5-done-360")
    citizen.presses("Xem yêu cầu")
    page.get_by_label("4 số cuối điện thoại").fill("0731")
    citizen.presses("Xem", exact=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Đã hẹn lịch")
    citizen.looks("status-1-booked-360")


def test_an_operator_enters_a_request_by_keyboard_alone(people: People, today: date) -> None:
    """A caller would wait while the operator hunts for the mouse; sixty seconds a call are the aim."""
    operator = people.somebody()
    page, keys = operator.page, operator.page.keyboard
    operator.goes_to("intake", "/dang-nhap")
    operator.tabs_to(page.get_by_label("Tài khoản"))
    keys.type(accounts.OPERATOR)
    operator.tabs_to(page.get_by_label("Mật khẩu"))
    keys.type(accounts.PASSWORD)
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tổng đài")
    operator.tabs_to(page.get_by_role("main").get_by_role("link", name="Nhập yêu cầu"))
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nhập yêu cầu")
    operator.tabs_to(page.get_by_label("Số điện thoại"))
    keys.type("0900000732")
    operator.tabs_to(page.get_by_label("Họ và tên"))
    keys.type("Huỳnh Văn Đông")
    operator.picks(page.get_by_label("Thủ tục"), "Đăng ký khai tử")
    operator.tabs_to(page.get_by_label("Địa chỉ"))
    keys.type("thôn Trà Đông, xã Duy Vinh, Duy Xuyên")
    operator.tabs_to(page.get_by_label("Giờ mong muốn"))
    keys.type("sáng Chủ nhật")
    operator.looks_on_a_phone_too("operator-1-form")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("nghỉ cuối tuần")
    operator.looks("operator-2-refused")
    operator.picks(page.get_by_label("Khung giờ"), "13:30–15:30")
    operator.tabs_to(page.get_by_label("Đã đọc và người dân đồng ý"))
    keys.press("Space")
    operator.tabs_to(page.get_by_role("button", name="Hẹn lịch"))
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Mã yêu cầu")).to_be_visible()
    operator.looks_on_a_phone_too("operator-3-request")
    operator.goes_to("intake", "/tong-dai")
    operator.looks_on_a_phone_too("operator-4-inbox")


def test_a_day_on_the_screens_of_those_who_work(
    people: People, product: Product, stack: Stack, today: date
) -> None:
    """Each click of the chain works alone in the API; a person would be stuck at the first dead button."""
    codes = people_ask(product, today)
    moved = the_dispatcher_plans_and_moves(people, today)
    code, phone = next((code, phone) for code, phone in codes.items() if code == moved)
    hands = Hands(product)
    request_id = product.get("intake", "/api/operator/requests", accounts.OPERATOR, q=code)[0]["request_id"]
    stop = hands.stop(DISPATCHER, OFFICE, today, request_id)
    hands.visit(stop["worker_id"], today, request_id)
    stack.clock.set(at(today, "07:40"))
    the_worker_walks_a_pickup(people, stop["worker_id"], stop["stop_id"])
    the_counter_passes_it_on(people)
    the_desk_accepts(people)
    the_citizen_looks_it_up(people, code, phone)


def people_ask(product: Product, day: date) -> dict[str, str]:
    """Eight requests of the day by telephone: code → phone."""
    codes, hands = {}, Hands(product)
    for name, phone, lat, lon, start, end in HOMES:
        promise = window(day, start, end)
        body = wish(MARRIAGE, phone, promise, applicant_name=name, lat=lat, lon=lon, channel="phone")
        answer = product.post("intake", "/api/operator/requests", body, accounts.OPERATOR)
        codes[answer["code"]] = phone
        hands.stop(DISPATCHER, OFFICE, day, answer["request_id"])
    return codes


def the_dispatcher_plans_and_moves(people: People, day: date) -> str:
    """From an unplanned day to a plan on a map, and one stop given to somebody else; gives its code."""
    dispatcher = people.colleague(DISPATCHER)
    page = dispatcher.page
    dispatcher.goes_to("routing", f"/dieu-do?ngay={day.isoformat()}")
    dispatcher.looks_on_a_phone_too("dispatcher-1-unplanned")
    dispatcher.presses("Lập lộ trình")
    page.wait_for_url("**/tien-do/**")
    dispatcher.looks("dispatcher-2-progress")
    page.wait_for_url("**/dieu-do?**", timeout=60_000)
    expect(page.locator("#ban-do .pin").first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Đã có lộ trình số")).to_be_visible()
    dispatcher.looks_on_a_phone_too("dispatcher-3-planned")

    first = page.get_by_role("listitem").filter(has_text="07:30–09:30").first
    code = first.locator(".code").inner_text()
    first.get_by_role("link", name="Chuyển sang").click()
    dispatcher.looks_on_a_phone_too("dispatcher-4-move")
    page.get_by_role("button", name=re.compile("^Chuyển")).first.click()
    expect(page.get_by_role("status").filter(has_text=f"Đã chuyển điểm {code}")).to_be_visible()
    expect(page.locator("li", has_text=code).get_by_text("đã giao tay")).to_be_visible()
    dispatcher.looks("dispatcher-5-moved")
    return code


def the_worker_walks_a_pickup(people: People, account: str, visit_id: str) -> None:
    """Every step on a 360 px phone, then the envelope is given to the post office."""
    worker = people.colleague(account, "phone")
    page = worker.page
    worker.goes_to("postal_bridge", "/buu-ta")
    worker.looks("worker-01-day-360")
    worker.goes_to("postal_bridge", f"/buu-ta/luot/{visit_id}")
    worker.looks("worker-02-start-360")
    worker.presses("Lên đường")
    worker.presses("Tôi đã đến")
    page.get_by_label("Giấy tờ đã xem").select_option(label="Thẻ căn cước")
    page.get_by_label("Các số cuối của giấy tờ").fill("0123")
    worker.looks("worker-03-identity-360")
    worker.presses("Xong bước này")
    for choice in page.get_by_label("Có", exact=True).all()[:1]:
        choice.check()
    worker.presses("Xong bước này")
    expect(page.get_by_role("alert")).to_contain_text("Chưa đếm")
    worker.looks("worker-04-count-refused-360")
    for choice in page.get_by_label("Có", exact=True).all():
        choice.check()
    worker.presses("Xong bước này")
    page.get_by_label("Người dân ký").fill("S")
    page.get_by_label("Nhân viên ký").fill("A")
    worker.looks("worker-05-sign-360")
    worker.presses("Xong bước này")
    page.get_by_label("Số tem niêm phong").fill("NP-B-0001")
    worker.looks("worker-06-seal-360")
    worker.presses("Xong bước này")
    page.get_by_label("Không thuộc diện miễn").check()
    worker.looks("worker-07-fee-360")
    worker.presses("Đã nhận đủ tiền")
    expect(page.get_by_text("Hoàn thành")).to_be_visible()
    worker.looks("worker-08-done-360")
    worker.goes_to("postal_bridge", "/buu-ta/ban-giao")
    worker.looks("worker-09-handover-360")
    worker.presses("Giao cho bưu cục")
    worker.looks("worker-10-offered-360")


def the_counter_passes_it_on(people: People) -> None:
    """The post office takes the envelope and gives it to the desk."""
    counter = people.colleague(DISPATCHER)
    counter.goes_to("postal_bridge", "/buu-cuc")
    counter.looks_on_a_phone_too("counter-1-incoming")
    counter.page.get_by_label("Quét tem từng túi vừa nhận").fill("NP-B-0001")
    counter.page.get_by_label("Tem nguyên vẹn, số giấy tờ").check()
    counter.presses("Nhận các túi đã quét")
    counter.presses("Giao Một cửa xã Nam Phước")
    counter.looks("counter-2-offered")


def the_desk_accepts(people: People) -> None:
    """Scanned, taken, opened, accepted: the dossier code and the due date are on the screen."""
    desk = people.colleague(OFFICER)
    page = desk.page
    desk.goes_to("postal_bridge", "/mot-cua")
    expect(page.get_by_label("Quét tem niêm phong")).to_be_focused()
    page.keyboard.type("NP-B-0001")
    page.keyboard.press("Enter")
    desk.looks_on_a_phone_too("desk-1-scanned")
    desk.presses("giấy tờ, nhận túi này")
    desk.looks_on_a_phone_too("desk-2-taken")
    page.get_by_label("Quét tem niêm phong").fill("NP-B-0001")
    page.keyboard.press("Enter")
    page.get_by_label("Tem niêm phong còn nguyên vẹn").check()
    desk.looks("desk-3-open")
    desk.presses("Mở túi")
    desk.looks_on_a_phone_too("desk-4-opened")
    desk.presses("Tiếp nhận, hẹn trả")
    expect(page.get_by_role("heading", level=1)).to_contain_text("H17.")
    desk.looks_on_a_phone_too("desk-5-accepted")


def the_citizen_looks_it_up(people: People, code: str, phone: str) -> None:
    """Who has the papers and when the result is due, in plain words."""
    citizen = people.somebody("phone")
    page = citizen.page
    citizen.goes_to("intake", "/tra-cuu")
    page.get_by_label("Mã yêu cầu").fill(code)
    page.get_by_label("4 số cuối điện thoại").fill(phone[-4:])
    citizen.presses("Xem", exact=True)
    citizen.waits_for(page.get_by_text("Mã hồ sơ H17."))
    expect(page.get_by_text("Bộ phận Một cửa").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Đang giải quyết")
    expect(page.get_by_text("Biên lai")).to_be_visible()
    citizen.looks("status-2-accepted-360")
    page.set_viewport_size(DESKTOP)
    citizen.looks("status-2-accepted")
