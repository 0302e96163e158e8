"""Moving a stop by hand: previewed, done, refused with the rule, kept by later plans."""

from __future__ import annotations

from typing import Any

from shared.clock import at
from shared.contracts.postal import VisitStarted

from .conftest import DAY, DISPATCHER, STRANGER, Routing, appointment


def worker_of(routing: Routing, stop_id: str) -> Any:
    """Who has the stop now."""
    return next(stop["worker_id"] for stop in routing.stops() if stop["stop_id"] == stop_id)


def preview(routing: Routing, stop_id: str, to_worker: str) -> dict[str, Any]:
    """What the move would do."""
    answer = routing.client(DISPATCHER).get(
        f"/api/stops/{stop_id}/move-preview", params={"to_worker": to_worker}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_move_shows_its_price_and_then_does_it(routing: Routing) -> None:
    """Broken when a move costs something else than was shown, or nobody is told of the new worker."""
    for number in (1, 2, 3):
        routing.hear(appointment(number))
    before = routing.plan()
    other = "w-002" if worker_of(routing, "s-3") == "w-001" else "w-001"
    shown = preview(routing, "s-3", other)
    assert shown["allowed"]
    after = routing.client(DISPATCHER).post("/api/stops/s-3/move", json={"to_worker": other}).json()
    assert worker_of(routing, "s-3") == other
    assert round((after["travel_seconds"] - before["travel_seconds"]) / 60) == shown["added_minutes"]
    assert (after["revision"], after["origin"]) == (2, "move")
    told = routing.published("routing.stop.v1/scheduled")[-1]
    assert (told["stop_id"], told["worker_id"]) == ("s-3", other)


def test_a_later_plan_keeps_the_move(routing: Routing) -> None:
    """Broken when the next search undoes what the dispatcher decided."""
    for number in (1, 2):
        routing.hear(appointment(number))
    routing.plan()
    other = "w-002" if worker_of(routing, "s-2") == "w-001" else "w-001"
    routing.move("s-2", other)
    routing.hear(appointment(3))
    routing.plan()
    assert worker_of(routing, "s-2") == other


def test_a_worker_without_the_skill_is_refused_with_the_rule(routing: Routing) -> None:
    """Broken when a manual move bypasses a constraint the planner keeps."""
    routing.hear(appointment(1, code="2.002"))
    routing.plan()
    assert worker_of(routing, "s-1") == "w-002"
    shown = preview(routing, "s-1", "w-001")
    assert (shown["allowed"], shown["violations"][0]["code"]) == (False, "skill.missing")
    answer = routing.client(DISPATCHER).post("/api/stops/s-1/move", json={"to_worker": "w-001"})
    assert (answer.status_code, answer.json()["code"]) == (409, "skill.missing")
    assert worker_of(routing, "s-1") == "w-002"


def test_a_worker_of_another_office_is_refused(routing: Routing) -> None:
    """Broken when a stop leaves its office by hand."""
    routing.hear(appointment(1))
    routing.plan()
    answer = routing.client(DISPATCHER).post("/api/stops/s-1/move", json={"to_worker": "w-009"})
    assert (answer.status_code, answer.json()["code"]) == (409, "worker.none")


def test_a_started_stop_cannot_be_moved(routing: Routing) -> None:
    """Broken when a worker at the door loses the visit to a colleague."""
    routing.hear(appointment(1))
    routing.plan()
    worker = str(worker_of(routing, "s-1"))
    routing.hear(
        VisitStarted(
            visit_id="s-1",
            request_id="r-1",
            worker_id=worker,
            purpose="pickup",
            started_at=at(DAY, "07:30"),
        )
    )
    answer = routing.client(DISPATCHER).post("/api/stops/s-1/move", json={"to_worker": "w-002"})
    assert (answer.status_code, answer.json()["code"]) == (409, "stop.not_open")


def test_another_offices_dispatcher_may_not_move(routing: Routing) -> None:
    """Broken when anybody with the right role may move anybody's stops."""
    routing.hear(appointment(1))
    routing.plan()
    client = routing.client(STRANGER)
    assert client.post("/api/stops/s-1/move", json={"to_worker": "w-002"}).status_code == 403
    assert client.get("/api/stops/s-1/move-preview", params={"to_worker": "w-002"}).status_code == 403


def test_a_move_leaves_new_stops_waiting(routing: Routing) -> None:
    """Broken when a move by hand declares a stop unassignable that no search has looked at."""
    routing.hear(appointment(1))
    routing.plan()
    routing.hear(appointment(2))
    other = "w-002" if worker_of(routing, "s-1") == "w-001" else "w-001"
    routing.move("s-1", other)
    assert [stop["state"] for stop in routing.stops()] == ["planned", "waiting"]
    assert routing.published("routing.stop.v1/unassigned") == []


def test_a_waiting_stop_can_be_given_to_a_worker_at_once(routing: Routing) -> None:
    """Broken when a dispatcher must plan the whole day again for one urgent stop."""
    routing.hear(appointment(1))
    routing.plan()
    routing.hear(appointment(2))
    routing.move("s-2", "w-002")
    assert worker_of(routing, "s-2") == "w-002"
