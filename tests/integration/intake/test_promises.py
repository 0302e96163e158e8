"""A promise is kept or announced before it starts; what happens on the road counts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.clock import at
from shared.contracts.intake import (
    AppointmentCancelled,
    AppointmentConfirmed,
    AppointmentRescheduled,
    RequestClosed,
)
from shared.contracts.postal import (
    DossierOpened,
    DossierRefused,
    ResultCollected,
    ResultDelivered,
    SupplementRequested,
    VisitStarted,
)
from tests.integration.intake.conftest import INSPECTOR, OFFICE, OPERATOR, Intake, stop, window
from tests.integration.intake.test_journey import completed, failed, picked_up, started, status_of

TOMORROW = date(2026, 11, 26)
BY_THE_POST: dict[str, Any] = {"reason": "worker_breakdown", "cause": "post"}


def again(intake: Intake, request: dict[str, Any]) -> dict[str, Any]:
    """The request with its newest appointment."""
    newest = intake.published(AppointmentConfirmed)[-1]
    return {**request, "appointment_id": newest["appointment_id"], "window": newest["window"]}


def withdraw(intake: Intake, request: dict[str, Any]) -> None:
    """The citizen withdraws."""
    path = f"/api/operator/requests/{request['request_id']}/cancel"
    assert intake.post(path, {}, OPERATOR).status_code == 200


@pytest.mark.parametrize("planned", [True, False])
def test_a_visit_given_up_before_anybody_set_off_is_held_again(intake: Intake, planned: bool) -> None:
    """A worker's broken motorbike would leave the citizen waiting, with nobody told."""
    request = intake.scheduled(intake.confirmed()) if planned else intake.confirmed()
    intake.applied(failed(request, **BY_THE_POST))
    second = again(intake, request)
    assert second["appointment_id"] != request["appointment_id"]
    seen = status_of(intake, request)
    assert (seen["status"], seen["appointments"][0]["status"]) == ("confirmed", "failed")
    assert intake.told(request["request_id"])[-1] == "visit_failed"


def test_what_the_post_spoiled_does_not_count_against_the_citizen(intake: Intake) -> None:
    """A citizen who was at home each time would be sent to the counter."""
    request = intake.scheduled(intake.confirmed())
    for _ in range(3):
        intake.applied(failed(request, **BY_THE_POST))
        request = again(intake, request)
    assert intake.published(AppointmentConfirmed)[-1]["attempt"] == 1
    intake.applied(started(request), failed(request))
    request = again(intake, request)
    intake.applied(failed(request, attempt=2, **BY_THE_POST))
    request = again(intake, request)
    assert intake.published(AppointmentConfirmed)[-1]["attempt"] == 2
    intake.applied(started(request), failed(request, attempt=2))
    assert intake.told(request["request_id"])[-1] == "held_at_counter"


def test_a_worker_who_was_on_the_way_overtakes_a_withdrawal(intake: Intake) -> None:
    """Papers would be away from home for a request that says it is over."""
    request = intake.scheduled(intake.confirmed())
    withdraw(intake, request)
    intake.applied(started(request))
    assert status_of(intake, request)["status"] == "in_visit"
    assert intake.told(request["request_id"])[-1] == "coming_despite_cancel"
    rid = request["request_id"]
    intake.applied(
        DossierOpened(dossier_id="d-1", request_id=rid, procedure_code="1.001193"),
        completed(request, "picked_up", paper_count=3, dossier_id="d-1"),
        ResultDelivered(dossier_id="d-1", request_id=rid, delivered_at=at(TOMORROW, "16:00")),
    )
    assert status_of(intake, request)["status"] == "closed"


def test_a_pickup_that_is_reported_without_its_start_counts_too(intake: Intake) -> None:
    """What was done at the door would be lost because one message was."""
    request = intake.scheduled(intake.confirmed())
    withdraw(intake, request)
    intake.applied(completed(request, "picked_up", paper_count=3))
    assert status_of(intake, request)["status"] == "picked_up"
    assert intake.told(request["request_id"])[-2:] == ["coming_despite_cancel", "picked_up"]


def test_a_withdrawn_request_is_not_booked_again_after_a_vain_visit(intake: Intake) -> None:
    """A citizen who said no would be visited the next day."""
    request = intake.scheduled(intake.confirmed())
    withdraw(intake, request)
    intake.applied(started(request), failed(request))
    assert status_of(intake, request)["status"] == "cancelled"
    assert len(intake.published(AppointmentConfirmed)) == 1


def test_a_lost_window_is_announced_once_before_it_starts(intake: Intake) -> None:
    """A citizen would wait at home for a worker whom nobody ever named."""
    request = intake.confirmed()
    intake.clock.set(at(TOMORROW, "08:40"))
    assert intake.sweep() == 0
    intake.clock.set(at(TOMORROW, "08:46"))
    assert intake.sweep() == 1
    assert intake.sweep() == 0
    (moved,) = intake.published(AppointmentRescheduled)
    assert moved["window"]["start"] == at(date(2026, 11, 27), "09:30").isoformat().replace("+00:00", "Z")
    notice = intake.get("/api/notices", OPERATOR, request_id=request["request_id"]).json()[-1]
    assert notice["about"] == "window_lost"
    assert "09:30–11:30 thứ Năm 26/11/2026" in notice["text"]
    assert "09:30–11:30 thứ Sáu 27/11/2026" in notice["text"]
    (visit,) = intake.get("/api/overview", INSPECTOR).json()["appointments"]
    assert len(visit["former_windows"]) == 1


def test_a_visit_with_a_worker_keeps_its_window(intake: Intake) -> None:
    """A planned visit would be thrown out."""
    intake.scheduled(intake.confirmed())
    intake.clock.set(at(TOMORROW, "09:00"))
    assert intake.sweep() == 0


def test_a_fresh_booking_is_left_to_the_planner_for_a_while(intake: Intake) -> None:
    """The earliest window on offer could never be kept: it would be moved at once."""
    intake.clock.set(at(TOMORROW, "08:29"))
    intake.confirmed()
    intake.clock.set(at(TOMORROW, "08:46"))
    assert intake.sweep() == 0
    intake.clock.set(at(TOMORROW, "08:51"))
    assert intake.sweep() == 1


def test_a_plan_for_a_lost_window_comes_too_late(intake: Intake) -> None:
    """A worker would come at the hour that was taken back."""
    request = intake.confirmed()
    intake.clock.set(at(TOMORROW, "08:46"))
    intake.sweep()
    intake.applied(stop(request))
    seen = status_of(intake, request)["appointments"][0]
    assert (seen["status"], seen["worker_id"]) == ("confirmed", None)


def test_each_broken_promise_is_looked_at_alone(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row that cannot be moved would silence all the others."""
    first, second = intake.confirmed(), intake.confirmed(phone="0900000456", window=window("09:30", "11:30"))
    execute = type(intake.service.bus).execute

    def stumbling(bus: Any, command: Any, *rest: Any) -> Any:
        if getattr(command, "appointment_id", "") == first["appointment_id"]:
            raise ZeroDivisionError
        return execute(bus, command, *rest)

    monkeypatch.setattr(type(intake.service.bus), "execute", stumbling)
    intake.clock.set(at(TOMORROW, "08:46"))
    assert intake.sweep() == 1
    assert [event["appointment_id"] for event in intake.published(AppointmentRescheduled)] == [
        second["appointment_id"]
    ]


def test_a_refusal_calls_off_the_visit_for_more_papers(intake: Intake) -> None:
    """A worker would fetch papers that nobody wants any more."""
    request = picked_up(intake)
    common = {"dossier_id": "d-1", "request_id": request["request_id"]}
    intake.applied(
        SupplementRequested(items=("Giấy chứng sinh",), **common),
        DossierRefused(reason="Không thuộc thẩm quyền", **common),
    )
    visit = again(intake, request)
    assert [event["appointment_id"] for event in intake.published(AppointmentCancelled)] == [
        visit["appointment_id"]
    ]
    assert status_of(intake, request)["status"] == "picked_up"


def test_a_refused_dossier_comes_home_as_what_it_is(intake: Intake) -> None:
    """A citizen would be told of a result that does not exist."""
    request = picked_up(intake)
    common = {"dossier_id": "d-1", "request_id": request["request_id"]}
    intake.applied(
        DossierRefused(reason="Không thuộc thẩm quyền", **common), ResultCollected(office_id=OFFICE, **common)
    )
    home = again(intake, request)
    assert "trả lại" in status_of(intake, request)["appointments"][-1]["purpose_text"]
    start = VisitStarted.model_validate({**started(home, "return").model_dump()})
    intake.applied(
        stop(home),
        start,
        ResultDelivered(delivered_at=at(TOMORROW, "16:00"), **common),
        completed(home, "delivered", "return"),
    )
    assert [event["outcome"] for event in intake.published(RequestClosed)] == ["returned"]
    told = intake.get("/api/notices", OPERATOR, request_id=request["request_id"]).json()
    abouts = [notice["about"] for notice in told]
    refused = abouts.index("dossier_refused")
    assert abouts[refused + 1 :] == [
        "papers_return_scheduled",
        "worker_assigned",
        "worker_coming",
        "papers_returned",
    ]
    assert not [notice["text"] for notice in told[refused + 1 :] if "kết quả" in notice["text"].lower()]
    lines = status_of(intake, request)["progress"]
    assert lines[-1]["text"] == "Nhân viên đã trả lại hồ sơ tại nhà"
