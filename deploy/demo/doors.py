"""What happens at the doors: each postal worker walks through the steps that the product asks for."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deploy.demo.api import Product
from shared.clock import DemoClock

STEP, LOOK_SECONDS = timedelta(minutes=20), 1.2
OUTCOMES = {
    "picked_up": "hồ sơ đã thu gom",
    "delivered": "kết quả đã trao tận nhà",
    "guided": "lượt hướng dẫn tại nhà",
    "papers_incomplete": "lượt còn thiếu giấy tờ",
    "supplement_collected": "giấy tờ bổ sung đã lấy",
}
FAILURES = ("not_home", "not_home", "phone_off", "papers_not_ready", "unsafe")


@dataclass
class Doors:
    """All visits of a day, in the order of the clock, which moves with them.

    `failing` of a hundred first attempts find nobody, `incomplete` of a hundred miss a paper.
    """

    product: Product
    clock: DemoClock
    dice: random.Random
    failing: int = 8
    incomplete: int = 4
    seals: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def visit_all(self, workers: list[str], day: str, until: datetime) -> int:
        """Makes every planned visit whose arrival is expected before `until`; returns how many."""
        waiting = []
        for worker in workers:
            for visit in self._visits(worker, day):
                expected = visit["expected_arrival"] and datetime.fromisoformat(visit["expected_arrival"])
                if visit["state"] == "planned" and expected and expected < until:
                    waiting.append((expected, worker, visit))
        for expected, worker, visit in sorted(waiting, key=lambda one: one[:2]):
            advance(self.clock, max(expected, datetime.fromisoformat(visit["window"]["start"])))
            self.visit(worker, visit)
        return len(waiting)

    def _visits(self, worker: str, day: str) -> list[dict[str, Any]]:
        return self.product.get("postal_bridge", "/api/worker/visits", worker, day=day)["visits"]  # type: ignore[no-any-return]

    def visit(self, worker: str, visit: dict[str, Any]) -> None:
        """From setting off to the end, step by step as the product names the next one."""
        path = f"/api/visits/{visit['visit_id']}"
        state = self._step(worker, path, "start", {})
        state = self._step(
            worker, path, "arrive", {"lat": visit["place"]["lat"], "lon": visit["place"]["lon"]}
        )
        if visit["attempt"] == 1 and visit["purpose"] == "pickup" and self.dice.randrange(100) < self.failing:
            reason = self.dice.choice(FAILURES)
            body = {"reason": reason, "note": "Đã gọi hai lần.", "call_attempts": 2}
            self.product.post("postal_bridge", f"{path}/fail", body, worker)
            self.happened["lượt không gặp được"] += 1
            return
        something_missing = visit["purpose"] == "pickup" and self.dice.randrange(100) < self.incomplete
        while state["next_step"]:
            step = state["next_step"]
            state = self._step(worker, path, step, self._body(step, state, something_missing))
        self.happened[OUTCOMES.get(state["outcome"], state["outcome"])] += 1

    def _step(self, worker: str, path: str, step: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.product.post("postal_bridge", f"{path}/steps/{step}", body, worker)  # type: ignore[no-any-return]

    def _body(self, step: str, state: dict[str, Any], something_missing: bool) -> dict[str, Any]:
        """What a person at the door would enter for a step."""
        if step == "count_papers":
            papers = [{"name": name, "state": "present"} for name in state["papers"]]
            if something_missing and len(papers) > 1:
                papers[-1]["state"] = "missing"
            return {"papers": papers}
        if step == "withdraw_papers":
            return {"papers": [{"name": name, "state": "taken"} for name in state["withdraw"]]}
        if step == "seal":
            return {"serial": self.next_seal()}
        return {
            "identity": {"document": "citizen_card", "masked_number": "•••123"},
            "sign": {"citizen": "đã ký", "worker": "đã ký"},
            "collect_fee": {"exemption": "none"},
            "guided": {"explained": "Đã hướng dẫn giấy tờ và nơi làm thủ tục."},
            "explain_missing": {"note": "Đã để lại danh mục giấy tờ còn thiếu."},
        }.get(step, {})

    def next_seal(self) -> str:
        """A seal serial that was never used: each envelope closes once."""
        self.seals += 1
        return f"NP{self.clock():%y%m%d}{self.dice.randrange(10**6):06d}{self.seals:04d}"


def advance(clock: DemoClock, instant: datetime) -> None:
    """Moves the clock forward, never back, in steps that leave the product's own watches time to look."""
    while instant - clock() > STEP:
        clock.set(clock() + STEP)
        time.sleep(LOOK_SECONDS)
    if instant > clock():
        clock.set(instant)
