"""Dates and times as people in Vietnam read them: dd/mm/yyyy, 24 hours, local time."""

from __future__ import annotations

from datetime import date, datetime

from shared.clock import local

_WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")


def format_date(day: date) -> str:
    """25/11/2026. An aware datetime is shown as its day in Vietnam."""
    shown = local(day) if isinstance(day, datetime) else day
    return f"{shown.day:02d}/{shown.month:02d}/{shown.year:04d}"


def format_time(instant: datetime) -> str:
    """08:05, the Vietnamese wall clock of an aware instant."""
    return f"{local(instant):%H:%M}"


def format_instant(instant: datetime) -> str:
    """08:05 25/11/2026, the Vietnamese wall clock of an aware instant."""
    return f"{format_time(instant)} {format_date(instant)}"


def weekday_name(day: date) -> str:
    """thứ Hai … thứ Bảy, Chủ nhật."""
    return _WEEKDAYS[(local(day) if isinstance(day, datetime) else day).weekday()]


def format_day(day: date) -> str:
    """thứ Tư 25/11/2026."""
    return f"{weekday_name(day)} {format_date(day)}"


def window_text(start: datetime, end: datetime) -> str:
    """08:00–10:00 thứ Tư 25/11/2026, for a window of aware instants within one Vietnamese day."""
    return f"{format_time(start)}–{format_time(end)} {format_day(start)}"
