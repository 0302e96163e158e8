"""What routing tells the world: plans and stops, and its reference data."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import Field

from shared.contracts.envelope import Contract, Event, Instant
from shared.contracts.intake import Window


class RouteSummary(Contract):
    """One worker's day: the stops in the order of driving."""

    worker_id: str
    stop_ids: tuple[str, ...]


class PlanPublished(Event):
    """The day of one post office was planned, again or for the first time.

    `plan_id` names the office's day, so that its revisions come in order.
    """

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "plan_id"
    plan_id: str
    office_id: str
    day: date
    revision: int = Field(ge=1)
    routes: tuple[RouteSummary, ...]
    unassigned: tuple[str, ...]


class StopScheduled(Event):
    """A worker will come: who, and when about. `window` is the promise, `expected_arrival` an estimate."""

    KIND: ClassVar[str] = "scheduled"
    KEY: ClassVar[str] = "stop_id"
    stop_id: str
    request_id: str
    plan_id: str
    office_id: str
    worker_id: str
    day: date
    window: Window
    expected_arrival: Instant


class StopUnassigned(Event):
    """Nobody can come that day; `reason` is plain Vietnamese for the dispatcher."""

    KIND: ClassVar[str] = "unassigned"
    KEY: ClassVar[str] = "stop_id"
    stop_id: str
    request_id: str
    office_id: str
    day: date
    reason_code: str
    reason: str


class StopWithdrawn(Event):
    """The stop left the plan because its appointment was cancelled or moved to another day."""

    KIND: ClassVar[str] = "withdrawn"
    KEY: ClassVar[str] = "stop_id"
    stop_id: str
    request_id: str


class OfficePublished(Event):
    """A post office, where it is and which units its workers serve."""

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "office_id"
    office_id: str
    name: str
    unit_id: str
    lat: float
    lon: float
    coverage: tuple[str, ...]
    is_desk: bool = False


class WorkerPublished(Event):
    """A postal worker as other services may know them."""

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "worker_id"
    worker_id: str
    name: str
    badge: str
    office_id: str
    skills: tuple[str, ...] = ()
    active: bool = True
