"""The outside things that routing's use cases work with."""

from __future__ import annotations

from dataclasses import dataclass

from services.routing.application.solver_port import DaySolver, TravelTimes


@dataclass(frozen=True)
class Ports:
    """Something that plans a day, something that knows the roads, and how long a search may take."""

    solver: DaySolver
    travel: TravelTimes
    solver_seconds: float = 2.0
