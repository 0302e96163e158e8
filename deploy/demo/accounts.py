"""The demonstration's accounts: one for every role and place. They exist in demo mode only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "tannha-demo"  # noqa: S105 - printed by `make run`, refused outside of demo mode
OPERATOR, ADMINISTRATOR, INSPECTOR = "tongdai", "quantri", "thanhtra"
SHOWN_OFFICE = "office-20632"
"""Duy Vinh, whose post office moved into the one-stop desk in 2019: the place to look at first."""
SHOWN = (
    ("Tổng đài viên", OPERATOR),
    ("Điều độ viên Duy Vinh", "dieudo-20632"),
    ("Nhân viên bưu chính Duy Vinh", "w-030"),
    ("Công chức Một cửa Nam Phước", "motcua-20599"),
    ("Thủ quỹ Duy Vinh", "thuquy-20632"),
    ("Quản trị viên", ADMINISTRATOR),
    ("Thanh tra", INSPECTOR),
)
"""Role and account of those that `make run` prints; they belong to one story."""


def offices() -> list[dict[str, Any]]:
    """The post offices of the reference data."""
    return _rows("routing", "offices.json")["offices"]  # type: ignore[no-any-return]


def workers() -> list[dict[str, Any]]:
    """The postal workers of the reference data."""
    return _rows("routing", "workers.json")["workers"]  # type: ignore[no-any-return]


def units() -> dict[str, list[dict[str, Any]]]:
    """Old and new units of the gazetteer, as `old_units` and `new_units`."""
    return _rows("intake", "units.json")  # type: ignore[no-any-return]


def _rows(service: str, name: str) -> Any:
    return json.loads((ROOT / "services" / service / "data" / name).read_text(encoding="utf-8"))


def dispatcher(office_id: str) -> str:
    """The account of an office's dispatcher."""
    return f"dieudo-{office_id.removeprefix('office-')}"


def cashier(office_id: str) -> str:
    """The account of an office's cashier."""
    return f"thuquy-{office_id.removeprefix('office-')}"


def desk_officer(unit_id: str) -> str:
    """The account of a unit's desk officer."""
    return f"motcua-{unit_id.removeprefix('new-')}"


def demo_accounts() -> list[dict[str, Any]]:
    """All accounts, in the shape of intake's account import."""
    names = {unit["id"]: unit["name"] for unit in units()["new_units"]}
    accounts = [
        _account(OPERATOR, "Trần Thị Tổng Đài", "operator"),
        _account(ADMINISTRATOR, "Lê Văn Quản Trị", "administrator"),
        _account(INSPECTOR, "Phan Thị Thanh Tra", "inspector"),
    ]
    for office in offices():
        place = office["name"].removeprefix("Bưu cục ")
        accounts.append(
            _account(dispatcher(office["id"]), f"Điều độ {place}", "dispatcher", office=office["id"])
        )
        accounts.append(_account(cashier(office["id"]), f"Thủ quỹ {place}", "cashier", office=office["id"]))
        for unit in office["coverage"]:
            accounts.append(_account(desk_officer(unit), f"Một cửa {names[unit]}", "desk_officer", unit=unit))
    for worker in workers():
        accounts.append(
            _account(worker["id"], worker["name"], "worker", office=worker["office_id"], worker=worker["id"])
        )
    return accounts


def _account(account: str, name: str, role: str, **place: str) -> dict[str, Any]:
    return {"account": account, "name": name, "role": role, "password": PASSWORD, "demo": True, **place}
