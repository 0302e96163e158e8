"""Working days of agencies, of the post and of one unit; due dates counted in them.

Rules: the day of acceptance is day 0, the next working day is the first that counts; a "same day"
limit accepted after 15:00 ends on the next working day (practice of published procedure
catalogues). A swap of days decided by the Government binds State bodies, not the post.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from shared.clock import local

SAME_DAY_UNTIL = time(15, 0)
"""A same-day dossier accepted later than this is answered on the next working day."""


class Scope(StrEnum):
    """Whose days are asked about."""

    AGENCIES = "agencies"
    """State bodies: the one-stop desks and everyone who decides a dossier."""
    POST = "post"
    """Postal workers and counters."""
    UNIT = "unit"
    """One administrative unit: its desk, bound by the agencies' days and by its own closures."""


class DayKind(StrEnum):
    """What makes a day differ from its weekday."""

    HOLIDAY = "holiday"
    MAKEUP_WORK = "makeup_work"
    LOCAL_CLOSURE = "local_closure"
    RECEPTION_ONLY = "reception_only"
    """Dossiers are received, but the day does not count as a working day."""


@dataclass(frozen=True)
class CalendarDay:
    """One decided exception: its kind, whom it binds, what people call it and who decided."""

    day: date
    kind: DayKind
    scopes: frozenset[Scope]
    name: str
    source: str = ""

    def binds(self, scope: Scope) -> bool:
        """Whether the exception holds for `scope`; a unit's desk follows the agencies' days."""
        return scope in self.scopes or (scope is Scope.UNIT and Scope.AGENCIES in self.scopes)


class LimitUnit(StrEnum):
    """How a time limit counts."""

    WORKING_DAYS = "wd"
    SAME_DAY = "sd"
    CALENDAR_DAYS = "cd"


@dataclass(frozen=True)
class Limit:
    """A procedure's time limit. Raises ValueError for a negative or empty count."""

    unit: LimitUnit
    value: int = 0

    def __post_init__(self) -> None:
        if self.unit is LimitUnit.SAME_DAY and self.value != 0:
            raise ValueError("a same-day limit has no count")
        if self.unit is not LimitUnit.SAME_DAY and self.value <= 0:
            raise ValueError("a limit in days needs at least one day")

    @property
    def text(self) -> str:
        """The limit for people: "3 ngày làm việc", "trong ngày", "30 ngày"."""
        if self.unit is LimitUnit.SAME_DAY:
            return "trong ngày"
        return f"{self.value} ngày" + (" làm việc" if self.unit is LimitUnit.WORKING_DAYS else "")


@dataclass(frozen=True)
class WorkingCalendar:
    """Exceptions by day over a Monday-to-Friday week. Days without an exception follow the week."""

    days: Mapping[date, CalendarDay]
    weekend: frozenset[int] = frozenset({5, 6})

    @classmethod
    def of(cls, days: Iterable[CalendarDay]) -> WorkingCalendar:
        """A calendar from rows; of two rows for one day the later one wins."""
        return cls({row.day: row for row in days})

    def with_days(self, days: Iterable[CalendarDay]) -> WorkingCalendar:
        """The same calendar with further exceptions laid over it, such as a unit's flood closure."""
        return WorkingCalendar({**self.days, **{row.day: row for row in days}}, self.weekend)

    def exception(self, day: date, scope: Scope) -> CalendarDay | None:
        """The exception that binds `scope` on `day`, if any."""
        row = self.days.get(day)
        return row if row is not None and row.binds(scope) else None

    def is_working(self, day: date, scope: Scope = Scope.AGENCIES) -> bool:
        """Whether `scope` works on `day`."""
        row = self.exception(day, scope)
        if row is not None:
            return row.kind is DayKind.MAKEUP_WORK
        return day.weekday() not in self.weekend

    def next_working_day(self, day: date, scope: Scope = Scope.AGENCIES) -> date:
        """The first working day after `day`."""
        following = day + timedelta(days=1)
        while not self.is_working(following, scope):
            following += timedelta(days=1)
        return following

    def first_working_day(self, day: date, scope: Scope = Scope.AGENCIES) -> date:
        """`day` itself when it is worked, else the next one that is."""
        return day if self.is_working(day, scope) else self.next_working_day(day, scope)

    def add_working_days(self, start: date, count: int, scope: Scope = Scope.AGENCIES) -> date:
        """The `count`-th working day after `start`; `start` itself is day 0. ValueError when negative."""
        if count < 0:
            raise ValueError("working days are counted forward")
        day = start
        for _ in range(count):
            day = self.next_working_day(day, scope)
        return day

    def why_closed(self, day: date, scope: Scope = Scope.AGENCIES) -> str | None:
        """What to tell people about a day off ("nghỉ Ngày Văn hóa Việt Nam"); None on a working day."""
        if self.is_working(day, scope):
            return None
        row = self.exception(day, scope)
        if row is not None:
            return row.name if row.name.lower().startswith("nghỉ") else f"nghỉ {row.name}"
        return "nghỉ cuối tuần"


def due_date(
    accepted_at: datetime, limit: Limit, calendar: WorkingCalendar, scope: Scope = Scope.AGENCIES
) -> date:
    """The day on which the result is due for a complete dossier formally accepted at `accepted_at` (aware).

    A limit in calendar days that ends on a day off moves to the next working day
    (Civil Code 2015, article 148).
    """
    accepted = local(accepted_at)
    day = accepted.date()
    if limit.unit is LimitUnit.WORKING_DAYS:
        return calendar.add_working_days(day, limit.value, scope)
    if limit.unit is LimitUnit.CALENDAR_DAYS:
        return calendar.first_working_day(day + timedelta(days=limit.value), scope)
    if accepted.time() > SAME_DAY_UNTIL:
        return calendar.next_working_day(day, scope)
    return calendar.first_working_day(day, scope)
