"""The gazetteer from its reference file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from services.intake.domain.gazetteer import District, Gazetteer, Point, Unit, UnitKind

UNITS_FILE = Path(__file__).resolve().parents[1] / "data" / "units.json"


def load_gazetteer(file: Path = UNITS_FILE) -> Gazetteer:
    """Read `units.json`. Raises OSError when it is missing, ValueError or KeyError when it is malformed."""
    tables = json.loads(file.read_text(encoding="utf-8"))
    return Gazetteer(
        units=tuple(unit_from_row(row) for row in (*tables["new_units"], *tables["old_units"])),
        districts=tuple(_district_from_row(row) for row in tables["districts"]),
        elsewhere=tuple(tables["elsewhere"]),
    )


def unit_from_row(row: Mapping[str, Any]) -> Unit:
    """A unit from one row of the reference file."""
    return Unit(
        id=row["id"],
        code=row["code"],
        kind=UnitKind(row["kind"]),
        name=row["name"],
        province=row["province"],
        point=Point(row["lat"], row["lon"]),
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]),
        district=row.get("district"),
        successors=tuple(row.get("successors", ())),
        aliases=tuple(row["aliases"]),
        agency_code=row.get("agency_code"),
    )


def _district_from_row(row: Mapping[str, Any]) -> District:
    return District(
        name=row["name"],
        full_name=row["full_name"],
        province=row["province"],
        new_units=tuple(row["new_units"]),
        aliases=tuple(row["aliases"]),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
