"""One simulated day from the first call to the closed cash books, through the public APIs only."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.demo.checks import settle
from deploy.demo.doors import Doors, advance
from deploy.demo.handovers import Handovers
from deploy.demo.seed import Say, plan_offices, requests_of_the_day, seed_day, stops_known
from shared.clock import DemoClock, at, local

MORNING_REQUESTS = 110
LATE_REQUESTS = 16
"""Requests that arrive while the workers are on the road, and are planned into the running day."""


@dataclass
class Day:
    """The day `date` of the demonstration."""

    product: Product
    clock: DemoClock
    date: date
    say: Say
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        dice = random.Random(f"tannha {self.date}")
        self.workers = {worker["id"]: worker["office_id"] for worker in accounts.workers()}
        self.units = {unit for office in accounts.offices() for unit in office["coverage"]}
        self.doors = Doors(self.product, self.clock, dice, happened=self.happened)
        self.handovers = Handovers(self.product, dice, happened=self.happened)

    def run(self) -> None:
        """Morning, road, desk, afternoon, evening."""
        self._tell("Buổi sáng: yêu cầu và lộ trình")
        seed_day(self.product, self.date, MORNING_REQUESTS, self.say)
        settle(self.product)
        self._tell("Trên đường")
        self._visits("09:00")
        self._new_requests()
        self._visits("12:00")
        self._tell("Buổi trưa: hồ sơ về bưu cục rồi đến bộ phận Một cửa")
        self._papers_to_the_desks("12:15")
        self._tell("Buổi chiều: kết quả trong ngày được trả về nhà")
        self._results_home()
        self._visits("17:00")
        self._tell("Cuối ngày: bàn giao và khoá sổ")
        self._papers_to_the_desks("17:10")
        self.handovers.deposit_and_close(self.workers, self.date.isoformat())
        settle(self.product)

    def _tell(self, what: str) -> None:
        self.say(f"{local(self.clock()):%H:%M}  {what}")

    def _not_before(self, time: str) -> None:
        advance(self.clock, at(self.date, time))

    def _visits(self, until: str) -> None:
        made = self.doors.visit_all(list(self.workers), self.date.isoformat(), at(self.date, until))
        self._not_before(until)
        settle(self.product)
        self._tell(f"  {made} lượt đến nhà")

    def _new_requests(self) -> None:
        """More people ask; the touched offices plan again around what is promised and done."""
        before = _count(stops_known(self.product, self.date))
        first = int(self.date.strftime("%j")) * 1000 + self.date.year % 10 * 400_000 + 500
        asked = requests_of_the_day(self.product, self.date, LATE_REQUESTS, first, self.say)
        wanted = before + asked.total()
        eventually(lambda: _count(stops_known(self.product, self.date)) >= wanted, what="the late requests")
        settle(self.product)
        self._replan("  Yêu cầu mới giữa buổi, lập lại lộ trình")

    def _replan(self, title: str) -> None:
        self._tell(title)
        known = stops_known(self.product, self.date)
        open_offices = [
            o for o, stops in known.items() if any(s["state"] in {"waiting", "unassigned"} for s in stops)
        ]
        plan_offices(self.product, self.date, open_offices, self.say)
        settle(self.product)

    def _papers_to_the_desks(self, time: str) -> None:
        self._not_before(time)
        self.handovers.workers_to_office(self.workers)
        requests = self._requests()
        self.handovers.offices_to_desks({r: row["unit_id"] for r, row in requests.items()})
        self.handovers.desks_work(self.units, self.doors.next_seal, self.date)
        settle(self.product)

    def _requests(self) -> dict[str, dict[str, Any]]:
        """The dossiers by request, with the unit whose desk decides."""
        overview = self.product.get("postal_bridge", "/api/overview", accounts.INSPECTOR)
        return {dossier["request_id"]: dossier for dossier in overview["dossiers"]}

    def _results_home(self) -> None:
        """Offices collect what is ready, the day is planned again, workers take it home."""
        covering = {unit: office["id"] for office in accounts.offices() for unit in office["coverage"]}
        offices = {request: covering[row["unit_id"]] for request, row in self._requests().items()}
        collected = self.handovers.results_to_offices(self.units, offices)
        settle(self.product)
        self._replan(f"  {collected} kết quả về bưu cục, lập lại lộ trình chiều")
        worker_of = {
            stop["request_id"]: stop["worker_id"]
            for stops in stops_known(self.product, self.date).values()
            for stop in stops
            if stop["purpose"] == "return" and stop.get("worker_id")
        }
        self.handovers.results_to_workers(worker_of)


def _count(stops: dict[str, list[dict[str, Any]]]) -> int:
    return sum(map(len, stops.values()))
