"""What somebody may ask of routing."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from services.routing.application.draft import PlanDraft
from shared.messaging.commands import Command


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OfficeData(_Row):
    """A row of the post offices' data file."""

    id: str
    name: str
    unit_id: str
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    mountain: bool = False
    desk_in_post: bool = False
    coverage: tuple[str, ...]


_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"


class WorkerData(_Row):
    """A row of the workers' data file. Times of day are Vietnamese."""

    id: str
    name: str
    office_id: str
    skills: tuple[str, ...] = ()
    shift_start: str = Field(pattern=_TIME)
    shift_end: str = Field(pattern=_TIME)
    lunch_from: str = Field(pattern=_TIME)
    lunch_to: str = Field(pattern=_TIME)
    lunch_minutes: int = Field(gt=0)
    capacity: int = Field(ge=0)


class LoadReference(Command):
    """Make post offices and workers what the data files say, and publish what changed."""

    offices: tuple[OfficeData, ...]
    workers: tuple[WorkerData, ...]


class PublishPlan(Command):
    """Put a plan into force that was searched outside of any transaction.

    The draft is left out of the fingerprint for repeated requests: asking twice is the same question,
    though two searches may answer differently.
    """

    office_id: str
    day: date
    seconds: float | None = Field(default=None, gt=0, le=60)
    draft: PlanDraft = Field(exclude=True)


class InsertUrgentStops(Command):
    """Put a plan into force that is the one before with near stops in it that nobody had looked at.

    Like a searched one it was made outside of any transaction.
    """

    office_id: str
    day: date
    draft: PlanDraft = Field(exclude=True)


class MoveStop(Command):
    """Give a stop to another worker by hand; later plans keep it there."""

    stop_id: str
    to_worker: str
    note: str = Field(default="", max_length=200)
