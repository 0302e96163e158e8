"""Promises without a worker, people nobody called back and pickups nobody told of are found in time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from shared.clock import at
from shared.contracts.postal import DossierOpened
from shared.contracts.routing import StopUnassigned
from tests.integration.intake.conftest import INSPECTOR, OPERATOR, Intake, stop
from tests.integration.intake.test_journey import completed, started
from tests.integration.intake.test_zalo import drafts, write

TOMORROW = date(2026, 11, 26)


def findings(intake: Intake, rule: str) -> list[dict[str, Any]]:
    """What a rule finds now, by the API."""
    answer = intake.get("/api/operations/reconciliation", INSPECTOR).json()
    report = next(entry for entry in answer["rules"] if entry["rule"] == rule)
    assert report["looked"]
    return list(report["findings"])


def test_a_promise_without_a_worker_is_found_while_there_is_time(intake: Intake) -> None:
    """The dispatcher would hear of it only when the window is given up, 45 minutes ahead."""
    request = intake.confirmed()
    intake.clock.set(at(TOMORROW, "07:29"))
    assert findings(intake, "confirmed_unplanned") == []
    intake.clock.set(at(TOMORROW, "07:31"))
    (found,) = findings(intake, "confirmed_unplanned")
    assert (found["subject"], found["heard"]) == (request["appointment_id"], "nothing")
    assert request["code"] in found["advice"]
    assert "Hoa Sen" not in found["advice"]
    intake.applied(stop(request))
    assert findings(intake, "confirmed_unplanned") == []


def test_a_refused_stop_is_told_with_the_planners_reason(intake: Intake) -> None:
    """Nobody would know whether routing has not heard of the visit or has nobody for it."""
    request = intake.confirmed()
    intake.applied(
        StopUnassigned(
            stop_id=request["appointment_id"],
            request_id=request["request_id"],
            office_id="office-a",
            day=TOMORROW,
            reason_code="time",
            reason="Không đủ thời gian trong ca.",
        )
    )
    intake.clock.set(at(TOMORROW, "08:00"))
    (found,) = findings(intake, "confirmed_unplanned")
    assert found["heard"] == "unassigned"
    assert "Không đủ thời gian trong ca." in found["advice"]


def test_a_lost_promise_is_no_finding_once_it_was_announced(intake: Intake) -> None:
    """What the promise keeper has mended would be shown for ever."""
    intake.confirmed()
    intake.clock.set(at(TOMORROW, "09:10"))
    assert len(findings(intake, "confirmed_unplanned")) == 1
    assert intake.sweep() == 1
    assert findings(intake, "confirmed_unplanned") == []


def test_a_citizen_nobody_called_back_is_found_after_a_day(intake: Intake) -> None:
    """A request that lacks one answer would wait in a list that nobody reads to its end."""
    assert write(intake).status_code == 200
    (draft,) = drafts(intake)
    intake.clock.set(intake.clock() + timedelta(hours=23))
    assert findings(intake, "request_silent") == []
    intake.clock.set(intake.clock() + timedelta(hours=2))
    assert [found["subject"] for found in findings(intake, "request_silent")] == [draft["request_id"]]


def test_a_pickup_whose_dossier_nobody_told_of_is_found(intake: Intake) -> None:
    """Lost news from the post would leave papers away from home and the status page silent."""
    request = intake.scheduled(intake.confirmed())
    intake.applied(started(request), completed(request, "picked_up", paper_count=4, dossier_id="d-1"))
    intake.clock.set(intake.clock() + timedelta(minutes=16))
    assert [found["subject"] for found in findings(intake, "pickup_unheard")] == [request["request_id"]]
    intake.applied(
        DossierOpened(dossier_id="d-1", request_id=request["request_id"], procedure_code="1.001193")
    )
    assert findings(intake, "pickup_unheard") == []


def test_the_page_is_in_the_administrators_menu(intake: Intake) -> None:
    """A page nobody finds is no page."""
    page = intake.client.get("/quan-tri/doi-soat", headers=intake.headers(INSPECTOR))
    assert page.status_code == 200
    assert "Đối soát" in page.text
    front = intake.client.get("/quan-tri", headers=intake.headers(INSPECTOR))
    assert "/quan-tri/doi-soat" in front.text
    assert intake.client.get("/quan-tri/doi-soat", headers=intake.headers(OPERATOR)).status_code == 403
