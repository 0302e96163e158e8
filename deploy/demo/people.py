"""Invented citizens and their wishes. The same seed and day give the same people; nobody is real."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy.demo import accounts

FAMILY = "Nguyễn Trần Lê Phạm Huỳnh Phan Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Alăng Bríu Zơrâm".split()
MIDDLE = "Văn Thị Hữu Ngọc Minh Thanh Xuân Đức Kim Hoài".split()
GIVEN = "An Bình Cúc Dung Giang Hà Hạnh Hoa Hùng Khánh Lan Liên Lộc Mai Nam Nga Phúc Quý Sen Sơn Tâm".split()
HAMLETS = "Đông Bình|Tây An|Trung Lương|Phú Mỹ|Hòa Thuận|An Lạc|Vĩnh Phước|Thanh Trung".split("|")

WISHES = (
    ("1.001193", 14),
    ("2.000635", 16),
    ("1.014027", 20),
    ("1.000656", 6),
    ("1.004873", 10),
    ("1.004859", 8),
    ("1.001776", 8),
    ("1.001612", 6),
    ("1.013225", 5),
    ("1.004837", 3),
    ("CA-CAN-CUOC", 4),
)
"""Procedure codes and how often they are asked for, of a hundred."""


@dataclass(frozen=True)
class Citizen:
    """Somebody who asks: name, phone, where the house is and how they say it, what they want."""

    name: str
    phone: str
    address: str
    unit_id: str
    lat: float
    lon: float
    procedure: str


def citizens(day: date, count: int, first_number: int) -> Iterator[Citizen]:
    """`count` people of that day, spread over all post offices, more in the towns."""
    dice = random.Random(f"tannha {day} {first_number}")
    old = [unit for unit in accounts.units()["old_units"] if len(unit["successors"]) == 1]
    places = accounts.offices()
    weights = [_weight(place) for place in places]
    codes, shares = zip(*WISHES, strict=True)
    for number in range(count):
        office = places[number % len(places)] if number < len(places) else dice.choices(places, weights)[0]
        ward = dice.choice([unit for unit in old if unit["successors"][0] in office["coverage"]])
        kind = {"ward": "phường", "township": "thị trấn"}.get(ward["kind"], "xã")
        house = f"Tổ {dice.randint(1, 12)}, thôn {dice.choice(HAMLETS)}"
        yield Citizen(
            name=f"{dice.choice(FAMILY)} {dice.choice(MIDDLE)} {dice.choice(GIVEN)}",
            phone=f"0900{(first_number + number) % 1_000_000:06d}",
            address=f"{house}, {kind} {ward['name']}, {ward['district']}, Quảng Nam",
            unit_id=ward["successors"][0],
            lat=round(ward["lat"] + dice.uniform(-0.012, 0.012), 5),
            lon=round(ward["lon"] + dice.uniform(-0.012, 0.012), 5),
            procedure=dice.choices(codes, shares)[0],
        )


def _weight(office: dict[str, Any]) -> int:
    """How often an office's people ask: the towns often, the mountains seldom, the shown office most."""
    if office["id"] == accounts.SHOWN_OFFICE:
        return 18
    return 1 if office["mountain"] else 1 + len(office["coverage"])
