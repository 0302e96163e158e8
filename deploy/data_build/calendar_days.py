"""Public holidays 2025–2027 as a draft from `holidays`, plus decisions that the package lacks."""

from __future__ import annotations

from datetime import date

import holidays

from deploy.data_build.files import Row

YEARS = (2025, 2026, 2027)
_EVERYONE = ["agencies", "post", "unit"]
_STATE = ["agencies"]
_DRAFT = "holidays 0.109 (bản nháp, quản trị viên đối chiếu với quyết định trước khi dùng)"
_SWAP_2026 = "Quyết định hoán đổi ngày làm việc của khối cơ quan nhà nước, công bố 25-12-2025"

_DECIDED = [
    ("2026-01-02", "holiday", "Nghỉ hoán đổi với thứ Bảy 10/01/2026", _SWAP_2026),
    ("2026-01-10", "makeup_work", "Làm bù cho thứ Sáu 02/01/2026", _SWAP_2026),
]


def build() -> list[Row]:
    """Rows sorted by day. Swapped days bind State bodies only; holidays bind everyone."""
    source = holidays.country_holidays("VN", years=YEARS, language="vi")
    rows = [_holiday(day, name) for day, name in source.items()]
    rows += [
        _row(day.isoformat(), "makeup_work", "Làm bù theo lịch hoán đổi", _STATE, _DRAFT)
        for day in source.weekend_workdays
        if day.year in YEARS
    ]
    rows += [_row(day, kind, name, _STATE, source_text) for day, kind, name, source_text in _DECIDED]
    return sorted(rows, key=lambda row: row["day"])


def _holiday(day: date, name: str) -> Row:
    if name.startswith("Ngày nghỉ (thay cho ngày"):
        worked = name.rsplit("ngày ", maxsplit=1)[-1].rstrip(")")
        return _row(day.isoformat(), "holiday", f"Nghỉ hoán đổi với {worked}", _STATE, _DRAFT)
    return _row(day.isoformat(), "holiday", name, _EVERYONE, _DRAFT)


def _row(day: str, kind: str, name: str, scopes: list[str], source: str) -> Row:
    return {"day": day, "kind": kind, "scopes": scopes, "name": name, "source": source}
