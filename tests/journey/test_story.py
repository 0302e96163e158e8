"""The story the product exists for, over HTTP only: a grandmother of Duy Vinh and her papers.

The due date and the money are worked out by hand from the calendar of November 2026 and the published
fees, so that the product is not its own judge.
"""

from __future__ import annotations

from datetime import date

import pytest

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.demo.checks import invariants, promises, settle
from deploy.stack import Stack
from shared.clock import at
from tests.journey.citizens import Citizen, window, wish
from tests.journey.hands import Hands, refused

MONDAY, HOLIDAY, WEDNESDAY, THURSDAY = (date(2026, 11, day) for day in (23, 24, 25, 26))
DUE = date(2026, 12, 1)
"""Three working days after Thursday the 26th: Friday 27th, Monday 30th, Tuesday 1st."""

CORRECTION = "1.004859"
"""A wrong birth year in the register: three working days, a fee of 15.000 đ, the old paper is given up."""
FEE, FARE, FEE_TRANSFER = 15_000, 26_000, 8_000

OFFICE, DESK = accounts.SHOWN_OFFICE, "new-20599"
DISPATCHER, CASHIER, OFFICER = (
    accounts.dispatcher(OFFICE),
    accounts.cashier(OFFICE),
    accounts.desk_officer(DESK),
)
OTHER_OFFICE, OTHER_DESK = "office-20551", "new-20635"
STRANGER = accounts.cashier(OTHER_OFFICE)


@pytest.mark.timeout(170)
def test_from_a_phone_call_to_the_result_at_home(stack: Stack, product: Product) -> None:
    """The citizen's papers would get lost, be late or be paid twice somewhere between two services."""
    hands = Hands(product)
    stack.clock.set(at(MONDAY, "15:00"))
    grandmother = the_grandmother_phones(product)
    neighbour = a_neighbour_phones(product)

    stack.clock.set(at(WEDNESDAY, "06:30"))
    worker = the_day_is_planned(hands, grandmother, neighbour)
    stack.clock.set(at(WEDNESDAY, "07:40"))
    the_worker_walks_the_steps(hands, grandmother, worker)
    stack.clock.set(at(WEDNESDAY, "09:35"))
    nobody_opens_to_the_worker(hands, neighbour)
    stack.clock.set(at(WEDNESDAY, "12:00"))
    the_dossier_reaches_the_desk(hands, grandmother, worker)
    dossier = the_desk_asks_for_a_paper(hands, grandmother)

    stack.clock.set(at(THURSDAY, "06:40"))
    worker_of_thursday = the_missing_paper_is_brought(hands, grandmother, stack)
    the_desk_accepts(hands, grandmother, dossier)

    stack.clock.set(at(DUE, "08:00"))
    worker_of_the_result = the_result_comes_home(hands, grandmother, dossier, stack)

    workers = {WEDNESDAY: worker, THURSDAY: worker_of_thursday, DUE: worker_of_the_result}
    the_money_is_counted(product, workers)
    settle(product)
    wrong = [
        f"{check.sentence}: {check.seen}" for check in invariants(product, stack.clock()) if not check.holds
    ]
    # The clock leaps over whole days, past other tests' windows: of promises only hers are judged.
    wrong = [sentence for sentence in wrong if "khung giờ" not in sentence]
    appointments = product.get("intake", "/api/overview", accounts.INSPECTOR)["appointments"]
    hers = [one for one in appointments if one["request_id"] == grandmother.request_id]
    assert len(hers) == 3, "pickup, supplement, result"
    assert promises(hers, stack.clock()).holds, hers
    assert wrong == []


def the_grandmother_phones(product: Product) -> Citizen:
    """The operator enters what she says; the holiday is refused with days that are possible."""
    phone = "0900000701"

    def ask(day: date) -> dict[str, str]:
        body = wish(CORRECTION, phone, window(day, "07:30", "09:30"), channel="phone")
        return product.post("intake", "/api/operator/requests", body, accounts.OPERATOR)  # type: ignore[no-any-return]

    problem = refused("window.day_off", ask, HOLIDAY)
    assert "Ngày Văn hóa Việt Nam" in problem["detail"]
    assert any("25/11/2026" in hint for hint in problem["hints"])
    answer = ask(WEDNESDAY)
    citizen = Citizen(product, answer["request_id"], answer["code"], phone)
    citizen.reads("ngày 25/11/2026, khung giờ 07:30–09:30")
    assert citizen.status()["papers"] == []
    assert citizen.visit()["status"] == "confirmed"
    return citizen


def a_neighbour_phones(product: Product) -> Citizen:
    """Somebody else of the village asks for the same day."""
    body = wish("1.014027", "0900000702", window(WEDNESDAY, "09:30", "11:30"), lat=15.8466, lon=108.3371)
    answer = product.post("intake", "/api/operator/requests", body, accounts.OPERATOR)
    return Citizen(product, answer["request_id"], answer["code"], body["phone"])


def the_day_is_planned(hands: Hands, citizen: Citizen, neighbour: Citizen) -> str:
    """The request is a stop with the promised window; the plan gives it to a worker, whom she learns of."""
    hands.stop(DISPATCHER, OFFICE, WEDNESDAY, neighbour.request_id)
    stop = hands.stop(DISPATCHER, OFFICE, WEDNESDAY, citizen.request_id)
    promised = window(WEDNESDAY, "07:30", "09:30")
    assert stop["state"] == "waiting"
    assert stop["window"] == promised
    plan = hands.plan(DISPATCHER, OFFICE, WEDNESDAY)
    assert plan["unassigned"] == []
    stop = hands.stop(DISPATCHER, OFFICE, WEDNESDAY, citizen.request_id)
    assert promised["start"] <= stop["start"] <= promised["end"]
    citizen.hears("worker_assigned")
    assert citizen.visit()["status"] == "scheduled"
    return str(stop["worker_id"])


def the_worker_walks_the_steps(hands: Hands, citizen: Citizen, worker: str) -> None:
    """All mandatory steps in order, by the one worker it was given to, who then has the papers."""
    visit = hands.visit(worker, WEDNESDAY, citizen.request_id)
    visit_id, place = visit["visit_id"], visit["place"]
    other = next(
        one["id"] for one in accounts.workers() if one["office_id"] == OFFICE and one["id"] != worker
    )
    problem = refused("visit.step_out_of_order", hands.step, worker, visit_id, "seal", serial="NP-T-0001")
    assert problem["hints"] == ["Bước phải làm bây giờ: Lên đường."]
    refused("scope.worker", hands.step, other, visit_id, "start")

    hands.step(worker, visit_id, "start")
    citizen.hears("worker_coming")
    state = hands.step(worker, visit_id, "arrive", lat=place["lat"], lon=place["lon"])
    assert state["next_step"] == "identity"
    too_much = {"document": "citizen_card", "masked_number": "049012345678"}
    refused("step.identity_too_much", hands.step, worker, visit_id, "identity", **too_much)
    hands.step(worker, visit_id, "identity", document="citizen_card", masked_number="•••678")
    counted = [{"name": name, "state": "present"} for name in state["papers"]]
    refused("visit.paper_not_counted", hands.step, worker, visit_id, "count_papers", papers=counted[:-1])
    hands.step(worker, visit_id, "count_papers", papers=counted)
    refused("step.incomplete", hands.step, worker, visit_id, "sign", citizen="Tư", worker="")
    hands.step(worker, visit_id, "sign", citizen="Tư", worker="An")
    state = hands.step(worker, visit_id, "seal", serial="NP-T-0001")
    assert state["charge"] == {"fee": FEE, "fare": FARE + FEE_TRANSFER, "total": FEE + FARE + FEE_TRANSFER}
    assert citizen.holders() == {}, "the citizen holds the papers until the last step"
    done = hands.step(worker, visit_id, "collect_fee", exemption="none")
    assert done["outcome"] == "picked_up"

    citizen.sees_holder("dossier", "nhân viên bưu chính")
    citizen.hears("picked_up")
    paid = eventually(lambda: citizen.status()["receipts"], what="the receipt on the status page")
    assert [(one["fee"], one["fare"]) for one in paid] == [(FEE, FARE + FEE_TRANSFER)]
    assert citizen.status()["dossier_code"] == "", "a dossier code is born at the desk, not at the door"


def nobody_opens_to_the_worker(hands: Hands, citizen: Citizen) -> None:
    """A failed attempt becomes an appointment at the same time of the next working day, and is announced."""
    stop = hands.stop(DISPATCHER, OFFICE, WEDNESDAY, citizen.request_id)
    worker = str(stop["worker_id"])
    visit_id = hands.visit(worker, WEDNESDAY, citizen.request_id)["visit_id"]
    hands.step(worker, visit_id, "start")
    hands.step(worker, visit_id, "arrive")
    refused("visit.no_call", hands.fail, worker, visit_id, "not_home", 0)
    hands.fail(worker, visit_id, "not_home", 2)
    citizen.reads("09:30–11:30 thứ Năm 26/11/2026")
    again = citizen.visit()
    assert (again["attempt"], again["status"]) == (2, "confirmed")
    assert hands.stop(DISPATCHER, OFFICE, THURSDAY, citizen.request_id)["state"] == "waiting"


def the_dossier_reaches_the_desk(hands: Hands, citizen: Citizen, worker: str) -> None:
    """Each hand-over has two sides; everybody else is refused, and so is a second acceptance."""
    parcel = hands.held(worker, citizen.request_id, "dossier")
    refused("custody.other_office", hands.offer, worker, parcel, "post_office", OTHER_OFFICE)
    refused("custody.no_way", hands.offer, worker, parcel, "desk", DESK)
    refused("custody.wrong_person", hands.offer, STRANGER, parcel, "post_office", OTHER_OFFICE)
    hands.offer(worker, parcel, "post_office", OFFICE)
    refused("custody.wrong_person", hands.accept, STRANGER, parcel)
    refused("custody.seal_differs", hands.accept, CASHIER, parcel, seal="NP-T-9999")
    assert hands.held(worker, citizen.request_id, "dossier")["holder"]["id"] == worker
    hands.accept(CASHIER, parcel)
    refused("custody.not_offered", hands.accept, CASHIER, parcel)
    citizen.sees_holder("dossier", "Bưu cục Duy Vinh")

    refused("custody.wrong_desk", hands.offer, DISPATCHER, parcel, "desk", OTHER_DESK)
    hands.hand_over(DISPATCHER, parcel, "desk", DESK, OFFICER)
    citizen.sees_holder("dossier", "Bộ phận Một cửa")


def the_desk_asks_for_a_paper(hands: Hands, citizen: Citizen) -> str:
    """Form 02: one list, told to the citizen with the time at which it is fetched."""
    dossier_id = str(hands.held(OFFICER, citizen.request_id, "dossier")["dossier_id"])
    refused("dossier.state", hands.desk, OFFICER, dossier_id, "accept")
    hands.desk(OFFICER, dossier_id, "open", intact=True)
    hands.desk(OFFICER, dossier_id, "supplement", items=["Giấy khai sinh bản cũ"])
    message = citizen.reads("Giấy khai sinh bản cũ")
    assert "07:30–09:30 thứ Năm 26/11/2026" in message
    assert citizen.visit()["purpose"] == "supplement"
    return dossier_id


def the_missing_paper_is_brought(hands: Hands, citizen: Citizen, stack: Stack) -> str:
    """A visit of its own, sealed like the first one, on to the same desk."""
    hands.stop(DISPATCHER, OFFICE, THURSDAY, citizen.request_id)
    hands.plan(DISPATCHER, OFFICE, THURSDAY)
    worker = str(hands.stop(DISPATCHER, OFFICE, THURSDAY, citizen.request_id)["worker_id"])
    visit_id = hands.visit(worker, THURSDAY, citizen.request_id)["visit_id"]
    citizen.knows_who_comes()
    stack.clock.set(at(THURSDAY, "07:45"))
    hands.step(worker, visit_id, "start")
    state = hands.step(worker, visit_id, "arrive")
    assert state["papers"] == ["Giấy khai sinh bản cũ"]
    hands.step(worker, visit_id, "identity", document="vneid", masked_number="678")
    present = [{"name": "Giấy khai sinh bản cũ", "state": "present"}]
    hands.step(worker, visit_id, "count_papers", papers=present)
    hands.step(worker, visit_id, "sign", citizen="Tư", worker="An")
    hands.step(worker, visit_id, "seal", serial="NP-T-0002")
    done = hands.step(worker, visit_id, "collect_fee", exemption="none")
    assert (done["outcome"], done["charge"]["total"]) == ("supplement_collected", FARE)

    stack.clock.set(at(THURSDAY, "11:00"))
    parcel = hands.held(worker, citizen.request_id, "supplement")
    hands.hand_over(worker, parcel, "post_office", OFFICE, CASHIER)
    hands.hand_over(DISPATCHER, parcel, "desk", DESK, OFFICER)
    citizen.sees_holder("supplement", "Bộ phận Một cửa")
    return worker


def the_desk_accepts(hands: Hands, citizen: Citizen, dossier_id: str) -> None:
    """The dossier code and the due date are born; a second acceptance is refused."""
    accepted = hands.desk(OFFICER, dossier_id, "accept")
    assert accepted["dossier_code"].startswith("H17.")
    assert "-261126-" in accepted["dossier_code"]
    assert accepted["due_at"] == at(DUE, "17:00").isoformat()
    refused("dossier.state", hands.desk, OFFICER, dossier_id, "accept")
    message = citizen.reads(accepted["dossier_code"])
    assert "01/12/2026" in message
    status = citizen.status()
    assert (status["dossier_code"], status["due_at"]) == (accepted["dossier_code"], accepted["due_at"])


def the_result_comes_home(hands: Hands, citizen: Citizen, dossier_id: str, stack: Stack) -> str:
    """Ready, collected, planned, carried and given against the old paper, the way it came."""
    hands.desk(OFFICER, dossier_id, "result", seal="KQ-T-0001")
    citizen.hears("result_ready")
    parcel = hands.held(OFFICER, citizen.request_id, "result")
    hands.hand_over(OFFICER, parcel, "post_office", OFFICE, DISPATCHER)
    citizen.sees_holder("result", "Bưu cục Duy Vinh")
    citizen.reads("ngày 01/12/2026, khung giờ 13:30–15:30")

    hands.stop(DISPATCHER, OFFICE, DUE, citizen.request_id)
    hands.plan(DISPATCHER, OFFICE, DUE)
    worker = str(hands.stop(DISPATCHER, OFFICE, DUE, citizen.request_id)["worker_id"])
    visit_id = hands.visit(worker, DUE, citizen.request_id)["visit_id"]
    citizen.knows_who_comes()
    stack.clock.set(at(DUE, "13:40"))
    refused("visit.nothing_to_deliver", hands.step, worker, visit_id, "start")
    hands.hand_over(DISPATCHER, parcel, "worker", worker, worker)
    citizen.sees_holder("result", "nhân viên bưu chính")
    hands.step(worker, visit_id, "start")
    hands.step(worker, visit_id, "arrive")
    state = hands.step(worker, visit_id, "identity", document="citizen_card", masked_number="678")
    assert state["next_step"] == "withdraw_papers"
    given_up = [{"name": name, "state": "taken"} for name in state["withdraw"]]
    hands.step(worker, visit_id, "withdraw_papers", papers=given_up)
    hands.step(worker, visit_id, "collect_fee", exemption="none")
    hands.step(worker, visit_id, "sign", citizen="Tư", worker="An")
    assert hands.step(worker, visit_id, "hand_over")["outcome"] == "delivered"

    citizen.reads("đã được giao đến Ông/Bà")
    eventually(lambda: citizen.status()["status"] == "closed", what="the request to close")
    citizen.sees_holder("result", "Ông/Bà")
    return worker


def the_money_is_counted(product: Product, workers: dict[date, str]) -> None:
    """Fee and fare in ledgers of their own; no day closes before it is zero, and none closes twice."""
    collected = {WEDNESDAY: (FEE, FARE + FEE_TRANSFER), THURSDAY: (0, FARE), DUE: (0, FARE)}
    for day, worker in workers.items():
        path = f"/api/cashbooks/{worker}/{day.isoformat()}"
        fee, fare = collected[day]
        refused("cash.not_zero", product.post, "postal_bridge", f"{path}/close", {}, CASHIER)
        mixed = {"fee": fee + fare, "fare": 0}
        refused("cash.over", product.post, "postal_bridge", f"{path}/deposit", mixed, CASHIER)
        product.post("postal_bridge", f"{path}/deposit", {"fee": fee, "fare": fare}, CASHIER)
        closed = product.post("postal_bridge", f"{path}/close", {}, CASHIER)
        assert closed["in_hand"] == {"fee": 0, "fare": 0, "total": 0}
        refused("cash.closed", product.post, "postal_bridge", f"{path}/deposit", {"fare": 1}, CASHIER)
