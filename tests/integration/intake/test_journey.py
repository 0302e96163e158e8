"""What the other services report, and what the citizen learns from it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from services.intake.application.notice_port import NoticeUndeliverable
from shared.clock import at, local
from shared.contracts.intake import AppointmentConfirmed, NoticeSent, RequestClosed
from shared.contracts.postal import (
    DossierAccepted,
    DossierOpened,
    DossierRefused,
    HandoverAccepted,
    Holder,
    MoneyCollected,
    ParcelSealed,
    ResultCollected,
    ResultDelivered,
    ResultReady,
    SupplementRequested,
    VisitCompleted,
    VisitFailed,
    VisitStarted,
)
from shared.contracts.routing import StopUnassigned, StopWithdrawn, WorkerPublished
from shared.messaging.guard import Outcome
from tests.integration.intake.conftest import (
    INSPECTOR,
    OFFICE,
    OPERATOR,
    TODAY,
    UNIT,
    Intake,
    details,
    stop,
    window,
)

WORKER = Holder(kind="worker", id="w-001")


def started(request: dict[str, Any], purpose: str = "pickup", worker_id: str = "w-001") -> VisitStarted:
    """The worker set off for the request's appointment."""
    return VisitStarted.model_validate(
        {
            "visit_id": request["appointment_id"],
            "request_id": request["request_id"],
            "worker_id": worker_id,
            "purpose": purpose,
            "started_at": at(TODAY, "09:00"),
        }
    )


def completed(request: dict[str, Any], outcome: str, purpose: str = "pickup", **more: Any) -> VisitCompleted:
    """The visit of the request's appointment ended."""
    return VisitCompleted.model_validate(
        {
            "visit_id": request["appointment_id"],
            "request_id": request["request_id"],
            "worker_id": "w-001",
            "purpose": purpose,
            "outcome": outcome,
            "arrived_at": at(TODAY, "09:40"),
            "finished_at": at(TODAY, "09:55"),
            **more,
        }
    )


def failed(request: dict[str, Any], attempt: int = 1, purpose: str = "pickup", **more: Any) -> VisitFailed:
    """Nobody was at home."""
    body = {
        "visit_id": request["appointment_id"],
        "request_id": request["request_id"],
        "worker_id": "w-001",
        "purpose": purpose,
        "attempt": attempt,
        "reason": "not_home",
        "cause": "citizen",
        "arrived_at": at(TODAY, "09:40"),
    }
    return VisitFailed.model_validate({**body, **more})


def picked_up(intake: Intake) -> dict[str, Any]:
    """A request whose papers left the house as dossier d-1, in parcel p-1."""
    request = intake.scheduled(intake.confirmed())
    rid = request["request_id"]
    intake.applied(
        started(request),
        DossierOpened(dossier_id="d-1", request_id=rid, procedure_code="1.001193"),
        ParcelSealed(
            parcel_id="p-1",
            dossier_id="d-1",
            request_id=rid,
            kind="dossier",
            seal="S-1",
            paper_count=4,
            holder=WORKER,
        ),
        completed(request, "picked_up", paper_count=4, dossier_id="d-1", parcel_id="p-1"),
    )
    return request


def status_of(intake: Intake, request: dict[str, Any]) -> dict[str, Any]:
    """What the citizen sees."""
    answer = intake.post("/api/status", {"code": request["code"], "last4": "0123"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_whole_way_from_door_to_desk_and_back(intake: Intake) -> None:
    """The product's one promise: the citizen always knows where the papers are and what comes next."""
    request = picked_up(intake)
    rid = request["request_id"]
    desk, office = Holder(kind="desk", id=UNIT), Holder(kind="post_office", id=OFFICE)
    common = {"dossier_id": "d-1", "request_id": rid}
    intake.applied(
        MoneyCollected(
            cashbook_id="c-1",
            worker_id="w-001",
            day=TODAY,
            visit_id=request["appointment_id"],
            request_id=rid,
            fee=8000,
            fare=26000,
            receipt_no="BL-1",
        ),
        HandoverAccepted(parcel_id="p-1", giver=WORKER, receiver=office, **common),
        HandoverAccepted(parcel_id="p-1", giver=office, receiver=desk, **common),
        DossierAccepted(
            dossier_code="H17.151-261125-0001",
            unit_id=UNIT,
            accepted_at=at(TODAY, "15:00"),
            due_at=at(date(2026, 11, 26), "17:00"),
            **common,
        ),
    )
    seen = status_of(intake, request)
    assert seen["status"] == "picked_up"
    assert seen["papers"][0]["holder"].startswith("Bộ phận Một cửa")
    assert seen["dossier_code"] == "H17.151-261125-0001"
    assert seen["receipts"][0]["fare"] == 26000

    intake.applied(
        ResultReady(unit_id=UNIT, **common),
        ResultCollected(office_id=OFFICE, **common),
    )
    back = intake.published(AppointmentConfirmed)[-1]
    assert (back["purpose"], back["dossier_id"], back["office_id"]) == ("return", "d-1", OFFICE)
    assert local(_instant(back["window"]["start"])) >= local(at(TODAY, "10:00"))
    home = {**request, "appointment_id": back["appointment_id"], "window": back["window"]}
    intake.applied(
        stop(home),
        started(home, "return"),
        ResultDelivered(delivered_at=at(TODAY, "16:00"), **common),
        completed(home, "delivered", "return"),
    )
    assert status_of(intake, request)["status"] == "closed"
    assert [event["outcome"] for event in intake.published(RequestClosed)] == ["delivered"]
    assert intake.told(rid) == [
        "confirmed",
        "worker_assigned",
        "worker_coming",
        "picked_up",
        "dossier_accepted",
        "result_ready",
        "return_scheduled",
        "worker_assigned",
        "worker_coming",
        "result_delivered",
    ]


def test_a_failed_visit_is_held_again_at_the_same_time_of_the_next_working_day(intake: Intake) -> None:
    """A citizen who was out would be forgotten, or be visited on a day off."""
    request = intake.scheduled(intake.confirmed(window=window("13:30", "15:30", date(2026, 11, 27))))
    intake.clock.set(at(date(2026, 11, 27), "14:00"))
    intake.applied(started(request), failed(request))
    again = intake.published(AppointmentConfirmed)[-1]
    assert again["attempt"] == 2
    assert again["window"]["start"] == at(date(2026, 11, 30), "13:30").isoformat().replace("+00:00", "Z")
    assert "phía người dân" in again["note"]
    assert status_of(intake, request)["status"] == "confirmed"
    assert intake.told(request["request_id"])[-1] == "visit_failed"


def test_after_two_failures_the_citizen_chooses(intake: Intake) -> None:
    """A worker would be sent to a closed door for ever."""
    request = intake.scheduled(intake.confirmed())
    intake.applied(started(request), failed(request))
    again = {**request, "appointment_id": intake.published(AppointmentConfirmed)[-1]["appointment_id"]}
    intake.applied(started(again), failed(again, attempt=2))
    assert len(intake.published(AppointmentConfirmed)) == 2
    seen = status_of(intake, request)
    assert (seen["status"], seen["can_book_again"]) == ("failed", True)
    assert intake.told(request["request_id"])[-1] == "held_at_counter"
    body = {"code": request["code"], "last4": "0123", "window": window("15:00", "17:00")}
    assert intake.post("/api/status/book", body).json()["status"] == "confirmed"
    assert intake.published(AppointmentConfirmed)[-1]["attempt"] == 3


def test_missing_papers_are_listed_and_the_visit_can_be_booked_again(intake: Intake) -> None:
    """The citizen would not know what to bring, or could not come back."""
    request = intake.scheduled(intake.confirmed())
    intake.applied(started(request), completed(request, "papers_incomplete", missing=["Giấy chứng sinh"]))
    notices = intake.get("/api/notices", OPERATOR, request_id=request["request_id"]).json()
    assert "Giấy chứng sinh" in notices[-1]["text"]
    assert status_of(intake, request)["can_book_again"]


def test_a_supplement_is_fetched_at_the_hour_that_suited_before(intake: Intake) -> None:
    """The citizen would have to bring the missing paper to the desk."""
    request = picked_up(intake)
    intake.applied(
        SupplementRequested(
            dossier_id="d-1",
            request_id=request["request_id"],
            items=("Giấy chứng sinh",),
            free_of_fare=True,
        )
    )
    visit = intake.published(AppointmentConfirmed)[-1]
    assert (visit["purpose"], visit["dossier_id"]) == ("supplement", "d-1")
    assert local(_instant(visit["window"]["start"])).strftime("%H:%M") == "09:30"
    assert "Miễn cước" in visit["note"]
    assert intake.told(request["request_id"])[-1] == "supplement_needed"


def test_a_refusal_is_told_with_its_reason(intake: Intake) -> None:
    """The citizen would wait for a dossier that nobody works on."""
    request = picked_up(intake)
    intake.applied(
        DossierRefused(dossier_id="d-1", request_id=request["request_id"], reason="Không thuộc thẩm quyền")
    )
    notices = intake.get("/api/notices", OPERATOR, request_id=request["request_id"]).json()
    assert "Không thuộc thẩm quyền" in notices[-1]["text"]


def test_guidance_closes_the_request(intake: Intake) -> None:
    """A request without papers would stay open for ever."""
    request = intake.confirmed(procedure_code="CA-CAN-CUOC")
    intake.applied(stop(request), started(request, "guidance"), completed(request, "guided", "guidance"))
    assert status_of(intake, request)["status"] == "closed"
    assert intake.published(RequestClosed)[0]["outcome"] == "guided"


def test_the_same_worker_planned_again_is_not_told_again(intake: Intake) -> None:
    """Every re-plan would send a message."""
    request = intake.scheduled(intake.confirmed())
    intake.applied(stop(request))
    assert intake.told(request["request_id"]).count("worker_assigned") == 1
    intake.applied(stop(request, "w-002"))
    assert intake.told(request["request_id"]).count("worker_assigned") == 2


def test_a_window_moved_by_the_planner_is_told(intake: Intake) -> None:
    """A worker would come outside of the window that the citizen knows."""
    request = intake.confirmed()
    intake.applied(stop(request, window=window("13:30", "15:30")))
    assert intake.told(request["request_id"]) == ["confirmed", "rescheduled", "worker_assigned"]
    assert status_of(intake, request)["appointments"][0]["window"]["text"].startswith("13:30–15:30")


def test_a_stop_that_left_its_plan_has_no_worker(intake: Intake) -> None:
    """The page would name somebody who does not come."""
    request = intake.scheduled(intake.confirmed())
    day = date(2026, 11, 26)
    common = {"stop_id": request["appointment_id"], "request_id": request["request_id"]}
    intake.applied(StopUnassigned(office_id=OFFICE, day=day, reason_code="full", reason="Hết chỗ", **common))
    visit = status_of(intake, request)["appointments"][0]
    assert (visit["worker_id"], visit["unassigned_reason"]) == (None, "Hết chỗ")
    intake.applied(stop(request), StopWithdrawn(**common))
    assert status_of(intake, request)["status"] == "confirmed"


def test_a_visit_that_overtakes_its_plan_still_counts(intake: Intake) -> None:
    """Plans and visits travel on two streams; the later one must not undo the earlier one."""
    request = intake.confirmed()
    intake.applied(started(request), completed(request, "picked_up", paper_count=2), stop(request))
    assert status_of(intake, request)["status"] == "picked_up"


def test_a_plan_with_an_unknown_worker_waits_for_the_worker(intake: Intake) -> None:
    """A citizen would be told a number instead of a name, or nothing."""
    request = intake.confirmed()
    assert intake.hear(stop(request, "w-099")) is Outcome.WAITING
    intake.applied(WorkerPublished(worker_id="w-099", name="Võ Thị Mới", badge="BC-099", office_id=OFFICE))
    assert status_of(intake, request)["appointments"][0]["worker_name"] == "Võ Thị Mới"


def test_notices_never_join_name_procedure_and_address(intake: Intake) -> None:
    """A message on a shared phone would tell the neighbours (law 91/2025 on personal data)."""
    request = intake.scheduled(intake.confirmed(procedure_code="1.004873"))
    intake.applied(started(request), completed(request, "picked_up", paper_count=1))
    for notice in intake.get("/api/notices", OPERATOR, request_id=request["request_id"]).json():
        for private in ("Hoa Sen", "Đông Gia", "hôn nhân", "900000123"):
            assert private not in notice["text"]


def test_notices_are_sent_in_order_and_published_once(intake: Intake) -> None:
    """A citizen would read news twice or in the wrong order; a dispatcher would not know what was told."""
    request = intake.scheduled(intake.confirmed())
    for _ in range(3):
        intake.send_notices()
    assert [notice.facts["code"] for notice in intake.channel.sent] == [request["code"]] * 2
    assert [event["about"] for event in intake.published(NoticeSent)] == ["confirmed", "worker_assigned"]


def test_an_unreachable_citizen_is_put_on_the_call_list(intake: Intake) -> None:
    """Nobody would call a citizen whom no machine reaches."""
    request = intake.confirmed()
    intake.channel.trouble = [NoticeUndeliverable("no such account")]
    intake.send_notices()
    page = intake.client.get("/tong-dai", headers={**intake.headers(OPERATOR), "accept": "text/html"})
    assert "Cần gọi điện" in page.text
    assert request["code"] in page.text


def test_a_notice_without_a_template_goes_to_the_call_list(intake: Intake) -> None:
    """By phone only approved wordings may be sent; the rest would be lost."""
    request = picked_up(intake)
    intake.applied(
        DossierRefused(dossier_id="d-1", request_id=request["request_id"], reason="Không thuộc thẩm quyền")
    )
    for _ in range(6):
        intake.send_notices()
    assert intake.published(NoticeSent)[-1]["channel"] == "call_list"


def test_the_overview_shows_promises_and_what_became_of_them(intake: Intake) -> None:
    """The end-of-day check could not tell a kept promise from a broken one."""
    request = picked_up(intake)
    seen = intake.get("/api/overview", INSPECTOR).json()
    (visit,) = [v for v in seen["appointments"] if v["request_id"] == request["request_id"]]
    assert visit["arrived_at"]
    assert visit["notices"][0]["about"] == "confirmed"


@pytest.mark.parametrize("address", ["thôn 2 xã Duy Vinh, huyện Duy Xuyên", details()["address"]])
def test_old_names_lead_to_the_unit_of_today(intake: Intake, address: str) -> None:
    """People write the old names for years; their visits would go nowhere."""
    intake.confirmed(address=address)
    assert intake.published(AppointmentConfirmed)[0]["place"]["unit_id"] == UNIT


def _instant(text: str) -> Any:
    return datetime.fromisoformat(text)
