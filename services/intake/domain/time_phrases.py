"""What a citizen means by "chiều mai", "8h sáng thứ 3 tuần sau", "lúc nào cũng được".

A small grammar over accent-free text. The answer is always a stretch of time, never an instant, and
says how sure it is; a bare "7" (Saturday or seven o'clock?) is asked about. Service hours are not
judged here: that is `services.intake.domain.windows`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from services.intake.domain.time_dates import Days, read_days
from services.intake.domain.time_hours import Hours, read_hours
from shared.clock import local
from shared.vietnamese.calendar import Scope, WorkingCalendar
from shared.vietnamese.dates import format_day
from shared.vietnamese.text import fold, nfc


class TimeKind(StrEnum):
    """What sort of answer a phrase is."""

    WINDOW = "window"
    """One day, perhaps with hours."""
    FLEX = "flex"
    """Any of several days."""
    ANY = "any"
    """Whenever."""
    OFFICE = "office"
    """One day, within office hours."""
    AMBIGUOUS = "ambiguous"
    """Two readings: ask `question`."""
    NONE = "none"
    """Nothing about time was found."""


@dataclass(frozen=True)
class Understanding:
    """The days meant (soonest first) and the stretch of the day, Vietnamese wall clock.

    `said_at` is an hour that was named; `start`/`end` is the half hour on each side of it.
    `confidence` runs from 0 to 1. `notes` tell people why a day will not do; `alternative` is then
    the next day on which the post works.
    """

    kind: TimeKind
    dates: tuple[date, ...] = ()
    start: time | None = None
    end: time | None = None
    said_at: time | None = None
    confidence: float = 0.0
    question: str | None = None
    notes: tuple[str, ...] = ()
    alternative: date | None = None


_WORDS_BEFORE_FOLDING = {
    r"\btầm\b": "khoang",
    r"\btới\b": "den",
    r"\btôi\b": "",
    r"\bsáu\b": "6",
    r"\bbảy\b|\bbẩy\b": "7",
    r"\btám\b": "8",
    r"\bmột\b": "1",
    r"\bnăm (?=20\d\d)": "nam ",
}
"""Words that lose their difference without accents (tám/tầm, sáu/sau, một/mốt, tới/tối)."""

_NUMBERS = {
    "muoi hai": 12,
    "muoi mot": 11,
    "muoi": 10,
    "mot": 1,
    "hai": 2,
    "ba": 3,
    "bon": 4,
    "tu": 4,
    "nam": 5,
    "sau": 6,
    "bay": 7,
    "tam": 8,
    "chin": 9,
}
_NUMBER = "|".join(_NUMBERS)
_WEEKDAYS = {
    "hai": 2,
    "ba": 3,
    "tu": 4,
    "nam": 5,
    "sau": 6,
    "bay": 7,
    "2": 2,
    "3": 3,
    "4": 4,
    "5": 5,
    "6": 6,
    "7": 7,
}
_WHENEVER = re.compile(
    r"\b(luc|khi|ngay|gio|hom|bua)? ?nao cung (duoc|dc|ok)|\bgi cung (duoc|dc|ok)|bat cu (luc|khi|ngay) nao|"
    r"\b(tuy|tuy y|tuy em|sao cung duoc)\b"
)
_OFFICE = re.compile(r"\b(trong )?(gio hanh chinh|gio lam viec)\b")


def understand(text: str, now: datetime, calendar: WorkingCalendar) -> Understanding:
    """Read a phrase said at `now` (aware). Any text gets an answer; NONE when no time is in it."""
    today, clock = local(now).date(), local(now).time()
    said = _normalise(text)
    whenever, office = bool(_WHENEVER.search(said)), bool(_OFFICE.search(said))
    said = _OFFICE.sub(" ", _WHENEVER.sub(" ", said))
    days, rest = read_days(said, today)
    hours, rest = read_hours(rest)
    if days is None and hours is None:
        return _without_day_or_hour(whenever, office, rest, calendar, today)
    understanding = _combined(days, hours, whenever, office, today, clock)
    return _with_calendar(understanding, days, calendar, today, clock)


def _normalise(text: str) -> str:
    """Accent-free text in which weekdays are "thu N" and spelled hours are numbers."""
    said = nfc(text).lower()
    for pattern, word in _WORDS_BEFORE_FOLDING.items():
        said = re.sub(pattern, word, said)
    said = fold(said)
    said = re.sub(r"\bt([2-7])\b", r"thu \1", said)
    said = re.sub(r"\bthu (hai|ba|tu|nam|sau|bay|[2-7])\b", lambda m: f"thu {_WEEKDAYS[m[1]]}", said)
    said = re.sub(r"\b(chu nhat|cn)\b", "thu 8", said)
    said = re.sub(r"\bram thang (\w+)\b", r"15 thang \1 am", said)
    said = re.sub(
        rf"\b({_NUMBER})(?= (gio|h|ruoi|ngay nua|hom nua|bua nua)\b)", lambda m: str(_NUMBERS[m[1]]), said
    )
    return re.sub(r"[^a-z0-9:/\- ]", " ", said)


def _without_day_or_hour(
    whenever: bool, office: bool, rest: str, calendar: WorkingCalendar, today: date
) -> Understanding:
    if office:
        return Understanding(
            TimeKind.OFFICE,
            (calendar.next_working_day(today, Scope.POST),),
            time(7, 30),
            time(17, 0),
            None,
            0.6,
        )
    if whenever:
        return Understanding(TimeKind.ANY, confidence=0.9)
    number = re.fullmatch(r"\D*\b(\d{1,2})\b\D*", rest)
    if number and 1 <= int(number[1]) <= 12:
        spoken = int(number[1])
        weekday = f"thứ {_SPOKEN_DAYS[spoken]} hay " if spoken in _SPOKEN_DAYS else f"ngày {spoken} hay "
        return Understanding(
            TimeKind.AMBIGUOUS, confidence=0.2, question=f"Ý Ông/Bà là {weekday}{spoken} giờ?"
        )
    return Understanding(TimeKind.NONE)


_SPOKEN_DAYS = {2: "Hai", 3: "Ba", 4: "Tư", 5: "Năm", 6: "Sáu", 7: "Bảy"}


def _combined(
    days: Days | None, hours: Hours | None, whenever: bool, office: bool, today: date, clock: time
) -> Understanding:
    stretch = hours or Hours()
    if office and hours is None:
        stretch = Hours(time(7, 30), time(17, 0))
    if days is None:
        passed = (stretch.said_at or stretch.end or time(23, 59)) <= clock
        dates: tuple[date, ...] = (today + timedelta(days=1 if passed else 0),)
        confidence = 0.6
    else:
        dates, confidence = days.dates, days.confidence
    kind = TimeKind.OFFICE if office else TimeKind.FLEX if len(dates) > 1 or whenever else TimeKind.WINDOW
    return Understanding(
        kind, dates, stretch.start, stretch.end, stretch.said_at, min(confidence, stretch.confidence)
    )


def _with_calendar(
    understanding: Understanding, days: Days | None, calendar: WorkingCalendar, today: date, clock: time
) -> Understanding:
    """Roll a passed weekday forward, and say why a day will not do and which comes next."""
    end = understanding.end or time(23, 59)
    dates = understanding.dates
    over = [day for day in dates if day < today or (day == today and end <= clock)]
    if over == list(dates) and days is not None and days.weekly:
        dates = tuple(day + timedelta(days=7) for day in dates)
        over = []
    elif len(over) < len(dates):
        dates = tuple(day for day in dates if day not in over)
        over = []
    notes = [f"{_capital(format_day(day))} đã qua giờ này." for day in over]
    closed = {day: calendar.why_closed(day, Scope.POST) for day in dates if day not in over}
    notes += [
        f"{_capital(format_day(day))} bưu điện không đi thu gom ({why})."
        for day, why in closed.items()
        if why
    ]
    alternative = None
    if all(day in over or closed[day] for day in dates):
        alternative = calendar.next_working_day(max(dates[-1], today), Scope.POST)
        notes.append(f"Gần nhất là {format_day(alternative)}.")
    return replace(understanding, dates=dates, notes=tuple(notes), alternative=alternative)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
