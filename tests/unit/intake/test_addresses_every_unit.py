"""All 233 old wards in six spellings, and the names that districts, old wards and new units share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.intake.adapters.gazetteer import load_gazetteer
from services.intake.domain.addresses import resolve
from services.intake.domain.gazetteer import Unit
from shared.vietnamese.text import fold

GAZETTEER = load_gazetteer()
OLD = [unit for unit in GAZETTEER.units if unit.is_old]
NEW = [unit for unit in GAZETTEER.units if not unit.is_old]
DISTRICT_NAMES = {district.name for district in GAZETTEER.districts if district.province == "Tỉnh Quảng Nam"}


def _short_district(unit: Unit) -> str:
    return next(district.name for district in GAZETTEER.districts if district.full_name == unit.district)


VARIANTS: dict[str, tuple[Callable[[Unit], str], int]] = {
    "full words": (lambda unit: f"{unit.full_name}, {unit.district}, Tỉnh Quảng Nam", 233),
    "short names": (lambda unit: f"{unit.name}, {_short_district(unit)}, Quảng Nam", 232),
    "no accents": (lambda unit: fold(f"{unit.full_name}, {unit.district}, Tỉnh Quảng Nam"), 229),
    "no accents, no commas": (lambda unit: fold(f"{unit.full_name} {unit.district} Tỉnh Quảng Nam"), 229),
    "no province": (lambda unit: f"{unit.name}, {_short_district(unit)}", 232),
    "no district, no accents": (lambda unit: fold(f"{unit.full_name}, Quảng Nam"), 226),
}
"""How a ward is written, and how many of the 233 must be chosen without asking.

Núi Thành in Núi Thành is asked when "thị trấn" is left out; without accents three groups of names fall
together.
"""


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_old_ward_in_every_spelling(variant: str) -> None:
    """A ward would be mistaken for another one, or half of the callers asked in vain."""
    write, least = VARIANTS[variant]
    chosen = 0
    for unit in OLD:
        resolution = resolve(write(unit), GAZETTEER)
        right = GAZETTEER.current(unit)[0]
        if resolution.chosen is not None:
            assert resolution.chosen.unit == right, write(unit)
            chosen += 1
        assert right in [candidate.unit for candidate in resolution.candidates[:3]], write(unit)
    assert chosen >= least


@pytest.mark.parametrize("unit", NEW, ids=lambda unit: unit.id)
def test_every_new_unit_by_its_full_name(unit: Unit) -> None:
    """The address as the State writes it today would not be understood."""
    resolution = resolve(f"12 Hùng Vương, {unit.full_name}, Thành phố Đà Nẵng", GAZETTEER)
    assert resolution.chosen is not None
    assert resolution.chosen.unit == unit


def test_fifteen_new_units_bear_a_district_s_name() -> None:
    """The bare name may be the district or the commune: it must be asked, and offer the commune."""
    namesakes = [unit for unit in NEW if unit.name in DISTRICT_NAMES]
    assert len(namesakes) == 15
    for unit in namesakes:
        for text in (f"{unit.name}, Quảng Nam", unit.name, fold(f"{unit.name}, Da Nang")):
            resolution = resolve(text, GAZETTEER)
            old_namesake = any(other.name == unit.name for other in OLD)
            assert old_namesake or resolution.chosen is None, text
            assert unit in [candidate.unit for candidate in resolution.candidates], text


def test_the_word_for_district_never_means_a_commune() -> None:
    """ "huyện Duy Xuyên" covers several present units; one of them would be chosen silently."""
    for district in GAZETTEER.districts:
        resolution = resolve(district.full_name, GAZETTEER)
        assert resolution.chosen is None, district.full_name
        assert resolution.candidates


def test_twenty_four_new_units_bear_an_old_ward_s_name() -> None:
    """The old ward lies inside the new unit of its name; any other answer would be wrong."""
    pairs = [(old, new) for old in OLD for new in NEW if old.name == new.name]
    assert len(pairs) == 24
    for old, new in pairs:
        for text in (old.full_name, f"{new.full_name}, Đà Nẵng", f"{old.full_name}, {old.district}, Đà Nẵng"):
            resolution = resolve(text, GAZETTEER)
            assert resolution.candidates[0].unit == new, text
            assert resolution.chosen is None or resolution.chosen.unit == new


def test_old_ward_with_the_new_city() -> None:
    """ "xã Duy Vinh, huyện Duy Xuyên, Đà Nẵng" is how people write now; the district's namesake would win."""
    for unit in OLD:
        resolution = resolve(f"{unit.full_name}, {unit.district}, Đà Nẵng", GAZETTEER)
        assert resolution.chosen is not None, unit.full_name
        assert resolution.chosen.unit == GAZETTEER.current(unit)[0], unit.full_name
