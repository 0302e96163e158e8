"""Procedures, fares and the calendar from the reference files in `services/intake/data`."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from services.intake.domain.catalogue import Fare, Procedure, fare_from_row, procedure_from_row
from shared.vietnamese.calendar import CalendarDay, DayKind, Scope, WorkingCalendar

DATA = Path(__file__).resolve().parents[1] / "data"


def load_procedures(file: Path = DATA / "procedures.json") -> list[Procedure]:
    """All procedure versions. Raises ValueError or KeyError when a row is malformed."""
    return [procedure_from_row(row) for row in json.loads(file.read_text(encoding="utf-8"))["procedures"]]


def load_fares(file: Path = DATA / "fares.json") -> list[Fare]:
    """All postal fares with their validity."""
    return [fare_from_row(row) for row in json.loads(file.read_text(encoding="utf-8"))["fares"]]


def load_calendar(file: Path = DATA / "calendar.json") -> WorkingCalendar:
    """The calendar of decided days off and swapped days."""
    rows = json.loads(file.read_text(encoding="utf-8"))["days"]
    return WorkingCalendar.of(
        CalendarDay(
            day=date.fromisoformat(row["day"]),
            kind=DayKind(row["kind"]),
            scopes=frozenset(Scope(scope) for scope in row["scopes"]),
            name=row["name"],
            source=row["source"],
        )
        for row in rows
    )
