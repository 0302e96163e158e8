"""Random days: requests, plans, visits, moves and cancellations in any order, judged after every plan."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from services.routing.application.solver_port import OnProgress
from services.routing.domain.checker import check
from services.routing.domain.problem import Problem
from services.routing.domain.solution import Solution
from shared.clock import at
from shared.contracts.intake import AppointmentCancelled, AppointmentRescheduled, Window
from shared.contracts.postal import VisitCompleted, VisitFailed, VisitStarted
from shared.messaging.guard import Outcome

from .conftest import DAY, DISPATCHER, QuickSolver, Routing, appointment

WINDOWS = (("07:30", "09:30"), ("09:30", "11:30"), ("13:30", "15:30"), ("15:00", "17:00"))
FIXED = {"started", "done", "failed"}


class CheckedSolver(QuickSolver):
    """Hands every problem and its plan to the independent checker."""

    def solve(
        self, problem: Problem, *, time_limit_seconds: float = 2.0, on_progress: OnProgress | None = None
    ) -> Solution:
        """The quick plan, which must break no rule."""
        solution = super().solve(problem, time_limit_seconds=time_limit_seconds, on_progress=on_progress)
        assert check(problem, solution) == []
        return solution


class Day:
    """A day that unfolds at random."""

    def __init__(self, routing: Routing, seed: int) -> None:
        self.routing, self.random = routing, random.Random(seed)
        self.now = at(DAY, "06:30")
        self.stops = 0
        object.__setattr__(routing.service.bus.ports, "solver", CheckedSolver())
        self.tick(0)

    def tick(self, minutes: int) -> None:
        """Time passes, up to the end of the shift."""
        self.now = min(self.now + timedelta(minutes=minutes), at(DAY, "17:00"))
        self.routing.clock.set(self.now)

    def request(self) -> None:
        """A new appointment, one in three a result to bring."""
        self.stops += 1
        later = [window for window in WINDOWS if at(DAY, window[1]) > self.now]
        if later:
            self.routing.hear(
                appointment(
                    self.stops,
                    self.random.choice(later),
                    purpose=self.random.choice(("pickup", "guidance", "return")),
                    code=self.random.choice(("1.001", "1.001", "2.002")),
                    east_km=self.random.uniform(-5, 5),
                )
            )

    def change(self) -> None:
        """A citizen cancels or chooses another window."""
        stop = self.pick("waiting", "planned", "unassigned")
        if stop is None:
            return
        ids = {"request_id": stop["request_id"], "appointment_id": stop["stop_id"]}
        if self.random.random() < 0.5:
            self.routing.hear(AppointmentCancelled(**ids))
            return
        start, end = self.random.choice(WINDOWS)
        window = Window(start=at(DAY, start), end=at(DAY, end))
        self.routing.hear(AppointmentRescheduled(**ids, window=window))

    def visit(self) -> None:
        """The next worker ends a visit under way, or sets off for the next stop of the route."""
        stop = self.pick("started")
        if stop is not None:
            arrived = max(self.now, datetime.fromisoformat(stop["set_off_at"]))
            self.finish(stop, arrived)
            return
        planned = [stop for stop in self.routing.stops() if stop["state"] == "planned"]
        if planned:
            first = min(planned, key=lambda stop: str(stop["start"]))
            event = VisitStarted(
                visit_id=first["stop_id"],
                request_id=first["request_id"],
                worker_id=first["worker_id"],
                purpose=first["purpose"],
                started_at=self.now,
            )
            assert self.routing.hear(event) is Outcome.APPLIED

    def finish(self, stop: dict[str, Any], arrived: datetime) -> None:
        """The visit ends, one in four without success."""
        ids = {
            "visit_id": stop["stop_id"],
            "request_id": stop["request_id"],
            "worker_id": stop["worker_id"],
            "purpose": stop["purpose"],
        }
        if self.random.random() < 0.25:
            failed = VisitFailed(**ids, attempt=1, reason="not_home", cause="citizen", arrived_at=arrived)
            assert self.routing.hear(failed) is Outcome.APPLIED
            return
        left = arrived + timedelta(minutes=8)
        done = VisitCompleted(**ids, outcome="picked_up", arrived_at=arrived, finished_at=left)
        assert self.routing.hear(done) is Outcome.APPLIED

    def move(self) -> None:
        """A dispatcher tries a move; a refusal changes nothing."""
        stop = self.pick("planned", "unassigned")
        if stop is not None:
            worker = self.random.choice(("w-001", "w-002"))
            answer = self.routing.client(DISPATCHER).post(
                f"/api/stops/{stop['stop_id']}/move", json={"to_worker": worker}
            )
            assert answer.status_code in {200, 409}, answer.text
            if answer.status_code == 200:
                assert self.of(stop["stop_id"])["worker_id"] == worker

    def pick(self, *states: str) -> dict[str, Any] | None:
        """A random stop in one of these states."""
        fitting = [stop for stop in self.routing.stops() if stop["state"] in states]
        return self.random.choice(fitting) if fitting else None

    def of(self, stop_id: str) -> dict[str, Any]:
        """The stop of that id."""
        return next(stop for stop in self.routing.stops() if stop["stop_id"] == stop_id)

    def judge(self) -> None:
        """Plans, and holds the plan to what was promised and what had already happened."""
        before = {stop["stop_id"]: stop for stop in self.routing.stops()}
        plan = self.routing.plan()
        on_route = [stop["stop_id"] for route in plan["routes"] for stop in route["stops"]]
        assert len(on_route) == len(set(on_route)), "nobody is visited twice"
        told = {event["stop_id"]: event for event in self.routing.published("routing.stop.v1/scheduled")}
        for stop in self.routing.stops():
            was = before[stop["stop_id"]]
            assert stop["state"] != "waiting"
            if was["state"] in FIXED | {"withdrawn"}:
                assert (stop["state"], stop["worker_id"]) == (was["state"], was["worker_id"])
            if stop["state"] == "planned":
                assert stop["window"]["start"] <= stop["start"] <= stop["window"]["end"]
                assert stop["start"] >= self.now.replace(microsecond=0).isoformat()
                assert told[stop["stop_id"]]["worker_id"] == stop["worker_id"], "the last word is true"
                assert stop["stop_id"] in on_route
            if stop["state"] == "unassigned":
                assert stop["reason"]
        for route in plan["routes"]:
            open_visits = [stop for stop in route["stops"] if not stop["fixed"]]
            for one, next_one in pairwise(open_visits):
                assert one["depart"] <= next_one["arrival"], "one place at a time"
                assert one["tour"] <= next_one["tour"]

    def judge_again(self) -> None:
        """Plans twice at the same moment: nothing is new, so nobody hears anything."""
        self.judge()
        kinds = ("routing.stop.v1/scheduled", "routing.stop.v1/unassigned")
        before = [len(self.routing.published(kind)) for kind in kinds]
        self.judge()
        assert [len(self.routing.published(kind)) for kind in kinds] == before


@pytest.mark.parametrize("seed", range(4))
def test_a_random_day_keeps_every_rule(routing: Routing, seed: int) -> None:
    """Broken when some order of events makes a plan that forgets, doubles or breaks a promise silently."""
    day = Day(routing, seed)
    for _ in range(6):
        day.request()
    day.judge()
    for _ in range(30):
        visits = (day.visit,) * 3
        action = day.random.choice((day.request, *visits, day.change, day.move, day.judge_again))
        action()
        day.tick(day.random.randint(0, 25))
    day.judge_again()
