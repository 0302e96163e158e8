"""Sixty invented postal workers, drawn with a fixed seed."""

from __future__ import annotations

from random import Random

from deploy.data_build.files import Row

SEED = 20261125
COUNT = 60
_FAMILY = [
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Huỳnh",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Phan",
    "Trương",
    "Lương",
]
_MIDDLE = ["Văn", "Thị", "Đức", "Minh", "Ngọc", "Hữu", "Thanh", "Quang", "Kim", "Xuân"]
_GIVEN = [
    "An",
    "Bình",
    "Cúc",
    "Dũng",
    "Giang",
    "Hà",
    "Hiếu",
    "Hoa",
    "Khánh",
    "Lan",
    "Linh",
    "Long",
    "Mai",
    "Nam",
    "Oanh",
    "Phúc",
    "Quý",
    "Sen",
    "Sơn",
    "Tâm",
    "Thảo",
    "Tuấn",
    "Vinh",
    "Yến",
]
_SHIFTS = [("07:00", "17:00"), ("07:00", "17:30"), ("07:30", "17:30")]
_SKILLS = [["guidance", "certified", "experienced"], ["guidance", "certified"], ["guidance"], ["experienced"]]
"""By place in the office: the first can do everything, so no office is without a skill."""
_BUSY = (
    "Tam Kỳ",
    "An Xuân",
    "Minh An",
    "Vĩnh Điện",
    "Điện Ngọc",
    "Duy Vinh",
    "Hà Lam",
    "Ái Nghĩa",
    "Núi Thành",
)


def build(offices: list[Row]) -> list[Row]:
    """Two workers for every office, the remaining ten to the busy towns."""
    draw = Random(SEED)
    places = [office["id"] for office in offices for _ in range(2)]
    busy = [office["id"] for office in offices if office["name"].removeprefix("Bưu cục ") in _BUSY]
    places += [busy[turn % len(busy)] for turn in range(COUNT - len(places))]
    return [_worker(number, office, draw, places) for number, office in enumerate(sorted(places), start=1)]


def _worker(number: int, office: str, draw: Random, places: list[str]) -> Row:
    place_in_office = number - 1 - sorted(places).index(office)
    start, end = _SHIFTS[0] if place_in_office == 0 else draw.choice(_SHIFTS)
    return {
        "id": f"w-{number:03d}",
        "name": f"{draw.choice(_FAMILY)} {draw.choice(_MIDDLE)} {draw.choice(_GIVEN)}",
        "phone": f"+84900000{200 + number}",
        "office_id": office,
        "vehicle": "motorbike",
        "skills": _SKILLS[min(place_in_office, len(_SKILLS) - 1)],
        "shift_start": start,
        "shift_end": end,
        "lunch_from": "11:30",
        "lunch_to": "13:30",
        "lunch_minutes": 60,
        "capacity": draw.randrange(20, 31),
    }
