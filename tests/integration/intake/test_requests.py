"""Requests through the API: agreed, refused, repeated, changed and withdrawn."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from shared.clock import DemoClock
from shared.contracts.intake import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentRescheduled,
    RequestCancelled,
    RequestReceived,
)
from tests.integration.intake.conftest import (
    DESK,
    INSPECTOR,
    OFFICE,
    OPERATOR,
    UNIT,
    Intake,
    details,
    introduce,
    open_intake,
    stop,
    window,
)


def test_a_phone_request_is_confirmed_and_published_in_order(intake: Intake) -> None:
    """Without it a confirmed visit could be unknown to routing, or come before its request."""
    request = intake.confirmed()
    assert request["status"] == "confirmed"
    assert request["office_id"] == OFFICE
    kinds = [event["kind"] for event in intake.published()]
    assert kinds == ["received", "appointment_confirmed"]
    (visit,) = intake.published(AppointmentConfirmed)
    assert visit["purpose"] == "pickup"
    assert visit["phone"] == "+84900000123"
    assert visit["place"]["unit_id"] == UNIT
    assert intake.told(request["request_id"]) == ["confirmed"]


def test_a_citizen_asks_without_an_account(intake: Intake) -> None:
    """Without it citizens would need somebody to type for them."""
    answer = intake.post("/api/requests", details())
    assert answer.status_code == 201
    assert intake.published(RequestReceived)[0]["channel"] == "web"


def test_the_same_key_has_one_effect_and_another_body_is_refused(intake: Intake) -> None:
    """A double click would book two visits, or a reused key would hide a second request."""
    first = intake.post("/api/requests", details(), key="double-click-1")
    again = intake.post("/api/requests", details(), key="double-click-1")
    other = intake.post("/api/requests", details(note="khác"), key="double-click-1")
    assert first.json() == again.json()
    assert len(intake.published(AppointmentConfirmed)) == 1
    assert other.status_code == 409


def test_guidance_is_what_an_identity_card_gets_at_home(intake: Intake) -> None:
    """A worker would be sent to collect papers that may not be collected."""
    intake.confirmed(procedure_code="CA-CAN-CUOC")
    assert intake.published(AppointmentConfirmed)[0]["purpose"] == "guidance"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"procedure_code": "9.999999"}, "procedure.unknown", "procedure_code"),
        ({"procedure_code": "2.000815"}, "procedure.not_at_home", "procedure_code"),
        ({"phone": "12"}, "phone.special", "phone"),
        ({"address": "Duy Xuyên"}, "address.unclear", "address"),
        ({"address": "phường Hải Châu, Đà Nẵng"}, "coverage.outside", "address"),
        ({"lat": 21.0, "lon": 105.8, "unit_id": UNIT}, "address.pin_far", "address"),
        ({"unit_id": "new-0"}, "unit.unknown", "unit_id"),
        (
            {"window": window("07:30", "09:30", date(2026, 11, 24))},
            "window.past",
            "window",
        ),
        (
            {"window": window("07:30", "09:30", date(2026, 11, 28))},
            "window.day_off",
            "window",
        ),
        ({"consent": False}, "consent.missing", "consent"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    intake: Intake, change: dict[str, object], code: str, field: str
) -> None:
    """A citizen would be promised what nobody can keep, or not learn what to change."""
    answer = intake.post("/api/requests", details(**change))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code)
    assert field in problem["errors"]
    assert intake.published() == []


def test_every_fault_is_named_at_once(intake: Intake) -> None:
    """A citizen would correct one field after the other, each time sent back."""
    answer = intake.post("/api/requests", details(phone="12", consent=False, procedure_code="nope-nope"))
    assert {"phone", "consent", "procedure_code"} <= set(answer.json()["errors"])


def test_a_holiday_is_refused_with_what_is_possible_instead(intake: Intake) -> None:
    """A citizen would be left alone with a no."""
    answer = intake.post("/api/requests", details(window=window("07:30", "09:30", day=date(2027, 1, 1))))
    assert answer.json()["code"] == "window.day_off"
    assert any("30/12/2026" in hint or "31/12/2026" in hint for hint in answer.json()["hints"])


def test_a_changed_window_is_published_told_and_makes_old_plans_stale(intake: Intake) -> None:
    """A worker would come at the old time, or the citizen would not learn of the new one."""
    request = intake.scheduled(intake.confirmed())
    path = f"/api/operator/requests/{request['request_id']}/reschedule"
    body = {"appointment_id": request["appointment_id"], "window": window("13:30", "15:30")}
    answer = intake.post(path, body, OPERATOR)
    assert answer.json()["status"] == "confirmed"
    assert len(intake.published(AppointmentRescheduled)) == 1
    intake.applied(stop(request, "w-002"))
    shown = intake.get(f"/api/operator/requests/{request['request_id']}", OPERATOR).json()
    assert shown["status"] == "confirmed"
    assert shown["appointments"][0]["worker_id"] is None
    assert intake.told(request["request_id"]) == ["confirmed", "worker_assigned", "rescheduled"]


def test_going_back_to_the_first_window_accepts_its_plan_again(intake: Intake) -> None:
    """A window that was promised twice would be taken for a stale one for ever."""
    request = intake.confirmed()
    path = f"/api/operator/requests/{request['request_id']}/reschedule"
    for start, end in (("13:30", "15:30"), ("09:30", "11:30")):
        body = {"appointment_id": request["appointment_id"], "window": window(start, end)}
        assert intake.post(path, body, OPERATOR).status_code == 200
    intake.applied(stop(request))
    shown = intake.get(f"/api/operator/requests/{request['request_id']}", OPERATOR).json()
    assert shown["status"] == "scheduled"


def test_a_withdrawn_request_takes_its_visit_along(intake: Intake) -> None:
    """A worker would drive to somebody who said no."""
    request = intake.scheduled(intake.confirmed())
    path = f"/api/operator/requests/{request['request_id']}/cancel"
    assert intake.post(path, {"reason": "đã tự nộp"}, OPERATOR).json()["status"] == "cancelled"
    assert len(intake.published(AppointmentCancelled)) == len(intake.published(RequestCancelled)) == 1
    assert intake.post(path, {"reason": "lần nữa"}, OPERATOR).status_code == 409
    intake.applied(stop(request))
    assert intake.told(request["request_id"])[-1] == "cancelled"


def test_the_status_page_answers_only_to_code_and_digits(intake: Intake) -> None:
    """Anybody with a code could read and change a stranger's request."""
    request = intake.confirmed()
    right = intake.post("/api/status", {"code": request["code"].lower(), "last4": "0123"})
    wrong = intake.post("/api/status", {"code": request["code"], "last4": "0124"})
    unknown = intake.post("/api/status", {"code": "BBBBBBBB", "last4": "0123"})
    assert right.json()["status"] == "confirmed"
    assert wrong.status_code == unknown.status_code == 404
    assert wrong.json()["detail"] == unknown.json()["detail"]
    for word in ("Sen", "900000123", "Đông Gia"):
        assert word not in right.text


def test_guessing_digits_is_stopped(intake: Intake) -> None:
    """Ten thousand tries would open every request."""
    request = intake.confirmed()
    codes = [
        intake.post("/api/status", {"code": request["code"], "last4": f"{guess:04d}"}).status_code
        for guess in range(12)
    ]
    assert codes[0] == 404
    assert codes[-1] == 429


MANY = {"status_rate": "1000/minute", "status_rate_per_code": "1000/minute"}
"""The limits by minute out of the way."""


def test_ten_wrong_tries_lock_a_code_until_the_next_day(tmp_path: Path, clock: DemoClock) -> None:
    """Slow guessing from many addresses, over restarts, would open a request in the end."""
    intake = introduce(open_intake(tmp_path, clock, **MANY))
    known = {"code": intake.confirmed()["code"], "last4": "0123"}
    wrong = [{**known, "last4": f"{guess:04d}"} for guess in range(10)]
    assert [intake.post("/api/status", body).status_code for body in wrong] == [404] * 9 + [429]
    restarted = open_intake(tmp_path, clock, **MANY)
    refused = restarted.post("/api/status", known)
    assert (refused.status_code, refused.json()["code"]) == (429, "status.locked")
    assert "tổng đài 1022" in refused.json()["detail"]
    clock.set(clock() + timedelta(hours=24))
    assert restarted.post("/api/status", known).status_code == 200


def test_wrong_tries_of_another_day_are_forgotten(tmp_path: Path, clock: DemoClock) -> None:
    """A citizen who mistypes now and then would be locked out some day."""
    intake = introduce(open_intake(tmp_path, clock, **MANY))
    body = {"code": intake.confirmed()["code"], "last4": "9999"}
    for _ in range(2):
        tries = [intake.post("/api/status", body).status_code for _ in range(9)]
        assert tries == [404] * 9
        clock.set(clock() + timedelta(hours=25))


def test_a_code_that_does_not_exist_locks_alike(tmp_path: Path, clock: DemoClock) -> None:
    """The lock would tell a guesser which codes exist."""
    intake = open_intake(tmp_path, clock, **MANY)
    unknown = {"code": "BBBBBBBB", "last4": "0000"}
    tries = [intake.post("/api/status", unknown).status_code for _ in range(11)]
    assert tries == [404] * 9 + [429] * 2


def test_equal_keys_of_two_citizens_do_not_meet(intake: Intake) -> None:
    """One citizen would be shown another one's code, or be refused because of a stranger."""
    first = intake.post("/api/requests", details(), key="same-key-1").json()
    again = intake.post("/api/requests", details(), key="same-key-1").json()
    other = intake.post("/api/requests", details(phone="0900000456"), key="same-key-1")
    assert again == first
    assert other.status_code == 201
    assert other.json()["code"] != first["code"]


def test_a_citizen_changes_and_withdraws_by_code(intake: Intake) -> None:
    """A citizen would have to call for every change."""
    request = intake.confirmed()
    known = {"code": request["code"], "last4": "0123"}
    moved = {**known, "appointment_id": request["appointment_id"], "window": window("15:00", "17:00")}
    assert intake.post("/api/status/reschedule", moved).status_code == 200
    assert intake.post("/api/status/cancel", known).json()["status"] == "cancelled"


def test_a_stranger_s_appointment_cannot_be_moved_with_an_own_code(intake: Intake) -> None:
    """A citizen could move somebody else's visit."""
    mine, other = intake.confirmed(), intake.confirmed(phone="0900000456")
    body = {
        "code": mine["code"],
        "last4": "0123",
        "appointment_id": other["appointment_id"],
        "window": window("15:00", "17:00"),
    }
    assert intake.post("/api/status/reschedule", body).status_code == 404


def test_operator_routes_are_for_operators(intake: Intake) -> None:
    """Names and phones would be open to everybody."""
    assert intake.get("/api/operator/requests").status_code == 401
    assert intake.get("/api/operator/requests", DESK).status_code == 403
    assert intake.get("/api/overview", OPERATOR).status_code == 403
    assert intake.get("/api/overview", INSPECTOR).status_code == 200


def test_procedures_are_found_by_the_people_s_words(intake: Intake) -> None:
    """Citizens do not know official titles."""
    found = intake.get("/api/procedures", q="lam giay khai sinh cho con").json()
    assert found[0]["procedure_code"] == "1.001193"
    assert found[0]["documents"]
    assert len(intake.get("/api/procedures").json()) == 30


def test_windows_and_addresses_are_open_to_all(intake: Intake) -> None:
    """A program of another channel could not offer what can be kept."""
    assert intake.get("/api/windows", days=2).json()[0]["text"].startswith("09:30–11:30")
    answer = intake.post("/api/addresses/resolve", {"text": "xã Duy Vinh, Duy Xuyên"}).json()
    assert answer["unit_id"] == UNIT
