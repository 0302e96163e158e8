"""Ports of planning: something that plans a day, and something that knows how long the roads take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.routing.domain.problem import Point, Problem
from services.routing.domain.solution import Solution


@dataclass(frozen=True)
class Progress:
    """A better plan was found: seconds since the search began, its price, and how many stops it serves."""

    elapsed_seconds: float
    objective: int
    served: int


OnProgress = Callable[[Progress], None]
"""Told about every better plan while the search runs, in the thread of the search; must be quick."""


class DaySolver(Protocol):
    """Plans one day of one office."""

    def solve(
        self, problem: Problem, *, time_limit_seconds: float = 2.0, on_progress: OnProgress | None = None
    ) -> Solution:
        """The best plan found in the time.

        Frozen visits stay as they are, locks are kept, and every stop is either on a route or
        unassigned with a reason. With `problem.previous` the search starts from that plan, so the
        answer is never worse than keeping it. Always returns a plan that the checker accepts.
        """
        ...


Confidence = Literal["road", "estimate"]
"""Whether travel times come from a road network or from straight lines and factors."""


@dataclass(frozen=True)
class TravelMatrix:
    """Seconds and metres from each point to each other, in the order asked, and how they are known."""

    seconds: tuple[tuple[int, ...], ...]
    metres: tuple[tuple[int, ...], ...]
    confidence: Confidence


class TravelTimes(Protocol):
    """Knows how long a motorbike takes between places."""

    def matrix(self, points: Sequence[Point]) -> TravelMatrix:
        """All legs between `points`; the office comes first by convention."""
        ...
