"""Stops that come after their day was planned: shown, and inserted unasked when their window is near."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from services.routing.application import urgent
from services.routing.application.records import PlanRow
from services.routing.domain.assemble import insert_urgent
from services.routing.domain.problem import Problem
from services.routing.domain.solution import Solution
from shared.clock import at
from shared.contracts.intake import AppointmentRescheduled, Window
from shared.messaging.sole_worker import SoleWorker

from .conftest import DAY, DISPATCHER, OFFICE, Routing, appointment
from .test_pages import browser
from .test_planning import started, stops_of

Orders = Mapping[str, Sequence[str]]
AFTERNOON = ("13:30", "15:30")


def plan_of(routing: Routing, day: date = DAY) -> dict[str, Any]:
    """The plan in force."""
    return dict(routing.client(DISPATCHER).get(f"/api/offices/{OFFICE}/plans/{day}").json())


def orders(plan: dict[str, Any], without: str = "") -> dict[str, list[str]]:
    """Worker id to stops in order, one stop apart."""
    return {
        route["worker_id"]: [stop["stop_id"] for stop in route["stops"] if stop["stop_id"] != without]
        for route in plan["routes"]
    }


def test_a_near_stop_is_inserted_and_nothing_else_moves(routing: Routing) -> None:
    """Broken when a promise for tomorrow stays without a worker because no dispatcher looked."""
    for number in (1, 2, 3, 4):
        routing.hear(appointment(number, AFTERNOON if number > 2 else ("07:30", "09:30")))
    before = routing.plan()
    routing.hear(appointment(5, AFTERNOON))
    assert routing.insert_urgent() == 1
    after = plan_of(routing)
    assert (after["revision"], after["origin"], after["unassigned"]) == (2, "urgent", [])
    assert "s-5" in stops_of(after)
    assert orders(after, without="s-5") == orders(before)
    [told] = [t for t in routing.published("routing.stop.v1/scheduled") if t["stop_id"] == "s-5"]
    assert told["window"]["start"] <= told["expected_arrival"] <= told["window"]["end"]
    assert routing.insert_urgent() == 0, "once is enough"
    assert plan_of(routing)["revision"] == 2


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens while places are sought, one thing at each try."""
    happening: list[Callable[[], object]] = []

    def sought(problem: Problem, orders: Orders, stop_ids: list[str]) -> Solution:
        if happening:
            happening.pop(0)()
        return insert_urgent(problem, orders, stop_ids)

    monkeypatch.setattr(urgent, "insert_urgent", sought)
    return happening


def test_while_places_are_sought_everybody_else_may_write(
    routing: Routing, meanwhile: list[Callable[[], object]]
) -> None:
    """Broken when hundreds of late stops keep all others from writing until each has its place or reason."""
    routing.plan()
    routing.hear(appointment(1))
    meanwhile.append(lambda: routing.hear(appointment(2)))
    assert routing.insert_urgent() == 1
    assert routing.insert_urgent() == 1, "what came meanwhile is next"
    assert stops_of(plan_of(routing)).keys() == {"s-1", "s-2"}


def test_a_rush_in_which_stops_keep_changing_is_still_planned(
    routing: Routing, meanwhile: list[Callable[[], object]]
) -> None:
    """Broken when each change of any stop throws away the work on all others, as long as there are any."""
    routing.plan()
    for number in range(1, 9):
        routing.hear(appointment(number))
    for hour in ("13:30", "14:00"):
        window = Window(start=at(DAY, hour), end=at(DAY, "17:00"))
        moved = AppointmentRescheduled(request_id="r-8", appointment_id="s-8", window=window)
        meanwhile.append(lambda moved=moved: routing.hear(moved))  # type: ignore[misc]
    assert routing.insert_urgent() == 2, "half, and half of that, as often as it was overtaken"
    assert [routing.insert_urgent(), routing.insert_urgent()] == [6, 0]


def test_what_another_planner_has_inserted_meanwhile_makes_no_plan_of_its_own(
    routing: Routing, meanwhile: list[Callable[[], object]]
) -> None:
    """Broken when workers are told of a new plan in which nothing is new."""
    routing.plan()
    for number in (1, 2):
        routing.hear(appointment(number))
    meanwhile.append(routing.insert_urgent)
    assert routing.insert_urgent() == 0
    assert plan_of(routing)["revision"] == 2


def test_a_great_many_are_decided_in_several_rounds(
    routing: Routing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken when one round takes so long that nobody else can write, or the rest is forgotten."""
    monkeypatch.setattr(urgent, "MOST_AT_ONCE", 2)
    routing.plan()
    for number in range(1, 6):
        routing.hear(appointment(number))
    assert [routing.insert_urgent() for _ in range(4)] == [2, 2, 1, 0]


def test_the_service_itself_is_named_as_the_planner(routing: Routing) -> None:
    """Broken when a revision that nobody asked for is put down to a person."""
    routing.plan()
    routing.hear(appointment(1))
    routing.insert_urgent()
    with routing.service.transactions.reading() as session:
        assert session.get_one(PlanRow, (f"{OFFICE}:{DAY}", 2)).made_by == "system:routing"


def test_a_stop_that_fits_nowhere_is_left_out_with_its_reason(routing: Routing) -> None:
    """Broken when an impossible late stop waits in silence, or is tried again for ever."""
    routing.now("06:00")
    routing.hear(appointment(1, ("19:00", "20:00")))
    routing.plan()
    routing.hear(appointment(2, ("20:00", "21:00")))
    assert routing.insert_urgent() == 1
    assert {left["stop_id"] for left in plan_of(routing)["unassigned"]} == {"s-1", "s-2"}
    told = routing.published("routing.stop.v1/unassigned")
    assert [event["stop_id"] for event in told] == ["s-1", "s-2"], "what was known is not told again"
    assert told[1]["reason"]
    assert routing.insert_urgent() == 0


@pytest.mark.parametrize("planned", [True, False])
def test_only_near_stops_of_planned_days_are_inserted(routing: Routing, planned: bool) -> None:
    """Broken when the service plans days nobody began to plan, or decides what a dispatcher has time for."""
    day = DAY + timedelta(days=1) if planned else DAY
    if planned:
        routing.plan(day=day)
    routing.hear(appointment(1, AFTERNOON, day=day))
    assert routing.insert_urgent() == 0
    if planned:
        routing.now("13:29")
        assert routing.insert_urgent() == 0
        routing.now("13:31")
        assert routing.insert_urgent() == 1


def test_a_rescheduled_stop_is_inserted_into_its_new_window(routing: Routing) -> None:
    """Broken when a citizen who chose another hour of the same day falls off the route for good."""
    routing.hear(appointment(1))
    routing.hear(appointment(2))
    routing.plan()
    window = Window(start=at(DAY, "15:30"), end=at(DAY, "17:00"))
    routing.hear(AppointmentRescheduled(request_id="r-1", appointment_id="s-1", window=window))
    assert routing.insert_urgent() == 1
    told = routing.published("routing.stop.v1/scheduled")[-1]
    assert (told["stop_id"], told["window"]["start"][:13]) == ("s-1", window.start.isoformat()[:13])


def test_what_the_road_decided_stays(routing: Routing) -> None:
    """Broken when an insertion into a running day changes a visit under way."""
    for number in (1, 2):
        routing.hear(appointment(number))
    worker = stops_of(routing.plan())["s-1"]
    routing.now("07:40")
    routing.hear(started("s-1", "r-1", worker, "07:35"))
    routing.hear(appointment(3, AFTERNOON))
    assert routing.insert_urgent() == 1
    fixed = [stop for route in plan_of(routing)["routes"] for stop in route["stops"] if stop["fixed"]]
    assert [stop["stop_id"] for stop in fixed] == ["s-1"]


def test_a_plan_that_can_no_longer_be_kept_asks_for_a_new_search(routing: Routing) -> None:
    """Broken when a late stop is lost, or the other offices are, because one plan is out of date."""
    routing.hear(appointment(1))
    routing.plan()
    routing.now("09:45")
    routing.hear(appointment(2, AFTERNOON))
    assert routing.insert_urgent() == 0
    assert routing.stops()[1]["state"] == "waiting"
    assert "1 điểm mới chưa vào lộ trình" in browser(routing, DISPATCHER).get(f"/dieu-do?ngay={DAY}").text
    routing.plan()
    assert stops_of(plan_of(routing)).keys() == {"s-2"}


def test_an_insertion_during_a_search_makes_a_new_search(routing: Routing) -> None:
    """Broken when a dispatcher is refused because the service inserted a stop meanwhile."""
    routing.plan()
    routing.hear(appointment(1))
    routing.solver.meanwhile = [routing.insert_urgent]
    searches = len(routing.solver.problems)
    plan = routing.plan()
    assert (plan["revision"], plan["origin"]) == (3, "solver")
    assert len(routing.solver.problems) == searches + 2


def test_the_board_says_that_stops_are_not_in_the_plan(routing: Routing) -> None:
    """Broken when a dispatcher does not see that appointments came after the plan, today or tomorrow."""
    tomorrow = DAY + timedelta(days=1)
    page = browser(routing, DISPATCHER)
    routing.hear(appointment(1))
    assert "chưa vào lộ trình" not in page.get(f"/dieu-do?ngay={DAY}").text, "nothing is planned yet"
    for day in (DAY, tomorrow):
        routing.plan(day=day)
    routing.hear(appointment(2))
    routing.hear(appointment(3, day=tomorrow))
    routing.hear(appointment(4, day=tomorrow))
    board = page.get(f"/dieu-do?ngay={DAY}").text
    assert "1 điểm mới chưa vào lộ trình" in board
    assert "2 điểm mới chưa vào lộ trình" in board, "the other day is named too"
    assert board.count('action="/dieu-do/lap-lo-trinh"') == 1, "the mark carries the button"
    routing.insert_urgent()
    board = page.get(f"/dieu-do?ngay={DAY}").text
    assert "1 điểm mới chưa vào lộ trình" not in board
    assert "tự xếp điểm mới" in board


def test_the_service_is_not_ready_while_nobody_inserts(routing: Routing) -> None:
    """Broken when the thread that inserts is dead, or was never part of the service, and nobody notices."""
    checks = routing.client(None).get("/readyz").json()["checks"]
    assert checks["urgent"] == "failed", "nothing runs beside the pages in this test"


def test_the_thread_survives_a_round_that_fails(routing: Routing) -> None:
    """Broken when one error, such as a database that restarts, ends the insertions for good."""
    went_on, rounds = threading.Event(), iter((True, False))

    def work(_stopping: threading.Event) -> float:
        if next(rounds):
            raise OSError
        went_on.set()
        return 60.0

    worker = SoleWorker(routing.service.engine, "test", work)
    with worker.running():
        assert went_on.wait(30)
        assert worker.alive
    assert not worker.alive
