"""The day part of a spoken time: relative days, weekdays, dates, lunar days.

Works on the normalised accent-free text of `services.intake.domain.time_phrases` (weekdays are
"thu 2" … "thu 8"). Each rule eats the words it understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from shared.vietnamese.lunar import next_solar_date


@dataclass(frozen=True)
class Days:
    """The days meant, soonest first; `weekly` when a passed day may roll to the next week."""

    dates: tuple[date, ...]
    confidence: float = 0.9
    weekly: bool = False


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str], date], Days | None]]


def read_days(said: str, today: date) -> tuple[Days | None, str]:
    """(days or None, the text without the words that named them)."""
    for pattern, meaning in _RULES:
        match = pattern.search(said)
        if match:
            days = meaning(match, today)
            if days is not None:
                rest = f"{said[: match.start()]} {said[match.end() :]}"
                return _with_second_weekday(days, rest, today) if meaning is _weekday else (days, rest)
    return None, said


def _with_second_weekday(days: Days, rest: str, today: date) -> tuple[Days, str]:
    """ "thứ 7 hoặc chủ nhật": a second weekday makes the answer flexible."""
    other = re.search(rf"\b(?:hoac|hay|va) thu (?P<weekday>[2-8])\b{_WEEK}", rest)
    if other is None:
        return days, rest
    dates = tuple(sorted({*days.dates, *_weekday(other, today).dates}))
    return Days(dates, 0.7), f"{rest[: other.start()]} {rest[other.end() :]}"


def _lunar(match: re.Match[str], today: date) -> Days | None:
    month = {"chap": 12, "gieng": 1}.get(match["month"]) or int(match["month"])
    try:
        return Days((next_solar_date(month, int(match["day"]), today),), 0.7)
    except ValueError:
        return None


def _written(match: re.Match[str], today: date) -> Days | None:
    year = match["year"]
    try:
        day = date(int(year) if year else today.year, int(match["month"]), int(match["day"]))
        if not year and (today - day).days > 180:
            day = day.replace(year=day.year + 1)
    except ValueError:
        return None
    return Days((day,), 0.95)


def _day_of_month(match: re.Match[str], today: date) -> Days | None:
    for month in (today.month, today.month % 12 + 1):
        year = today.year + (month < today.month)
        try:
            day = date(year, month, int(match["day"]))
        except ValueError:
            continue
        if day >= today:
            return Days((day,), 0.8)
    return None


def _weekday(match: re.Match[str], today: date) -> Days:
    wanted = int(match["weekday"]) - 2
    monday = today - timedelta(days=today.weekday())
    week = match["week"] or ""
    if week.strip() in ("tuan sau", "tuan toi", "tuan den", "sau", "toi"):
        return Days((monday + timedelta(days=7 + wanted),))
    if "nay" in week:
        return Days((monday + timedelta(days=wanted),), weekly=True)
    return Days((today + timedelta(days=(wanted - today.weekday()) % 7),), 0.8, weekly=True)


def _weekend(match: re.Match[str], today: date) -> Days:
    monday = today - timedelta(days=today.weekday())
    shift = 7 if match["week"] and "nay" not in match["week"] else 0
    return Days((monday + timedelta(days=5 + shift), monday + timedelta(days=6 + shift)), 0.8)


def _start_of_week(match: re.Match[str], today: date) -> Days:
    monday = today - timedelta(days=today.weekday())
    shift = 0 if match["week"] and "nay" in match["week"] else 7
    return Days((monday + timedelta(days=shift), monday + timedelta(days=shift + 1)), 0.7)


def _week(match: re.Match[str], today: date) -> Days:
    monday = today - timedelta(days=today.weekday())
    if "nay" in match["week"]:
        friday = monday + timedelta(days=4)
        rest = tuple(monday + timedelta(days=n) for n in range(5) if monday + timedelta(days=n) >= today)
        return Days(rest or (friday,), 0.6)
    return Days(tuple(monday + timedelta(days=7 + n) for n in range(5)), 0.6)


def _ahead(*steps: int, confidence: float = 0.9) -> Callable[[re.Match[str], date], Days]:
    return lambda _, today: Days(tuple(today + timedelta(days=step) for step in steps), confidence)


def _counted(match: re.Match[str], today: date) -> Days | None:
    count = int(match["count"])
    return Days((today + timedelta(days=count),), 0.85) if count <= 60 else None


_WEEK = r"(?P<week> ?(?:trong )?tuan (?:nay|ni|sau|toi|den)| sau| toi)?"
_THIS_WEEK = r"(?P<week> (?:nay|ni|sau|toi|den))?"
_LEAD = r"(?:ngay |mung |mong )?"
_DAY, _MONTH = r"(?P<day>\d{1,2})", r"(?P<month>\d{1,2})"
_YEAR = r"(?:\s*(?:/|-|nam)\s*(?P<year>20\d\d))?"
_NOT_HOURS = r"\b(?!\s*(?:h|gio)\b)"
_TODAY = r"(?:(?:hom|bua|ngay) (?:nay|ni)|(?:(?<=sang )|(?<=trua )|(?<=chieu )|(?<=toi ))(?:nay|ni))"

_RULES: list[_Rule] = [
    (re.compile(rf"\b{_LEAD}{_DAY} thang (?P<month>chap|gieng)\b"), _lunar),
    (re.compile(rf"\b{_LEAD}{_DAY}(?: thang |/){_MONTH} (?:am lich|am|al)\b"), _lunar),
    (re.compile(rf"\b{_LEAD}{_DAY}\s*[/-]\s*{_MONTH}{_YEAR}{_NOT_HOURS}"), _written),
    (re.compile(rf"\b{_LEAD}{_DAY} thang {_MONTH}{_YEAR}\b"), _written),
    (re.compile(r"\b(?:ngay )?mai (?:hoac |hay )?(?:ngay )?(?:mot|kia)\b"), _ahead(1, 2, confidence=0.7)),
    (re.compile(r"\b(?P<count>\d{1,2}) (?:ngay|hom|bua) nua\b"), _counted),
    (re.compile(rf"\bcuoi tuan{_THIS_WEEK}\b"), _weekend),
    (re.compile(rf"\bdau tuan{_THIS_WEEK}\b"), _start_of_week),
    (re.compile(rf"\bthu (?P<weekday>[2-8])\b{_WEEK}"), _weekday),
    (re.compile(r"\btuan (?P<week>nay|ni|sau|toi|den)\b"), _week),
    (re.compile(r"\b(?:ngay |hom |bua )?(?:kia|mot)\b(?! (?:gio|h|luc|chut))"), _ahead(2)),
    (re.compile(r"\b(?:ngay |hom |bua )?mai(?: ni)?\b"), _ahead(1)),
    (re.compile(rf"\b{_TODAY}\b"), _ahead(0)),
    (re.compile(rf"\bngay {_DAY}\b(?!\s*(?:/|-|thang))"), _day_of_month),
]
"""First match wins: the more words a rule needs, the earlier it stands."""
