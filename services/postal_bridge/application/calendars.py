"""The working calendar of a desk, from the copied days."""

from __future__ import annotations

import re

from sqlmodel import Session, col, select

from services.postal_bridge.application.records import CalendarCopy
from shared.vietnamese.calendar import CalendarDay, DayKind, Scope, WorkingCalendar

_DESK_SCOPES = {"agencies", "unit", "all"}


def calendar_of(session: Session, unit_id: str) -> WorkingCalendar:
    """The days of the one-stop desk of a unit: those of all agencies, and its own closures.

    A copied day binds the desk when its scope names the agencies, all, or the unit's own id; a closure
    of the unit outweighs what binds everybody.
    """
    rows = session.exec(select(CalendarCopy).order_by(col(CalendarCopy.entry_id))).all()
    general = [row for row in rows if _DESK_SCOPES & _scopes(row.scope)]
    own = [row for row in rows if unit_id in _scopes(row.scope)]
    return WorkingCalendar.of(
        CalendarDay(row.day, DayKind(row.kind), frozenset({Scope.AGENCIES}), row.name)
        for row in [*general, *own]
    )


def _scopes(text: str) -> set[str]:
    return {part for part in re.split(r"[\s,;+|]+", text) if part}
