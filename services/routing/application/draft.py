"""A plan on its way from the search to the database: who visits what and when, in instants."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Instant


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedVisit(_Part):
    """One stop on a route. `fixed` marks what has already been visited or started."""

    stop_id: str
    tour: int
    arrival: Instant
    start: Instant
    depart: Instant
    fixed: bool = False


class Lunch(_Part):
    """A lunch break on a route."""

    start: Instant
    end: Instant


class PlannedRoute(_Part):
    """One worker's whole day in the order of driving; idle workers have no visits."""

    worker_id: str
    leave_office: Instant
    back_office: Instant
    lunches: tuple[Lunch, ...]
    travel_seconds: int
    work_seconds: int
    visits: tuple[PlannedVisit, ...]


class LeftOut(_Part):
    """A stop nobody visits, and the first plain reason."""

    stop_id: str
    reason_code: str
    reason: str


class ProgressRow(_Part):
    """A better plan was found: seconds since the start, its price, how many stops it serves."""

    seconds: float
    objective: int
    served: int


class PlanDraft(_Part):
    """What a search found, and the facts it was computed on.

    `base_revision` is the plan in force then (0 for none); `versions` the version of each open stop.
    Publishing refuses a draft whose facts have changed.
    """

    base_revision: int
    versions: dict[str, int]
    routes: tuple[PlannedRoute, ...]
    unassigned: tuple[LeftOut, ...]
    objective: int
    travel_seconds: int
    progress: tuple[ProgressRow, ...] = ()
