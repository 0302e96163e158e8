"""The only place that wires routing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.routing.adapters.solver_process import SolverProcess
from services.routing.adapters.travel import GreatCircleTravel
from services.routing.application.handlers import COMMANDS, EVENTS
from services.routing.application.planner import DayPlanner
from services.routing.application.ports import Ports
from services.routing.application.solver_port import DaySolver
from services.routing.settings import Settings
from shared.service import Service, assemble

NAME: Final = "routing"
RoutingService = Service[Settings]


def bootstrap(settings: Settings, *, solver: DaySolver | None = None) -> RoutingService:
    """The service with OR-Tools and straight-line travel times; tests may hand in another solver."""
    ports = Ports(
        solver=solver or SolverProcess(),
        travel=GreatCircleTravel(),
        solver_seconds=settings.solver_seconds,
    )
    return assemble(
        NAME,
        settings,
        commands=COMMANDS,
        events=EVENTS,
        ports=ports,
        migrations=Path(__file__).parent / "migrations",
    )


def planner_of(service: RoutingService) -> DayPlanner:
    """The planning use case of a service."""
    return DayPlanner(service.transactions, service.bus, service.bus.ports)
