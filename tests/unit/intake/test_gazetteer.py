"""The committed reference data: units, succession, coverage, workers; and that it can be built again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deploy.data_build import calendar_days, offices, procedures, units, workers
from services.intake.adapters.gazetteer import load_gazetteer
from services.intake.domain.catalogue import Skill
from services.intake.domain.gazetteer import Point, name_key
from shared.errors import NotFound

ROOT = Path(__file__).resolve().parents[3]
GAZETTEER = load_gazetteer()
NEW = [unit for unit in GAZETTEER.units if not unit.is_old]
OLD = [unit for unit in GAZETTEER.units if unit.is_old]


def _rows(file: str, table: str) -> list[dict[str, Any]]:
    tables: dict[str, list[dict[str, Any]]] = json.loads((ROOT / file).read_text(encoding="utf-8"))
    return tables[table]


def test_counts_and_ids() -> None:
    """A unit missing or doubled would leave people without a desk."""
    assert (len(NEW), len(OLD)) == (94, 233)
    assert len({unit.id for unit in GAZETTEER.units}) == 327
    assert len({unit.agency_code for unit in NEW}) == 94
    assert Counter(unit.kind.value for unit in NEW) == {"commune": 70, "ward": 23, "special_zone": 1}


def test_every_old_unit_has_a_present_successor() -> None:
    """An old address would lead nowhere."""
    present = {unit.id for unit in NEW}
    assert all(unit.successors and set(unit.successors) <= present for unit in OLD)
    assert len({successor for unit in OLD for successor in unit.successors}) == 78


def test_the_switch_of_1_july_2025_is_a_date() -> None:
    """Lists of 30-6-2025 would show units that did not exist yet."""
    assert len(GAZETTEER.present_units(date(2025, 6, 30))) == 233
    assert len(GAZETTEER.present_units(date(2025, 7, 1))) == 94


def test_succession_can_be_walked_both_ways() -> None:
    """The desk of today could not list dossiers by the old communes."""
    nam_phuoc = next(unit for unit in NEW if unit.name == "Nam Phước")
    duy_vinh = next(unit for unit in OLD if unit.name == "Duy Vinh")
    assert GAZETTEER.current(duy_vinh) == (nam_phuoc,)
    assert GAZETTEER.current(nam_phuoc) == (nam_phuoc,)
    assert duy_vinh in GAZETTEER.former(nam_phuoc)


def test_unknown_unit_is_not_found() -> None:
    """A stale id in a form would end in a stack trace."""
    with pytest.raises(NotFound):
        GAZETTEER.unit("new-00000")


def test_names_without_accents_collide_only_where_known() -> None:
    """A new collision would make the resolver ask, or worse, choose."""
    assert max(Counter(name_key(unit.name) for unit in NEW).values()) == 1
    groups = [key for key, count in Counter(name_key(unit.name) for unit in OLD).items() if count > 1]
    assert sorted(groups) == ["tamdan", "tamthanh", "tradon"]


def test_points_lie_in_the_province_and_near_their_successor() -> None:
    """A commune on a wrong spot would be put on a route of another district."""
    for unit in OLD:
        assert 14.9 < unit.point.lat < 16.2
        assert 107.2 < unit.point.lon < 108.8
        assert unit.point.kilometres_to(GAZETTEER.current(unit)[0].point) < 25, unit.full_name


def test_distance_is_right() -> None:
    """Hội An and Tam Kỳ are about 40 km apart as the crow flies."""
    assert 35 < Point(15.88, 108.33).kilometres_to(Point(15.56, 108.48)) < 42


def test_each_unit_of_old_quang_nam_has_exactly_one_office() -> None:
    """A request would be planned by two offices or by none."""
    covered = Counter(unit for office in _offices() for unit in office["coverage"])
    assert set(covered) == {successor for unit in OLD for successor in unit.successors}
    assert set(covered.values()) == {1}


def test_offices_stand_where_they_should() -> None:
    """An office outside its own area would start every route with a detour."""
    assert len(_offices()) == 25
    assert all(office["unit_id"] in office["coverage"] for office in _offices())
    names = {office["name"] for office in _offices() if office["desk_in_post"]}
    assert names == {"Bưu cục Duy Vinh", "Bưu cục Bình Triều", "Bưu cục Tam Lộc", "Bưu cục Quế Lộc"}


def test_workers_can_do_what_the_catalogue_needs_at_every_office() -> None:
    """Stops of an office would stay unassigned for ever because nobody there has the skill."""
    needed = {skill.value for skill in Skill} - {"none"}
    staff = _rows("services/routing/data/workers.json", "workers")
    assert len(staff) == len({worker["id"] for worker in staff}) == 60
    for office in _offices():
        here = [worker for worker in staff if worker["office_id"] == office["id"]]
        assert len(here) >= 2
        assert needed <= {skill for worker in here for skill in worker["skills"]}
    assert all(20 <= worker["capacity"] <= 30 and worker["shift_start"] < "08:00" for worker in staff)
    assert all(worker["phone"].startswith("+84900000") for worker in staff)


def test_building_again_gives_the_committed_rows() -> None:
    """Somebody edited the data by hand; the next build would undo it."""
    new, old, districts = units.build()
    built_offices = offices.build(new, old)
    assert new == _rows("services/intake/data/units.json", "new_units")
    assert old == _rows("services/intake/data/units.json", "old_units")
    assert districts == _rows("services/intake/data/units.json", "districts")
    assert procedures.build() == _rows("services/intake/data/procedures.json", "procedures")
    assert procedures.fares() == _rows("services/intake/data/fares.json", "fares")
    assert calendar_days.build() == _rows("services/intake/data/calendar.json", "days")
    assert built_offices == _offices()
    assert workers.build(built_offices) == _rows("services/routing/data/workers.json", "workers")


def _offices() -> list[dict[str, Any]]:
    return _rows("services/routing/data/offices.json", "offices")
