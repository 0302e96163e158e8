"""Stops without a plan and visits gone silent are found before or soon after it matters."""

from __future__ import annotations

from typing import Any

from services.routing.domain.stops import StopState
from shared.clock import at
from shared.contracts.postal import VisitFailed, VisitStarted
from tests.integration.routing.conftest import DAY, DISPATCHER, INSPECTOR, Routing, appointment


def findings(routing: Routing, rule: str) -> list[dict[str, Any]]:
    """What a rule finds now, by the API."""
    answer = routing.client(INSPECTOR).get("/api/operations/reconciliation").json()
    report = next(entry for entry in answer["rules"] if entry["rule"] == rule)
    assert report["looked"]
    return list(report["findings"])


def test_a_stop_without_a_plan_is_found_two_hours_ahead(routing: Routing) -> None:
    """A confirmed visit that no plan has would be noticed at the door, by the citizen."""
    routing.hear(appointment(1, ("09:30", "11:30")))
    routing.now("07:29")
    assert findings(routing, "confirmed_unplanned") == []
    routing.now("07:31")
    (found,) = findings(routing, "confirmed_unplanned")
    assert (found["subject"], found["state"]) == ("s-1", "waiting")
    assert "chưa lập lộ trình" in found["advice"]
    routing.plan()
    assert findings(routing, "confirmed_unplanned") == []


def test_a_stop_the_plan_had_nobody_for_says_why(routing: Routing) -> None:
    """A dispatcher who read the plan yesterday would not read it again today."""
    routing.hear(appointment(1, ("09:30", "11:30"), east_km=200))
    routing.plan()
    routing.now("08:00")
    (found,) = findings(routing, "confirmed_unplanned")
    assert found["state"] == StopState.UNASSIGNED
    assert routing.stops()[0]["reason"] in found["advice"]


def test_a_near_stop_of_a_planned_day_mends_itself(routing: Routing) -> None:
    """The finding would stay although the urgent planner has done its work."""
    routing.hear(appointment(1))
    routing.plan()
    routing.hear(appointment(2, ("09:30", "11:30")))
    routing.now("08:00")
    assert [found["subject"] for found in findings(routing, "confirmed_unplanned")] == ["s-2"]
    routing.insert_urgent()
    assert findings(routing, "confirmed_unplanned") == []


def test_a_visit_nobody_reports_of_is_found_after_its_window(routing: Routing) -> None:
    """A worker who had an accident, or a phone that sends nothing, would be missed by no one."""
    routing.hear(appointment(1))
    worker = routing.plan()["routes"][0]["worker_id"]
    routing.now("10:29")
    assert findings(routing, "visit_silent") == []
    routing.now("10:31")
    (found,) = findings(routing, "visit_silent")
    assert (found["subject"], found["state"], found["worker_id"]) == ("s-1", "planned", worker)
    began = at(DAY, "08:00")
    common = {"visit_id": "s-1", "request_id": "r-1", "purpose": "pickup", "worker_id": worker}
    routing.hear(VisitStarted.model_validate({**common, "started_at": began}))
    assert [found["state"] for found in findings(routing, "visit_silent")] == ["started"]
    ended = {"attempt": 1, "reason": "not_home", "cause": "citizen", "arrived_at": began}
    routing.hear(VisitFailed.model_validate({**common, **ended}))
    assert findings(routing, "visit_silent") == []


def test_the_page_shows_what_the_api_says(routing: Routing) -> None:
    """An administrator without a program would see nothing."""
    routing.hear(appointment(1))
    routing.now("07:00")
    page = routing.client(INSPECTOR).get("/quan-tri/doi-soat")
    assert page.status_code == 200
    assert "MA001" in page.text
    assert routing.client(DISPATCHER).get("/quan-tri/doi-soat").status_code == 403
