"""Administrative units of Quảng Nam before and of Đà Nẵng after 1-7-2025, from `vietnamadminunits`."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from importlib.resources import files
from pathlib import Path

from deploy.data_build.files import Row

LAST_OLD_DAY = "2025-06-30"
FIRST_NEW_DAY = "2025-07-01"
_KINDS = {"Xã": "commune", "Phường": "ward", "Thị trấn": "township", "Đặc khu": "special_zone"}
_NEW_PROVINCE = "thanhphodanang"
_OLD_PROVINCE = "tinhquangnam"

_NEW_ALIASES = {"Hội An": ["Phố Hội"], "Avương": ["A Vương"], "Hoàng Sa": ["Quần đảo Hoàng Sa"]}
_DISTRICT_ALIASES = {
    "Thăng Bình": ["TB"],
    "Duy Xuyên": ["DX"],
    "Hội An": ["HA", "Phố Hội"],
    "Tam Kỳ": ["TK"],
    "Điện Bàn": ["ĐB"],
    "Đại Lộc": ["ĐL"],
    "Quế Sơn": ["QS", "Nông Sơn"],
    "Núi Thành": ["NT"],
    "Phú Ninh": ["PN"],
    "Bắc Trà My": ["BTM"],
    "Nam Trà My": ["NTM"],
}
_OLD_ALIASES = {
    "Tam Xuân I": ["Tam Xuân 1"],
    "Tam Xuân II": ["Tam Xuân 2"],
    "Quế Xuân 1": ["Quế Xuân I"],
    "Quế Xuân 2": ["Quế Xuân II"],
    "Bha Lêê": ["Bha Lê", "B'ha Lê"],
    "La Êê": ["La Ê"],
    "La Dêê": ["La Dê"],
    "Mà Cooih": ["Ma Cooi"],
    "Zuôih": ["Zuôich"],
    "Chơ Chun": ["Chơ Chuun"],
    "Tà Pơơ": ["Tà Pơ"],
    "Tà Bhing": ["Tà Bhinh"],
    "Trung Phước": ["Quế Trung"],
    "Tân Bình": ["Tân An", "Quế Bình"],
    "Duy Tân": ["Duy Thu"],
    "Phú Thịnh": ["Tam Vinh"],
    "Bình Phú": ["Bình Chánh"],
    "Tiên Sơn": ["Tiên Cẩm"],
    "Quế Mỹ": ["Quế Cường", "Phú Thọ"],
    "Ninh Phước": ["Quế Ninh", "Quế Phước"],
    "Quế Lộc": ["Sơn Viên"],
    "Quế Tân": ["Hiệp Thuận", "Hiệp Hòa"],
    "Bình Định": ["Bình Định Bắc", "Bình Định Nam"],
    "An Xuân": ["Phước Hòa"],
}
"""Spellings people use, and names of communes merged before 2025 that are still said."""


def build() -> tuple[list[Row], list[Row], list[Row]]:
    """(94 new units, 233 old units each with its successor, the former districts)."""
    folder = Path(str(files("vietnamadminunits"))) / "data"
    with sqlite3.connect(f"file:{folder / 'dataset.db'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        new_rows = database.execute(
            "SELECT * FROM admin_units WHERE provinceKey = ? ORDER BY wardCode", (_NEW_PROVINCE,)
        ).fetchall()
        old_rows = database.execute(
            "SELECT * FROM admin_units_legacy WHERE provinceKey IN (?, ?) ORDER BY wardCode",
            (_OLD_PROVINCE, _NEW_PROVINCE),
        ).fetchall()
    converter = json.loads((folder / "converter_2025.json").read_text(encoding="utf-8"))
    code_of = {row["wardKey"]: row["wardCode"] for row in new_rows}
    successor = {
        key: f"new-{code_of[new_key]}"
        for new_key, keys in converter["DICT_PROVINCE_WARD_NO_DIVIDED"][_NEW_PROVINCE].items()
        for key in keys
    }
    new = [_new_row(row, number) for number, row in enumerate(new_rows, start=101)]
    points = {row["id"]: (row["lat"], row["lon"]) for row in new}
    quang_nam = [row for row in old_rows if row["provinceKey"] == _OLD_PROVINCE]
    old = _without_placeholders([_old_row(row, successor) for row in quang_nam], quang_nam, points)
    return new, old, _district_rows(old_rows, successor, converter, code_of)


def elsewhere() -> list[str]:
    """Names of the provinces, before and after 2025, that are not ours: a sign of a foreign address."""
    folder = Path(str(files("vietnamadminunits"))) / "data"
    with sqlite3.connect(f"file:{folder / 'dataset.db'}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT provinceShort FROM admin_units_legacy UNION SELECT provinceShort FROM admin_units"
        ).fetchall()
    return sorted(row[0] for row in rows if row[0] not in {"Quảng Nam", "Đà Nẵng"})


def _new_row(row: sqlite3.Row, number: int) -> Row:
    return {
        "id": f"new-{row['wardCode']}",
        "code": row["wardCode"],
        "kind": _KINDS[row["wardType"]],
        "name": row["wardShort"],
        "province": "Thành phố Đà Nẵng",
        "valid_from": FIRST_NEW_DAY,
        "valid_to": None,
        "lat": round(row["wardLat"], 4),
        "lon": round(row["wardLon"], 4),
        "precision": "unit",
        "agency_code": f"H17.{number}",
        "aliases": _NEW_ALIASES.get(row["wardShort"], []),
    }


def _old_row(row: sqlite3.Row, successor: dict[str, str]) -> Row:
    key = f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey']}"
    return {
        "id": f"old-{row['wardCode']}",
        "code": row["wardCode"],
        "kind": _KINDS[row["wardType"]],
        "name": row["wardShort"],
        "district": row["district"],
        "province": "Tỉnh Quảng Nam",
        "valid_from": None,
        "valid_to": LAST_OLD_DAY,
        "successors": [successor[key]],
        "lat": round(row["wardLat"], 4),
        "lon": round(row["wardLon"], 4),
        "precision": "unit",
        "aliases": _OLD_ALIASES.get(row["wardShort"], []),
    }


def _without_placeholders(
    old: list[Row], source: list[sqlite3.Row], points: dict[str, tuple[float, float]]
) -> list[Row]:
    """Points that several communes share, or that are their district's centre, give way to the successor's.

    The package has about twenty such rows; they would draw a commune tens of kilometres off.
    """
    centres = {(round(row["districtLat"], 4), round(row["districtLon"], 4)) for row in source}
    uses = Counter((row["lat"], row["lon"]) for row in old)
    for row in old:
        if uses[row["lat"], row["lon"]] > 1 or (row["lat"], row["lon"]) in centres:
            row["lat"], row["lon"] = points[row["successors"][0]]
    return old


def _district_rows(
    old_rows: list[sqlite3.Row], successor: dict[str, str], converter: dict[str, Row], code_of: dict[str, str]
) -> list[Row]:
    """Former districts with the new units that took their ground, for telling names apart."""
    ground: dict[tuple[str, str, str], list[str]] = {}
    divided = converter["DICT_PROVINCE_WARD_DIVIDED"].get(_NEW_PROVINCE, {})
    for row in old_rows:
        key = f"{row['provinceKey']}_{row['districtKey']}_{row['wardKey']}"
        units = [successor[key]] if key in successor else []
        units += [f"new-{code_of[part['newWardKey']]}" for part in divided.get(key, [])]
        place = ground.setdefault((row["district"], row["districtShort"], row["province"]), [])
        place += [unit for unit in units if unit not in place]
    return [
        {
            "full_name": full,
            "name": name,
            "province": province,
            "new_units": sorted(units),
            "aliases": _DISTRICT_ALIASES.get(name, []) if province == "Tỉnh Quảng Nam" else [],
        }
        for (full, name, province), units in sorted(ground.items())
        if units
    ]
