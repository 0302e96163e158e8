"""Kills parts of the running product with SIGKILL, by a schedule or where they stand, and revives them."""

from __future__ import annotations

import math
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.stack import SERVICES, Stack
from tests.faults.up import is_up

VICTIMS = ("broker", *(f"{service}-{role}" for service in SERVICES for role in ("api", "worker")))
"""All parts that carry events. The fake Zalo server stands for the world outside and stays."""

HASTY_EVERY = 3
"""Every so many strikes one does not wait until its victim is up."""
CRASH_VARIABLE = "TANNHA_CRASH_AT"
UP_SECONDS = 30.0
"""So long a victim may take to come up; it is struck then in any case."""


@dataclass(frozen=True)
class Strike:
    """One kill: seconds after the start, who, and for how many seconds it stays down.

    A `hasty` one does not wait until the part is up.
    """

    at: float
    part: str
    down: float
    hasty: bool = False


def schedule(seed: int, seconds: float, rounds: int = 2, broker_extra: int = 2) -> list[Strike]:
    """Strikes spread over `seconds`: as many as every victim `rounds` times, the broker `broker_extra` more.

    Each round is a shuffle, so that nobody is struck again before it had time to work; but every third strike
    is a hasty one at whoever was struck just before, in its start or its recovery. After it that part has to
    come up before it is struck again.
    """
    dice = random.Random(seed)
    order: list[str] = []
    for _ in range(rounds):
        order += dice.sample(VICTIMS, len(VICTIMS))
    for number in range(broker_extra):
        order.insert((2 * number + 1) * len(order) // (2 * broker_extra), "broker")
    step = seconds / len(order)

    def strike(place: int) -> Strike:
        hasty_so_far, others = divmod(place + 1, HASTY_EVERY)
        part = order[place - hasty_so_far]
        at = step * (place + dice.uniform(0.0, 0.5))
        return Strike(at, part, dice.uniform(0.05, 0.8), hasty=others == 0)

    return [strike(place) for place in range(len(order))]


@dataclass
class Nemesis:
    """Strikes one stack, from the main thread: a part dies with the thread that started it.

    `timeline` tells what happened when, in seconds since the first look.
    """

    stack: Stack
    strikes: Sequence[Strike]
    kills: Counter[str] = field(default_factory=Counter)
    kills_in_start: int = 0
    own_deaths: Counter[str] = field(default_factory=Counter)
    timeline: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def note(self, what: str) -> None:
        """Writes a line into the timeline."""
        self.timeline.append(f"{time.monotonic() - self._began:6.1f} s  {what}")

    def run(self, latest: float = math.inf) -> None:
        """Strikes by the schedule; returns after the last victim was started again, or when it is `latest`.

        Who was struck before must have come up again, or it would never get to work: on a busy machine the
        rest of the schedule is put off until then. Hasty strikes alone do not ask.
        """
        began = time.monotonic()
        for strike in self.strikes:
            self._watch_until(lambda due=began + strike.at: time.monotonic() >= due)  # type: ignore[misc]
            if not strike.hasty:
                began += self._wait_until_up(strike.part)
            elif not is_up(self.stack, strike.part):
                self.kills_in_start += 1
                self.note(f"{strike.part} is not up yet")
            if time.monotonic() > latest:
                return
            self.kill(strike.part, strike.down)

    def _wait_until_up(self, part: str) -> float:
        given_up = time.monotonic() + UP_SECONDS
        return self.watch(
            lambda: is_up(self.stack, part) or time.monotonic() > given_up,
            2 * UP_SECONDS,
        )

    def kill(self, name: str, down: float) -> None:
        """kill -9 of one part, which is started again after `down` seconds."""
        part = self.stack.parts[name]
        if not part.running:
            part.start()
        part.kill()
        self.kills[name] += 1
        self.note(f"killed {name}")
        time.sleep(down)
        part.start()

    def let_die(self, points: Mapping[str, str], seconds: float) -> list[str]:
        """Starts parts so that each kills itself at its crash point (`name:n`), then healthy ones.

        Who died there within `seconds`; the others did not come by.
        """
        for name, point in points.items():
            part = self.stack.parts[name]
            part.kill()
            healthy, part.environment = part.environment, {**part.environment, CRASH_VARIABLE: point}
            part.start()
            part.environment = healthy
        dead: list[str] = []
        deadline = time.monotonic() + seconds
        while len(dead) < len(points) and time.monotonic() < deadline:
            for name in points.keys() - set(dead):
                part = self.stack.parts[name]
                if part.process is not None and part.process.poll() == -signal.SIGKILL:
                    dead.append(name)
                    self.kills[name] += 1
                    self.note(f"{name} died at {points[name]}")
                    part.start()
            time.sleep(0.05)
        for name in points.keys() - set(dead):
            self.stack.parts[name].kill()
            self.stack.parts[name].start()
        return dead

    def rest(self, seconds: float) -> None:
        """Lets the product work undisturbed, and keeps it alive."""
        due = time.monotonic() + seconds
        self._watch_until(lambda: time.monotonic() >= due)

    def watch(self, holds: Callable[[], bool], seconds: float) -> float:
        """Keeps the parts alive until `holds()`; returns the seconds it took.

        Raises TimeoutError after `seconds`.
        """
        began = time.monotonic()
        self._watch_until(lambda: time.monotonic() - began > seconds or holds())
        took = time.monotonic() - began
        if took > seconds and not holds():
            raise TimeoutError(f"not quiet after {seconds:.0f} s")
        return took

    def _watch_until(self, holds: Callable[[], bool]) -> None:
        for _turn in _turns(0.1):
            for part in self.stack.parts.values():
                if not part.running and time.monotonic() - part.started_at > 1.0:
                    self.own_deaths[part.name] += 1
                    self.note(f"{part.name} had ended by itself")
                    part.start()
            if holds():
                return


def _turns(pause: float) -> Iterator[None]:
    while True:
        yield
        time.sleep(pause)
