"""Two-hour windows in which a postal worker can come: which are offered and which are refused.

Only windows that the planner can serve are offered: on working days of the post, inside the shifts,
with an hour of lead. What a citizen says is understood by `services.intake.domain.time_phrases`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.clock import at, local, local_date
from shared.errors import Invalid
from shared.vietnamese.calendar import Scope, WorkingCalendar
from shared.vietnamese.dates import format_day, window_text

SLOTS = (("07:30", "09:30"), ("09:30", "11:30"), ("13:30", "15:30"), ("15:00", "17:00"))
"""Vietnamese wall clock; the gap is the workers' lunch."""
SERVICE_HOURS = (time(7, 30), time(17, 0))
LUNCH = (time(11, 30), time(13, 30))
LEAD = timedelta(minutes=60)
SHORTEST = timedelta(minutes=60)
LONGEST = timedelta(hours=4)
HORIZON_DAYS = 60
"""How far ahead an appointment may lie; later holidays may not be decided yet."""
ALTERNATIVES = 3


@dataclass(frozen=True, order=True)
class Window:
    """From `start` to `end`, aware instants of one Vietnamese day. ValueError when turned round or split."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.end <= self.start:
            raise ValueError("a window ends after it starts")
        if local_date(self.start) != local_date(self.end):
            raise ValueError("a window lies within one day")

    @property
    def day(self) -> date:
        """The day in Vietnam."""
        return local_date(self.start)

    @property
    def text(self) -> str:
        """08:00–10:00 thứ Tư 25/11/2026."""
        return window_text(self.start, self.end)


def window_on(day: date, start: str, end: str) -> Window:
    """The window from `start` to `end` ("HH:MM", Vietnamese wall clock) on `day`.

    Raises Invalid (`window.malformed`) when the end is not after the start or a time is unreadable.
    """
    try:
        return Window(at(day, start), at(day, end))
    except ValueError:
        raise Invalid(
            "Khung giờ chưa đúng: giờ kết thúc phải sau giờ bắt đầu.",
            code="window.malformed",
            fields={"window": "Giờ kết thúc phải sau giờ bắt đầu."},
        ) from None


def offered_windows(now: datetime, calendar: WorkingCalendar, days: int = 3) -> list[Window]:
    """The windows still open on the next `days` working days of the post that have any, soonest first."""
    offered: list[Window] = []
    day = local_date(now) - timedelta(days=1)
    served = 0
    while served < days:
        day = calendar.next_working_day(day, Scope.POST)
        open_on_day = [window for window in _slots_on(day) if window.start >= now + LEAD]
        offered += open_on_day
        served += bool(open_on_day)
    return offered


def nearest_windows(wanted: Window, now: datetime, calendar: WorkingCalendar) -> list[Window]:
    """The open windows closest to the wanted one."""
    first = max(local_date(now), wanted.day - timedelta(days=7))
    begin = max(now, at(first, "00:00") - LEAD)
    choices = offered_windows(begin, calendar, days=8)
    closest = sorted(choices, key=lambda window: abs(window.start - wanted.start))[:ALTERNATIVES]
    return sorted(closest)


def check_window(window: Window, now: datetime, calendar: WorkingCalendar) -> Window:
    """Return `window` when a worker can keep it.

    Raises Invalid with the reason in Vietnamese and the nearest possible windows as hints: past or
    too soon, a day off, outside service hours or in the lunch break, too short, too long, too far.
    """
    refusal = _refusal(window, now, calendar)
    if refusal is None:
        return window
    code, reason = refusal
    near = window
    if window.day > local_date(now) + timedelta(days=HORIZON_DAYS):
        near = Window(
            window.start - (window.day - local_date(now)), window.end - (window.day - local_date(now))
        )
    hints = tuple(offer.text for offer in nearest_windows(near, now, calendar))
    raise Invalid(reason, code=code, fields={"window": reason}, hints=hints)


def _refusal(window: Window, now: datetime, calendar: WorkingCalendar) -> tuple[str, str] | None:
    """The first rule that the window breaks: (code, Vietnamese reason)."""
    start, end = local(window.start).time(), local(window.end).time()
    closed = calendar.why_closed(window.day, Scope.POST)
    last_day = local_date(now) + timedelta(days=HORIZON_DAYS)
    length = window.end - window.start
    rules = (
        (window.start < now, "window.past", "Khung giờ này đã qua."),
        (
            window.start < now + LEAD,
            "window.too_soon",
            "Khung giờ quá gấp: bưu tá cần ít nhất 60 phút để đến.",
        ),
        (window.day > last_day, "window.too_far", f"Chỉ nhận hẹn trong {HORIZON_DAYS} ngày tới."),
        (
            closed is not None,
            "window.day_off",
            f"Bưu điện không đi thu gom {format_day(window.day)} ({closed}).",
        ),
        (
            start < SERVICE_HOURS[0] or end > SERVICE_HOURS[1],
            "window.outside_hours",
            "Bưu tá đến nhà từ 07:30 đến 17:00.",
        ),
        (start >= LUNCH[0] and end <= LUNCH[1], "window.lunch", "Từ 11:30 đến 13:30 bưu tá nghỉ trưa."),
        (length < SHORTEST, "window.too_short", "Khung giờ cần dài ít nhất 60 phút."),
        (length > LONGEST, "window.too_long", "Khung giờ dài nhất là 4 tiếng, để Ông/Bà không phải chờ lâu."),
    )
    return next(((code, reason) for broken, code, reason in rules if broken), None)


def _slots_on(day: date) -> list[Window]:
    return [Window(at(day, start), at(day, end)) for start, end in SLOTS]
