"""Post offices of the demonstration: invented addresses at real communes, covering all of old Quảng Nam."""

from __future__ import annotations

from math import cos, hypot, radians

from deploy.data_build.files import Row

_SEATS = [
    ("An Xuân", "Tam Kỳ"),
    ("Minh An", "Hội An"),
    ("Vĩnh Điện", "Điện Bàn"),
    ("Điện Ngọc", "Điện Bàn Đông"),
    ("Duy Vinh", "Nam Phước"),
    ("Duy Trung", "Duy Xuyên"),
    ("Ái Nghĩa", "Đại Lộc"),
    ("Đại Lãnh", "Thượng Đức"),
    ("Hà Lam", "Thăng Bình"),
    ("Bình Triều", "Thăng An"),
    ("Đông Phú", "Quế Sơn"),
    ("Quế Lộc", "Nông Sơn"),
    ("Tân Bình", "Hiệp Đức"),
    ("Tiên Kỳ", "Tiên Phước"),
    ("Tam Lộc", "Tây Hồ"),
    ("Tam Dân", "Phú Ninh"),
    ("Núi Thành", "Núi Thành"),
    ("Tam Xuân I", "Tam Xuân"),
    ("Trà My", "Trà My"),
    ("Trà Mai", "Nam Trà My"),
    ("Khâm Đức", "Khâm Đức"),
    ("Thạnh Mỹ", "Thạnh Mỹ"),
    ("Chà Vàl", "Nam Giang"),
    ("Prao", "Đông Giang"),
    ("A Tiêng", "Tây Giang"),
]
"""(old commune where the office stands, new unit that holds it). Duy Vinh, Bình Triều, Tam Lộc and
Quế Lộc are communes whose one-stop desk moved into the post office (published by the post in 2019)."""

_DESK_IN_POST = {"Duy Vinh", "Bình Triều", "Tam Lộc", "Quế Lộc"}
MOUNTAINS = {"Trà My", "Trà Mai", "Khâm Đức", "Thạnh Mỹ", "Chà Vàl", "Prao", "A Tiêng"}


def build(new: list[Row], old: list[Row]) -> list[Row]:
    """25 offices; every new unit on old Quảng Nam ground has exactly one (its own, else the nearest)."""
    by_name = {row["name"]: row for row in new}
    offices = [_office(commune, by_name[unit], old) for commune, unit in _SEATS]
    seats = {office["unit_id"]: office for office in offices}
    ground = {unit for row in old for unit in row["successors"]}
    for unit in sorted(ground):
        row = next(row for row in new if row["id"] == unit)
        office = seats.get(unit) or min(offices, key=lambda office: _kilometres(office, row))
        office["coverage"].append(unit)
    return offices


def _office(commune: str, unit: Row, old: list[Row]) -> Row:
    place = next(row for row in old if row["name"] == commune and unit["id"] in row["successors"])
    return {
        "id": f"office-{place['code']}",
        "name": f"Bưu cục {commune}",
        "unit_id": unit["id"],
        "lat": place["lat"],
        "lon": place["lon"],
        "desk_in_post": commune in _DESK_IN_POST,
        "mountain": commune in MOUNTAINS,
        "coverage": [],
    }


def _kilometres(one: Row, other: Row) -> float:
    """Flat-earth distance, good enough to say which office is nearest inside one province."""
    north = (one["lat"] - other["lat"]) * 110.6
    east = (one["lon"] - other["lon"]) * 111.3 * cos(radians(one["lat"]))
    return hypot(north, east)
