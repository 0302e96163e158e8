"""Between instants and the seconds since midnight in Vietnam that planning counts in."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from services.routing.domain.problem import DAY_SECONDS
from shared.clock import at


def seconds_into(day: date, instant: datetime) -> int:
    """Seconds from the day's midnight in Vietnam, cut to the day."""
    return max(0, min(DAY_SECONDS - 1, round((instant - at(day, "00:00")).total_seconds())))


def instant_of(day: date, seconds: int) -> datetime:
    """The instant that many seconds into the day."""
    return at(day, "00:00") + timedelta(seconds=seconds)


def seconds_of(clock_time: str) -> int:
    """`HH:MM` as seconds since midnight."""
    hours, minutes = clock_time.split(":")
    return int(hours) * 3600 + int(minutes) * 60
