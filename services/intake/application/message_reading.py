"""What can be made out of a citizen's own words: procedure, unit, time; each with its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time
from typing import Any

from services.intake.application.ports import Ports
from services.intake.domain.addresses import resolve
from services.intake.domain.catalogue import find_procedures
from services.intake.domain.gazetteer import Point
from services.intake.domain.time_phrases import TimeKind, Understanding, understand
from services.intake.domain.windows import Window, nearest_windows, offered_windows, window_on
from shared.errors import Invalid

SURE_SCORE = 90.0
"""From here on a procedure was named, not guessed."""


@dataclass(frozen=True)
class Choice:
    """One option for an operator: the value for the form and the words."""

    value: str
    label: str


@dataclass(frozen=True)
class Reading:
    """What the messages seem to ask for. `doubtful` names the fields an operator must ask about."""

    procedure_code: str
    procedures: tuple[Choice, ...]
    unit_id: str
    units: tuple[Choice, ...]
    question: str
    window: str
    windows: tuple[Choice, ...]
    when_notes: tuple[str, ...]
    doubtful: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For keeping beside the draft."""
        return asdict(self)


def window_value(window: Window) -> str:
    """A window as the value of a form field: two ISO instants joined by a slash."""
    return f"{window.start.isoformat()}/{window.end.isoformat()}"


def read_messages(
    texts: Sequence[str], address: str, pin: Point | None, now: datetime, ports: Ports
) -> Reading:
    """Reads a conversation; nothing in here is certain until an operator confirms it."""
    said = ". ".join(texts)[:2000]
    found = find_procedures(said, ports.procedures) if said else []
    resolution = resolve(address or said, ports.gazetteer, pin=pin) if (address or said or pin) else None
    wish = understand(said, now, ports.calendar)
    windows = windows_for(wish, now, ports)
    sure_procedure = bool(found) and found[0].score >= SURE_SCORE
    chosen = resolution.chosen if resolution else None
    candidates = resolution.candidates if resolution else ()
    likely = chosen or (candidates[0] if len(candidates) == 1 else None)
    doubts = (
        ("procedure_code", not sure_procedure),
        ("address", chosen is None),
        ("window", wish.kind not in (TimeKind.WINDOW, TimeKind.OFFICE) or bool(wish.notes)),
    )
    return Reading(
        procedure_code=found[0].procedure.code if found else "",
        procedures=tuple(Choice(match.procedure.code, match.procedure.title_vi) for match in found),
        unit_id=likely.unit.id if likely else "",
        units=tuple(Choice(candidate.unit.id, candidate.label) for candidate in candidates),
        question=(resolution.question or "") if resolution else "",
        window=window_value(windows[0]) if windows and wish.dates else "",
        windows=tuple(Choice(window_value(window), window.text) for window in windows),
        when_notes=tuple(wish.notes) + ((wish.question,) if wish.question else ()),
        doubtful=tuple(name for name, doubt in doubts if doubt),
    )


def windows_for(wish: Understanding, now: datetime, ports: Ports) -> list[Window]:
    """The windows that can be kept and come nearest to a wish; without one, the next ones offered."""
    if not wish.dates:
        return offered_windows(now, ports.calendar)[:3]
    start = wish.start or time(7, 30)
    end = wish.end or time(17, 0)
    day = wish.alternative or wish.dates[0]
    try:
        wanted = window_on(day, f"{start:%H:%M}", f"{end:%H:%M}")
    except Invalid:
        return offered_windows(now, ports.calendar)[:3]
    near = nearest_windows(wanted, now, ports.calendar)
    inside = [w for w in near if w.day == day and w.start < wanted.end and w.end > wanted.start]
    return inside + [window for window in near if window not in inside]
