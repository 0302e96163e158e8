"""One run of the lab: clients ask, parts die, disks fill, and what is left is judged."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.disk import full_disk
from tests.faults.evidence import read_log
from tests.faults.findings import Finding
from tests.faults.lab.laboratory import Callers, Lab
from tests.faults.lab.verdict import judge_publisher, judge_worker

READY_SECONDS = 10.0
DRAIN_SECONDS = 60.0
STILL_SECONDS = 3.0
"""A sabotaged part may never come to its end: it counts as drained when nothing has moved for so long."""
FULL_SECONDS = 4.0
"""How long a disk is full at most; a sound worker ends itself before."""

Blow = Callable[[Lab, random.Random], object]


def _kill_broker(lab: Lab, dice: random.Random) -> None:
    lab.strike("broker", down=dice.uniform(0.0, 0.3))


def _kill_publisher(lab: Lab, dice: random.Random) -> None:
    lab.strike("publisher", down=dice.uniform(0.0, 0.3))


def _kill_workers(lab: Lab, _: random.Random) -> None:
    lab.strike(*lab.victims)


def _die_after_commit(lab: Lab, dice: random.Random) -> None:
    lab.let_die({"publisher": f"commit.after:{dice.randint(2, 9)}"})


def _die_before_effect(lab: Lab, dice: random.Random) -> None:
    lab.let_die(dict.fromkeys(lab.victims, f"guard.applied:{dice.randint(1, 2)}"))


def _fill_disks(lab: Lab, _: random.Random) -> None:
    victims = [lab.parts[worker] for worker in lab.victims]
    with full_disk(*(part.pid for part in victims)):
        deadline = time.monotonic() + FULL_SECONDS
        while time.monotonic() < deadline and any(part.running for part in victims):
            time.sleep(0.05)


BLOWS: dict[str, Blow] = {
    "kill the broker": _kill_broker,
    "kill the publisher": _kill_publisher,
    "kill the workers": _kill_workers,
    "die between commit and relay": _die_after_commit,
    "die before the effect is committed": _die_before_effect,
    "fill the workers' disks": _fill_disks,
}


@dataclass
class Outcome:
    """What a storm left: findings for each part that can be to blame, and the figures of the run."""

    findings: dict[str, list[Finding]]
    kills: int
    events: int
    repeated: int
    drain: float
    timeline: list[str]


@dataclass
class Storm:
    """Questions and blows of one run; the seed decides who asks what, who dies when."""

    lab: Lab
    seed: int
    blows: Sequence[str]
    pause: float = 0.8
    shuffled: bool = False
    timeline: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> Outcome:
        """Everything, from the first question to the verdict."""
        dice = random.Random(self.seed)
        callers = Callers(self.lab, seed=self.seed, pause=self.pause)
        with self.lab.running():
            callers.start()
            for blow in dice.sample(self.blows, len(self.blows)):
                self._work_goes_on()
                self._note(blow)
                BLOWS[blow](self.lab, dice)
            self._work_goes_on()
            self._note("the faults are over")
            drain = self._drain(callers)
            self._note("quiet")
            log = read_log(self.lab.bootstrap)
        asks = self.lab.ledger.asks()
        findings = {"publisher": judge_publisher(asks, self.lab, log, shuffled=self.shuffled)}
        findings |= {worker: judge_worker(self.lab, worker) for worker in self.lab.workers}
        events = {record.event_id for record in log}
        kills = self.lab.kills.total()
        return Outcome(findings, kills, len(events), len(log) - len(events), drain, self.timeline)

    def _work_goes_on(self) -> None:
        """Waits until events were sent and every worker has had an effect, or is too broken for that."""
        before = self.lab.done()
        self.lab.watch(lambda: all(map(int.__gt__, self.lab.done(), before)), READY_SECONDS)

    def _drain(self, callers: Callers) -> float:
        """Last answers, then until everything is done or nothing moves; the seconds that took."""
        callers.stop()
        took = self.lab.watch(lambda: callers.at_rest, DRAIN_SECONDS)
        still = Stillness(self.lab)
        took += self.lab.watch(
            lambda: not self.lab.still_moving() or still.lasts(STILL_SECONDS), DRAIN_SECONDS
        )
        return took

    def _note(self, what: str) -> None:
        self.timeline.append(f"{time.monotonic() - self._began:6.1f} s  {what}")


class Stillness:
    """Notices that nothing changes any more."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._seen: object = None
        self._since = time.monotonic()

    def lasts(self, seconds: float) -> bool:
        """Whether nothing has moved for so long."""
        seen = self._lab.position()
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since > seconds
