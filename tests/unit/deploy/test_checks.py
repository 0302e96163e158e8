"""The demonstration's invariants: each of them fails when what it watches is broken."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from deploy.demo.checks import judge

NOW = datetime.fromisoformat("2026-11-25T17:30:00+07:00")
WINDOW = {"start": "2026-11-25T09:30:00+07:00", "end": "2026-11-25T11:30:00+07:00"}
HOLDER = {"kind": "desk", "id": "new-20599"}
WORLD: dict[str, Any] = {
    "postal": {
        "parcels": [{"parcel_id": "p", "holder": HOLDER, "row_holder": HOLDER, "verified": True}],
        "money": {
            "collected": {"fee": 10, "fare": 20},
            "deposited": {"fee": 6, "fare": 20},
            "in_hand": {"fee": 3, "fare": 0},
            "differences": {"fee": 1, "fare": 0},
        },
    },
    "intake": {
        "appointments": [
            {
                "appointment_id": "a",
                "window": WINDOW,
                "arrived_at": "2026-11-25T10:00:00+07:00",
                "notices": [],
                "former_windows": [],
            }
        ]
    },
    "operations": [{"outbox_unsent": 0, "parked": []}],
}


def broken(world: dict[str, Any]) -> list[str]:
    """The sentences that do not hold."""
    checks = judge(world["postal"], world["intake"], world["operations"], NOW)
    return [check.sentence for check in checks if not check.holds]


def test_a_sound_world_passes() -> None:
    """An alarm that always rings is soon ignored."""
    assert broken(WORLD) == []


def parcel(world: dict[str, Any]) -> dict[str, Any]:
    """The one parcel."""
    return world["postal"]["parcels"][0]  # type: ignore[no-any-return]


def appointment(world: dict[str, Any]) -> dict[str, Any]:
    """The one appointment."""
    return world["intake"]["appointments"][0]  # type: ignore[no-any-return]


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "nobody holds": (lambda w: parcel(w).update(holder=None), "một người giữ"),
    "two hold": (lambda w: parcel(w).update(row_holder={"kind": "worker", "id": "w"}), "một người giữ"),
    "forged": (lambda w: parcel(w).update(verified=False), "chuỗi bàn giao"),
    "fee gone": (lambda w: w["postal"]["money"]["in_hand"].update(fee=2), "lệ phí"),
    "fare gone": (lambda w: w["postal"]["money"]["deposited"].update(fare=19), "Cước"),
    "unsent": (lambda w: w["operations"][0].update(outbox_unsent=1), "sự kiện"),
    "parked": (lambda w: w["operations"][0]["parked"].append({"topic": "t", "reason": "r"}), "sự kiện"),
    "late": (lambda w: appointment(w).update(arrived_at="2026-11-25T11:31:00+07:00"), "khung giờ"),
    "early": (lambda w: appointment(w).update(arrived_at="2026-11-25T09:29:00+07:00"), "khung giờ"),
    "nobody came": (lambda w: appointment(w).update(arrived_at=None), "khung giờ"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_is_seen(damage: str) -> None:
    """A check that cannot fail proves nothing about the day."""
    world = copy.deepcopy(WORLD)
    do, sentence = DAMAGE[damage]
    do(world)
    found = broken(world)
    assert len(found) == 1
    assert sentence in found[0]


@pytest.mark.parametrize(
    ("told_at", "holds"), [("2026-11-25T09:00:00+07:00", True), ("2026-11-25T09:31:00+07:00", False)]
)
def test_a_change_counts_when_it_was_told_before_the_window(told_at: str, holds: bool) -> None:
    """An apology afterwards is not an announcement."""
    world = copy.deepcopy(WORLD)
    appointment(world).update(arrived_at=None, notices=[{"about": "visit_failed", "settled_at": told_at}])
    assert (broken(world) == []) is holds


@pytest.mark.parametrize(
    ("told_at", "holds"), [("2026-11-24T09:00:00+07:00", True), ("2026-11-24T10:00:00+07:00", False)]
)
def test_a_former_window_must_have_been_called_off_before_it_began(told_at: str, holds: bool) -> None:
    """Moving a visit without a word leaves somebody waiting at the first hour."""
    world = copy.deepcopy(WORLD)
    appointment(world).update(
        former_windows=["2026-11-24T09:30:00+07:00"],
        notices=[{"about": "window_lost", "settled_at": told_at}],
    )
    assert (broken(world) == []) is holds
