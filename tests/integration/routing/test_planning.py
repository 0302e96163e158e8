"""Planning a day through the API: first plan, second plan, rivals, refusals."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlmodel import select

from shared.clock import at
from shared.contracts.intake import (
    AppointmentCancelled,
    AppointmentRescheduled,
    CalendarDayPublished,
    NoticeSent,
    RequestCancelled,
    Window,
)
from shared.contracts.postal import VisitCompleted, VisitFailed, VisitStarted
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow

from .conftest import DAY, DISPATCHER, INSPECTOR, OFFICE, STRANGER, Routing, appointment, procedure


def stops_of(plan: dict[str, Any]) -> dict[str, str]:
    """Stop id to worker id of a plan answer."""
    return {stop["stop_id"]: route["worker_id"] for route in plan["routes"] for stop in route["stops"]}


def test_a_confirmed_appointment_becomes_a_planned_stop(routing: Routing) -> None:
    """Broken when the journey's first link is missing: request, stop, route, StopScheduled in the window."""
    assert routing.hear(appointment(1)) is Outcome.APPLIED
    plan = routing.plan()
    assert list(stops_of(plan)) == ["s-1"]
    assert plan["revision"] == 1
    assert plan["progress"][0]["served"] == 1
    [told] = routing.published("routing.stop.v1/scheduled")
    assert told["stop_id"] == "s-1"
    assert told["plan_id"] == plan["plan_id"]
    assert told["window"]["start"] <= told["expected_arrival"] <= told["window"]["end"]
    [published] = routing.published("routing.plan.v1/published")
    assert published["routes"][0]["stop_ids"] == ["s-1"]


def test_an_appointment_waits_for_its_procedure(routing: Routing) -> None:
    """Broken when a stop is made without knowing how long the visit takes."""
    assert routing.hear(appointment(1, code="9.999")) is Outcome.WAITING
    routing.hear(procedure("9.999", minutes=25))
    [stop] = (
        routing.client(DISPATCHER).get(f"/api/offices/{OFFICE}/stops", params={"day": DAY.isoformat()}).json()
    )
    assert stop["state"] == "waiting"


def test_a_skill_nobody_has_is_said_in_plain_words(routing: Routing) -> None:
    """Broken when an impossible stop disappears or comes back without a reason."""
    routing.hear(procedure("3.003", skill="experienced"))
    routing.hear(appointment(1, code="3.003"))
    plan = routing.plan()
    assert plan["unassigned"][0]["reason_code"] == "skill.missing"
    [told] = routing.published("routing.stop.v1/unassigned")
    assert "nghiệp vụ" in told["reason"]
    routing.plan()
    assert len(routing.published("routing.stop.v1/unassigned")) == 1, "the same reason is told once"


def test_planning_again_tells_only_what_changed(routing: Routing) -> None:
    """Broken when citizens get a message at every planning although nothing changed for them."""
    routing.hear(appointment(1))
    routing.plan()
    routing.hear(appointment(2, ("13:30", "15:30")))
    second = routing.plan()
    assert second["revision"] == 2
    assert [told["stop_id"] for told in routing.published("routing.stop.v1/scheduled")] == ["s-1", "s-2"]


def test_a_started_visit_stays_with_its_worker(routing: Routing) -> None:
    """Broken when a second planning gives a visit under way to somebody else."""
    for number in (1, 2, 3):
        routing.hear(appointment(number))
    first = stops_of(routing.plan())
    worker = first["s-1"]
    routing.now("07:40")
    routing.hear(started("s-1", "r-1", worker, "07:35"))
    routing.hear(appointment(4, ("09:30", "11:30")))
    second = routing.plan()
    assert stops_of(second)["s-1"] == worker
    fixed = [stop for route in second["routes"] for stop in route["stops"] if stop["fixed"]]
    assert [stop["stop_id"] for stop in fixed] == ["s-1"]
    assert {stop["window"]["start"] <= stop["start"] for r in second["routes"] for stop in r["stops"]} == {
        True
    }


def test_finished_visits_open_a_second_tour(routing: Routing) -> None:
    """Broken when a result that is ready at noon cannot be fetched by a worker who is back at the office."""
    routing.hear(appointment(1))
    worker = stops_of(routing.plan())["s-1"]
    routing.hear(started("s-1", "r-1", worker, "07:30"))
    routing.hear(completed("s-1", "r-1", worker, "07:40", "07:55"))
    routing.now("12:00")
    routing.hear(appointment(2, ("15:00", "17:00"), purpose="return"))
    plan = routing.plan()
    assert plan["unassigned"] == []
    assert set(stops_of(plan)) == {"s-1", "s-2"}


def test_workers_on_the_road_come_back_for_a_result(routing: Routing) -> None:
    """Broken when a same-day result is refused only because every worker has already left."""
    routing.hear(appointment(1))
    routing.hear(appointment(2, ("09:30", "11:30")))
    routing.hear(appointment(3))
    routing.hear(appointment(4, ("09:30", "11:30")))
    routing.plan()
    for number, worker in ((1, "w-001"), (2, "w-001"), (3, "w-002"), (4, "w-002")):
        routing.move(f"s-{number}", worker)
    routing.hear(started("s-1", "r-1", "w-001", "07:35"))
    routing.hear(started("s-3", "r-3", "w-002", "07:35"))
    routing.now("07:40")
    routing.hear(appointment(5, ("15:00", "17:00"), purpose="return"))
    plan = routing.plan()
    assert plan["unassigned"] == []
    tours = {stop["stop_id"]: stop["tour"] for route in plan["routes"] for stop in route["stops"]}
    assert tours == {"s-1": 1, "s-2": 1, "s-3": 1, "s-4": 1, "s-5": 2}


def test_revisions_of_a_day_are_one_stream_in_order(routing: Routing) -> None:
    """Broken when a consumer may hear an older revision of a day after a newer one, and drives by it."""
    tomorrow = DAY + timedelta(days=1)
    for day in (DAY, DAY, tomorrow):
        routing.plan(day=day)
    with routing.service.transactions.reading() as session:
        rows = session.exec(select(OutboxRow).where(OutboxRow.topic == "routing.plan.v1")).all()
        seen = [(row.key, row.sequence) for row in rows]
    assert seen == [(f"{OFFICE}:{DAY}", 1), (f"{OFFICE}:{DAY}", 2), (f"{OFFICE}:{tomorrow}", 1)]


def test_two_planners_at_once_one_wins(routing: Routing) -> None:
    """Broken when a plan computed on an older one overwrites it without a word."""
    routing.hear(appointment(1))
    routing.solver.meanwhile = [routing.plan]
    answer = routing.client(DISPATCHER).post(f"/api/offices/{OFFICE}/plans/{DAY}", json={})
    assert answer.status_code == 409
    assert answer.json()["code"] == "plan.newer"
    assert len(routing.published("routing.plan.v1/published")) == 1


def test_a_cancellation_during_the_search_makes_a_new_search(routing: Routing) -> None:
    """Broken when a plan contains a visit that was cancelled while it was being searched."""
    routing.hear(appointment(1))
    routing.hear(appointment(2))
    routing.solver.meanwhile = [
        lambda: routing.hear(AppointmentCancelled(request_id="r-2", appointment_id="s-2", reason="đổi ý"))
    ]
    assert list(stops_of(routing.plan())) == ["s-1"]
    assert len(routing.solver.problems) == 2


def test_the_same_key_answers_the_same_plan(routing: Routing) -> None:
    """Broken when a repeated request makes a second revision."""
    routing.hear(appointment(1))
    client = routing.client(DISPATCHER)
    key = {"idempotency-key": "plan-0001"}
    first = client.post(f"/api/offices/{OFFICE}/plans/{DAY}", json={"seconds": 1}, headers=key).json()
    again = client.post(f"/api/offices/{OFFICE}/plans/{DAY}", json={"seconds": 1}, headers=key).json()
    assert (again["plan_id"], again["revision"]) == (first["plan_id"], 1)
    other = client.post(f"/api/offices/{OFFICE}/plans/{DAY}", json={"seconds": 2}, headers=key)
    assert other.json()["code"] == "idempotency.key_reused"


def test_another_offices_dispatcher_is_refused(routing: Routing) -> None:
    """Broken when scope is only checked by role."""
    client = routing.client(STRANGER)
    assert client.post(f"/api/offices/{OFFICE}/plans/{DAY}", json={}).status_code == 403
    assert client.get(f"/api/offices/{OFFICE}/plans/{DAY}").status_code == 403
    assert client.get(f"/api/offices/{OFFICE}/stops", params={"day": str(DAY)}).status_code == 403
    assert routing.client(INSPECTOR).post(f"/api/offices/{OFFICE}/plans/{DAY}", json={}).status_code == 403


def test_a_day_gone_by_cannot_be_planned(routing: Routing) -> None:
    """Broken when history can be rewritten by planning it again."""
    answer = routing.client(DISPATCHER).post(
        f"/api/offices/{OFFICE}/plans/{DAY - timedelta(days=5)}", json={}
    )
    assert answer.json()["code"] == "plan.day_over"


def test_nobody_works_on_a_day_off_of_the_post(routing: Routing) -> None:
    """Broken when workers are sent out on a holiday."""
    routing.hear(
        CalendarDayPublished(entry_id="x", day=DAY, kind="holiday", scope="post", name="Ngày nghỉ thử")
    )
    routing.hear(appointment(1))
    assert routing.plan()["unassigned"][0]["reason_code"] == "worker.none"


def test_routes_of_today_start_no_earlier_than_now(routing: Routing) -> None:
    """Broken when a plan made at nine sends a worker out at seven."""
    routing.hear(appointment(1))
    routing.hear(appointment(2, ("09:30", "11:30")))
    routing.now("09:31")
    plan = routing.plan()
    assert [left["reason_code"] for left in plan["unassigned"]] == ["window.closed"]
    [stop] = [stop for route in plan["routes"] for stop in route["stops"]]
    assert stop["arrival"] >= at(DAY, "09:31").isoformat()


def test_moving_to_another_day_withdraws_the_stop(routing: Routing) -> None:
    """Broken when a worker still drives to a visit that was moved to tomorrow."""
    routing.hear(appointment(1))
    routing.plan()
    tomorrow = DAY + timedelta(days=1)
    window = Window(start=at(tomorrow, "07:30"), end=at(tomorrow, "09:30"))
    routing.hear(AppointmentRescheduled(request_id="r-1", appointment_id="s-1", window=window))
    assert [event["stop_id"] for event in routing.published("routing.stop.v1/withdrawn")] == ["s-1"]
    assert stops_of(routing.plan()) == {}
    assert list(stops_of(routing.plan(day=tomorrow))) == ["s-1"]
    assert len(routing.published("routing.stop.v1/scheduled")) == 2


def test_a_cancelled_request_takes_all_its_stops_out(routing: Routing) -> None:
    """Broken when one of several visits of a cancelled request stays on a route."""
    routing.hear(appointment(1))
    routing.plan()
    routing.hear(RequestCancelled(request_id="r-1"))
    assert len(routing.published("routing.stop.v1/withdrawn")) == 1
    assert routing.client(INSPECTOR).get("/api/overview").json()["stops_by_state"] == {"withdrawn": 1}


def test_a_stop_never_told_is_withdrawn_in_silence(routing: Routing) -> None:
    """Broken when others hear of the end of something they never heard of."""
    routing.hear(appointment(1))
    routing.hear(AppointmentCancelled(request_id="r-1", appointment_id="s-1"))
    assert routing.published("routing.stop.v1/withdrawn") == []


def test_visits_are_followed_to_their_end(routing: Routing) -> None:
    """Broken when the overview cannot compare promise and arrival."""
    for number in (1, 2):
        routing.hear(appointment(number))
    worker = stops_of(routing.plan())["s-1"]
    routing.hear(started("s-1", "r-1", worker, "07:30"))
    routing.hear(completed("s-1", "r-1", worker, "07:41", "07:52"))
    routing.hear(started("s-2", "r-2", worker, "07:52"))
    routing.hear(failed("s-2", "r-2", worker, "08:01"))
    routing.hear(
        NoticeSent(
            notice_id="n-1", request_id="r-2", appointment_id="s-2", about="visit_failed", channel="zalo",
            sent_at=at(DAY, "08:02"),
        )
    )  # fmt: skip
    answer = routing.client(INSPECTOR).get("/api/overview").json()
    assert answer["stops_by_state"] == {"done": 1, "failed": 1}
    done = answer["stops"][0]
    assert done["arrived_at"] == at(DAY, "07:41").isoformat()
    assert answer["stops"][1]["announced_at"] == at(DAY, "08:02").isoformat()
    routing.now("08:05")
    again = routing.plan()
    assert set(stops_of(again)) == {"s-1", "s-2"}


def test_a_visit_heard_before_its_appointment_waits(routing: Routing) -> None:
    """Broken when events of two topics that cross each other lose a visit."""
    assert routing.hear(started("s-1", "r-1", "w-001", "07:30")) is Outcome.WAITING
    routing.hear(appointment(1))
    [stop] = routing.stops()
    assert stop["state"] == "started"


def test_offices_and_workers_are_listed_by_scope(routing: Routing) -> None:
    """Broken when a dispatcher reads the roster of another office."""
    assert len(routing.client(DISPATCHER).get("/api/offices").json()) == 2
    mine = routing.client(DISPATCHER).get("/api/workers").json()
    assert [row["worker_id"] for row in mine] == ["w-001", "w-002"]
    assert len(routing.client(INSPECTOR).get("/api/workers").json()) == 3
    assert routing.client(None).get("/api/workers").status_code == 401


def test_a_day_without_plan_is_not_found(routing: Routing) -> None:
    """Broken when an empty plan is invented for a day nobody planned."""
    answer = routing.client(DISPATCHER).get(f"/api/offices/{OFFICE}/plans/{date(2027, 1, 4)}")
    assert (answer.status_code, answer.json()["code"]) == (404, "plan.none")


def started(stop_id: str, request_id: str, worker_id: str, when: str) -> VisitStarted:
    """The worker sets off."""
    return VisitStarted(
        visit_id=stop_id,
        request_id=request_id,
        worker_id=worker_id,
        purpose="pickup",
        started_at=at(DAY, when),
    )


def completed(stop_id: str, request_id: str, worker_id: str, came: str, left: str) -> VisitCompleted:
    """The dossier was picked up."""
    return VisitCompleted(
        visit_id=stop_id,
        request_id=request_id,
        worker_id=worker_id,
        purpose="pickup",
        outcome="picked_up",
        arrived_at=at(DAY, came),
        finished_at=at(DAY, left),
    )


def failed(stop_id: str, request_id: str, worker_id: str, came: str) -> VisitFailed:
    """Nobody was at home."""
    return VisitFailed(
        visit_id=stop_id,
        request_id=request_id,
        worker_id=worker_id,
        purpose="pickup",
        attempt=1,
        reason="not_home",
        cause="citizen",
        arrived_at=at(DAY, came),
    )
