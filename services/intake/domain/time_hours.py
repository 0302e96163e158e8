"""The hour part of a spoken time: parts of the day, hours, ranges, before and after.

Works on the normalised accent-free text of `services.intake.domain.time_phrases`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time

PARTS = {
    "sang": (time(7, 0), time(11, 30)),
    "trua": (time(11, 0), time(13, 30)),
    "chieu": (time(13, 0), time(17, 0)),
    "toi": (time(17, 30), time(20, 30)),
}
"""What people mean by the parts of a day."""
LATEST = time(21, 0)
"""Until when "after seven in the evening" reaches."""

_EDGES = (
    (re.compile(r"\b(?:dau gio sang|dau sang|sang som)\b"), "sang", (time(7, 0), time(9, 0))),
    (re.compile(r"\b(?:cuoi gio sang|cuoi sang|gan trua)\b"), "sang", (time(9, 30), time(11, 30))),
    (re.compile(r"\b(?:dau gio chieu|dau chieu)\b"), "chieu", (time(13, 30), time(15, 0))),
    (
        re.compile(r"\b(?:cuoi gio chieu|cuoi chieu|chieu muon|xe chieu)\b"),
        "chieu",
        (time(15, 0), time(17, 0)),
    ),
)
_MARK = r"(?:gio|h|g(?!io)|:)"
_CLOCK = rf"(?P<h>\d{{1,2}})\s*(?:{_MARK}\s*(?P<m>[0-5]\d)?\s*(?P<half>ruoi)?|(?P<bare>ruoi))"
_RANGE = re.compile(
    rf"(?:\btu )?\b(?P<h1>\d{{1,2}})\s*(?:{_MARK}\s*(?P<m1>[0-5]\d)?)?\s*(?:-|den)\s*"
    rf"(?P<h2>\d{{1,2}})\s*{_MARK}\s*(?P<m2>[0-5]\d)?(?!\d)"
)
_HOUR = re.compile(
    rf"(?:\b(?P<side>truoc|sau|tu)\s*(?:luc )?)?\b{_CLOCK}(?:\s*kem\s*(?P<less>\d{{1,2}}))?(?!\d)"
)
_BARE = re.compile(
    r"\b(?P<side>truoc|sau|luc|vao luc|khoang)\s*(?:luc |khoang )?(?P<h>\d{1,2})\b(?!\s*(?:/|thang|ngay))"
)
_AMONG = re.compile(r"\b(sang|trua|chieu|toi)\b")


@dataclass(frozen=True)
class Hours:
    """A stretch of the day; all None means the whole day."""

    start: time | None = None
    end: time | None = None
    said_at: time | None = None
    confidence: float = 0.9


def read_hours(said: str) -> tuple[Hours | None, str]:
    """(hours or None, the text without the words that named them)."""
    for pattern, part, stretch in _EDGES:
        if pattern.search(said) and not _HOUR.search(said):
            return Hours(*stretch), pattern.sub(" ", said)
        said = pattern.sub(f" {part} ", said)
    named = _AMONG.search(said)
    part_name = named[1] if named else None
    span = _RANGE.search(said)
    if span:
        start, sure = _time(span["h1"], span["m1"], None, None, part_name)
        end, _ = _time(span["h2"], span["m2"], None, None, part_name)
        if start is not None and end is not None and start < end:
            return Hours(start, end, confidence=0.9 if sure else 0.7), _RANGE.sub(" ", said)
    hour = _HOUR.search(said)
    if hour:
        instant, sure = _time(hour["h"], hour["m"], hour["half"] or hour["bare"], hour["less"], part_name)
        if instant is not None:
            return _around(instant, hour["side"], part_name, sure), _HOUR.sub(" ", said)
    bare = _BARE.search(said)
    if bare:
        instant, sure = _time(bare["h"], None, None, None, part_name)
        if instant is not None:
            return _around(instant, bare["side"], part_name, sure and part_name is not None), _BARE.sub(
                " ", said
            )
    if part_name:
        return Hours(*PARTS[part_name]), _AMONG.sub(" ", said)
    return None, said


def _time(
    hour: str, minute: str | None, half: str | None, less: str | None, part: str | None
) -> tuple[time | None, bool]:
    """(the time of day, whether morning or afternoon was certain); None for an impossible hour."""
    number = int(hour)
    minutes = int(minute) if minute else 30 if half else 0
    sure = part is not None or number > 12 or number == 0
    if (number < 12 and (part in ("chieu", "toi") or (part == "trua" and number < 5))) or (
        part is None and 1 <= number <= 6
    ):
        number += 12
    total = number * 60 + minutes - (int(less) if less else 0)
    if not 0 <= total < 24 * 60:
        return None, False
    return time(total // 60, total % 60), sure or 7 <= int(hour) <= 11


def _around(instant: time, side: str | None, part: str | None, sure: bool) -> Hours:
    """The stretch for a named hour: half an hour on each side, or up to it, or from it on."""
    confidence = 0.9 if sure else 0.7
    begin, finish = (
        PARTS[part] if part else (time(7, 0), time(20, 30) if instant >= time(17, 0) else time(17, 0))
    )
    if side == "truoc":
        return Hours(min(begin, instant), instant, None, confidence)
    if side in ("sau", "tu"):
        return Hours(instant, LATEST if instant >= finish or part == "toi" else finish, None, confidence)
    return Hours(_shifted(instant, -30), _shifted(instant, 30), instant, confidence)


def _shifted(instant: time, minutes: int) -> time:
    total = max(0, min(24 * 60 - 1, instant.hour * 60 + instant.minute + minutes))
    return time(total // 60, total % 60)
