"""The only door to the wall clock: business time, aware, replaceable.

Business time decides windows, due dates and promises. Technical time-outs (leases, sessions,
back-off) use `time.time()`/`time.monotonic()` of the machine and never this clock, because a
demonstration may move it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Indochina time: fixed at UTC+7 since 1975, no daylight saving, so no zone database is needed."""

Clock = Callable[[], datetime]
"""Answers the present instant, aware, in UTC."""


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for tests."""

    instant: datetime

    def __call__(self) -> datetime:
        """The instant it stands at."""
        return self.instant.astimezone(UTC)


@dataclass(frozen=True)
class DemoClock:
    """The machine's clock moved by the number of seconds written in a file.

    All processes of a demonstration share the file, so a whole day can be walked through in
    minutes. A missing or unreadable file means no shift. Never allowed in production
    (see `shared.settings`).
    """

    file: Path

    def __call__(self) -> datetime:
        """The machine's instant plus the shift."""
        try:
            shift = float(self.file.read_text())
        except (OSError, ValueError):
            shift = 0.0
        return system_clock() + timedelta(seconds=shift)

    def set(self, instant: datetime) -> None:
        """Make the clock show `instant` now and go on from there."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        shift = (instant - system_clock()).total_seconds()
        draft = self.file.with_suffix(f".{os.getpid()}")
        draft.write_text(f"{shift:.3f}")
        draft.replace(self.file)


def local(instant: datetime) -> datetime:
    """The same instant as people in Vietnam read it off a wall clock."""
    return instant.astimezone(VIETNAM)


def local_date(instant: datetime) -> date:
    """The calendar day in Vietnam of an instant."""
    return local(instant).date()


def at(day: date, clock_time: str) -> datetime:
    """`day` at `HH:MM` Vietnamese time, as an aware instant in UTC."""
    hour, minute = (int(part) for part in clock_time.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=VIETNAM).astimezone(UTC)
