"""What routing remembers: its reference data, copies of other services' data, stops and plans.

No citizen's name or phone is kept: planning needs the place, the window and the request code only.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.routing.domain.stops import StopState, Told
from shared.persistence.engine import Utc


class RoutingTable(SQLModel, registry=registry()):
    """Base of the routing tables."""

    metadata = MetaData()


def plan_id_of(office_id: str, day: date) -> str:
    """The name of the plan of an office's day. Its revisions are one stream of events, in their order."""
    return f"{office_id}:{day.isoformat()}"


def _json() -> Any:
    return Column(JSON, nullable=False)


class Office(RoutingTable, table=True):
    """A post office, where its workers start, and the units it serves. Owned here."""

    __tablename__ = "office"
    office_id: str = Field(primary_key=True)
    name: str
    unit_id: str
    lat: float
    lon: float
    mountains: bool = False
    coverage: list[str] = Field(sa_column=_json())
    is_desk: bool = False
    fingerprint: str


class PostalWorker(RoutingTable, table=True):
    """A postal worker with the usual shift. Owned here. Times of day are `HH:MM` in Vietnam."""

    __tablename__ = "postal_worker"
    worker_id: str = Field(primary_key=True)
    name: str
    badge: str
    office_id: str = Field(index=True)
    skills: list[str] = Field(sa_column=_json())
    shift_start: str
    shift_end: str
    lunch_from: str
    lunch_to: str
    lunch_minutes: int
    capacity: int
    active: bool = True
    fingerprint: str


class Unit(RoutingTable, table=True):
    """Copy of an administrative unit (owner: intake)."""

    __tablename__ = "unit"
    unit_id: str = Field(primary_key=True)
    name: str
    kind: str


class Procedure(RoutingTable, table=True):
    """Copy of what planning needs of a procedure (owner: intake)."""

    __tablename__ = "procedure"
    procedure_code: str = Field(primary_key=True)
    version: int
    neutral_title: str
    service_minutes: int
    skill: str


class CalendarEntry(RoutingTable, table=True):
    """Copy of a day that differs from the ordinary week (owner: intake)."""

    __tablename__ = "calendar_entry"
    entry_id: str = Field(primary_key=True)
    day: date = Field(index=True)
    kind: str
    scope: str
    name: str


class StopRow(RoutingTable, table=True):
    """One visit to plan; `stop_id` is the appointment's id.

    `tour` counts the times its worker leaves the office that day; `version` counts changes, so that a
    plan computed on older facts is noticed; `told_*` is what the last StopScheduled said; `changes`
    counts how often that was corrected. `aboard_of` names the worker who left the office with the result.
    """

    __tablename__ = "stop"
    stop_id: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    code: str
    office_id: str = Field(index=True)
    day: date = Field(index=True)
    purpose: str
    attempt: int
    procedure_code: str
    service_seconds: int
    skill: str | None = None
    load: int
    window_start: datetime = Field(sa_type=Utc)
    window_end: datetime = Field(sa_type=Utc)
    lat: float
    lon: float
    precision: str
    place: str = Field(sa_column=Column(Text, nullable=False))
    unit_id: str
    state: str = Field(default=StopState.WAITING, index=True)
    version: int = 1
    worker_id: str | None = Field(default=None, index=True)
    locked_to: str | None = None
    aboard_of: str | None = None
    plan_id: str | None = None
    tour: int = 1
    position: int = 0
    arrival: datetime | None = Field(default=None, sa_type=Utc)
    start: datetime | None = Field(default=None, sa_type=Utc)
    depart: datetime | None = Field(default=None, sa_type=Utc)
    set_off_at: datetime | None = Field(default=None, sa_type=Utc)
    arrived_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    reason_code: str = ""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    told_worker_id: str | None = None
    told_day: date | None = None
    told_window_start: datetime | None = Field(default=None, sa_type=Utc)
    told_window_end: datetime | None = Field(default=None, sa_type=Utc)
    told_arrival: datetime | None = Field(default=None, sa_type=Utc)
    changes: int = 0
    announced_at: datetime | None = Field(default=None, sa_type=Utc)

    @property
    def status(self) -> StopState:
        """The state as the domain knows it."""
        return StopState(self.state)

    @property
    def told(self) -> Told | None:
        """What the world was last told, if anything."""
        known = (self.told_worker_id, self.told_day, self.told_window_start, self.told_window_end)
        worker_id, day, start, end = known
        if worker_id is None or day is None or start is None or end is None or self.told_arrival is None:
            return None
        return Told(worker_id, day, start, end, self.told_arrival)

    def tell(self, told: Told | None) -> None:
        """Remember what was told now; None when the last word was withdrawn."""
        self.told_worker_id = told.worker_id if told else None
        self.told_day = told.day if told else None
        self.told_window_start = told.window_start if told else None
        self.told_window_end = told.window_end if told else None
        self.told_arrival = told.arrival if told else None

    def enter(self, state: StopState) -> None:
        """Write a state the domain decided, as a change of the stop."""
        self.state = state
        self.version += 1

    def leave_plan(self) -> None:
        """Forget who was to come and when."""
        self.worker_id = self.plan_id = self.arrival = self.start = self.depart = None
        self.position, self.tour = 0, 1


class PlanRow(RoutingTable, table=True):
    """One revision of the plan of an office's day; rows are added, never changed.

    `plan_id` names the office's day (`plan_id_of`), so all revisions share it. `routes` and `unassigned`
    are JSON as the API answers them, `progress` the rows of the search. `origin` is `solver`, `move` or
    `urgent` (a late stop inserted unasked).
    """

    __tablename__ = "plan"
    plan_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    office_id: str = Field(index=True)
    day: date
    origin: str
    note: str = ""
    made_by: str
    made_at: datetime = Field(sa_type=Utc)
    objective: int
    served: int
    travel_seconds: int
    routes: list[dict[str, Any]] = Field(sa_column=_json())
    unassigned: list[dict[str, Any]] = Field(sa_column=_json())
    progress: list[dict[str, Any]] = Field(sa_column=_json())
