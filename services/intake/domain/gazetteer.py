"""Administrative units before and after 1-7-2025 and the names people call them by.

Pure: the rows come from an adapter. There is no district level in the model; the former districts
are kept only as names that tell two communes apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt

from shared.errors import NotFound
from shared.vietnamese.text import fold

_EARTH_KM = 6371.0


class Precision(StrEnum):
    """How far a point may be from the door: a pin is the door, a unit's point may be kilometres off."""

    PIN = "pin"
    HOUSE = "house"
    VILLAGE = "village"
    UNIT = "unit"


@dataclass(frozen=True)
class Point:
    """A place on earth in degrees (WGS 84)."""

    lat: float
    lon: float

    def kilometres_to(self, other: Point) -> float:
        """Great-circle distance (haversine)."""
        north, east = radians(other.lat - self.lat), radians(other.lon - self.lon)
        chord = sin(north / 2) ** 2 + cos(radians(self.lat)) * cos(radians(other.lat)) * sin(east / 2) ** 2
        return 2 * _EARTH_KM * asin(sqrt(chord))


class UnitKind(StrEnum):
    """Kind of a commune-level unit; townships ended on 30-6-2025."""

    COMMUNE = "commune"
    WARD = "ward"
    TOWNSHIP = "township"
    SPECIAL_ZONE = "special_zone"


KIND_NAMES = {
    UnitKind.COMMUNE: "Xã",
    UnitKind.WARD: "Phường",
    UnitKind.TOWNSHIP: "Thị trấn",
    UnitKind.SPECIAL_ZONE: "Đặc khu",
}


@dataclass(frozen=True)
class Unit:
    """One commune-level unit for as long as it existed; `district` is the former district of an old one."""

    id: str
    code: str
    kind: UnitKind
    name: str
    province: str
    point: Point
    valid_from: date | None = None
    valid_to: date | None = None
    district: str | None = None
    successors: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    agency_code: str | None = None

    @property
    def is_old(self) -> bool:
        """Whether the unit has ended."""
        return self.valid_to is not None

    @property
    def full_name(self) -> str:
        """Kind and name: "Xã Duy Vinh"."""
        return f"{KIND_NAMES[self.kind]} {self.name}"

    def valid_on(self, day: date) -> bool:
        """Whether the unit existed on `day`."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class District:
    """A former district: a name in people's addresses, and the present units on its ground."""

    name: str
    full_name: str
    province: str
    new_units: tuple[str, ...]
    aliases: tuple[str, ...] = ()


class ProvinceName(StrEnum):
    """The two provinces whose names belong in our addresses."""

    QUANG_NAM = "Quảng Nam"
    DA_NANG = "Đà Nẵng"


@dataclass(frozen=True)
class Elsewhere:
    """A province that is not ours."""

    name: str


Place = Unit | District | ProvinceName | Elsewhere


@dataclass(frozen=True)
class Name:
    """One spelling and what it may mean. An alias is weaker evidence than the official name."""

    spelled: str
    place: Place
    alias: bool = False


_PROVINCE_SPELLINGS = {
    ProvinceName.QUANG_NAM: ("Quảng Nam", "QNam", "QN", "Qg Nam"),
    ProvinceName.DA_NANG: ("Đà Nẵng", "Đ Nẵng", "ĐN", "DNang"),
}


def name_key(text: str) -> str:
    """Accent-free letters and digits without blanks: "A Vương" and "Avuong" are one key."""
    return re.sub(r"[^a-z0-9]", "", fold(text))


@dataclass
class Gazetteer:
    """All units, found by id, by name, by day, by succession and by nearness."""

    units: Sequence[Unit]
    districts: Sequence[District]
    elsewhere: Sequence[str] = ()
    _by_id: dict[str, Unit] = field(init=False, repr=False)
    _names: dict[str, list[Name]] = field(init=False, repr=False)
    longest_name: int = field(init=False, repr=False)
    """The greatest number of words in one spelling."""

    def __post_init__(self) -> None:
        self._by_id = {unit.id: unit for unit in self.units}
        self._names = {}
        for name in self._spellings():
            self._names.setdefault(name_key(name.spelled), []).append(name)
        self.longest_name = max(len(name.spelled.split()) for names in self._names.values() for name in names)

    def unit(self, unit_id: str) -> Unit:
        """The unit with this id. Raises NotFound."""
        try:
            return self._by_id[unit_id]
        except KeyError:
            raise NotFound("Không có đơn vị hành chính này.", code="unit.missing") from None

    def present_units(self, day: date) -> list[Unit]:
        """The units that exist on `day`, by name."""
        return sorted((unit for unit in self.units if unit.valid_on(day)), key=lambda unit: fold(unit.name))

    def current(self, unit: Unit) -> tuple[Unit, ...]:
        """What `unit` is today: itself, or the units that took its ground."""
        return tuple(self.unit(unit_id) for unit_id in unit.successors) if unit.is_old else (unit,)

    def former(self, unit: Unit) -> list[Unit]:
        """The old units that went into `unit`."""
        return [old for old in self.units if unit.id in old.successors]

    def named(self, key: str) -> Sequence[Name]:
        """Everything a `name_key` may mean."""
        return self._names.get(key, ())

    def unit_names(self) -> Iterable[str]:
        """Official names of all units, for guessing at slips of the finger."""
        return {unit.name for unit in self.units}

    def units_named(self, name: str) -> list[Unit]:
        """Units, old and new, whose official name is spelled `name`."""
        return [unit for unit in self.units if unit.name == name]

    def nearest(self, point: Point, count: int) -> list[Unit]:
        """The present units whose points lie nearest."""
        present = (unit for unit in self.units if not unit.is_old)
        return sorted(present, key=lambda unit: unit.point.kilometres_to(point))[:count]

    def _spellings(self) -> Iterable[Name]:
        places: list[Unit | District] = [*self.units, *self.districts]
        for place in places:
            yield Name(place.name, place)
            for alias in place.aliases:
                yield Name(alias, place, alias=True)
        for province, spellings in _PROVINCE_SPELLINGS.items():
            for spelling in spellings:
                yield Name(spelling, province)
        for name in self.elsewhere:
            yield Name(name, Elsewhere(name))
