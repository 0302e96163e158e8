"""The cash day through HTTP, seen by cashier and inspector."""

from __future__ import annotations

from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    INSPECTOR,
    OTHER_CASHIER,
    World,
    code_of,
)


def test_the_cash_day(world: World) -> None:
    """If this fails a day closes with money missing, or another office's cashier touches it."""
    world.appoint("visit-1")
    world.pick_up()
    book = f"/cashbooks/w-001/{DAY}"
    assert code_of(world.post(CASHIER, f"{book}/close", status=409)) == "cash.not_zero"
    assert code_of(world.post(OTHER_CASHIER, f"{book}/close", status=403)) == "scope.office"
    short = {"fee": 15_000, "fare": 30_000}
    assert code_of(world.post(CASHIER, f"{book}/deposit", short, status=422)) == "cash.unexplained"
    world.post(CASHIER, f"{book}/deposit", short | {"explanation": "chờ đổi tiền lẻ"})
    assert code_of(world.post(CASHIER, f"{book}/deposit", {"fee": 6_000}, status=409)) == "cash.over"
    world.post(CASHIER, f"{book}/deposit", {"fare": 6_000})
    world.post(CASHIER, f"{book}/close")
    assert world.published()[-1][1] | {"fee_total": 15_000, "fare_total": 36_000} == world.published()[-1][1]
    assert world.get(OTHER_CASHIER, f"/cashbooks?day={DAY}")["cashbooks"] == []
    world.appoint("visit-2", request_id="request-2")
    assert code_of(world.step("visit-2", "start", status=409)) == "cash.closed"


def test_a_day_is_not_closed_under_a_visit(world: World) -> None:
    """If this fails money is collected after the day was closed."""
    world.appoint("visit-1")
    world.step("visit-1", "start")
    assert code_of(world.post(CASHIER, f"/cashbooks/w-001/{DAY}/close", status=409)) == "cash.visit_under_way"


def test_money_in_hand_is_shown_to_the_inspector(world: World) -> None:
    """If this fails Σ collected = Σ deposited + in hand cannot be checked from outside."""
    world.appoint("visit-1")
    world.pick_up()
    world.post(CASHIER, f"/cashbooks/w-001/{DAY}/deposit", {"fee": 15_000, "explanation": "nộp trước"})
    money = world.get(INSPECTOR, "/overview")["money"]
    assert money["collected"] == {"fee": 15_000, "fare": 36_000}
    assert money["deposited"] == {"fee": 15_000, "fare": 0}
    assert money["in_hand"] == {"fee": 0, "fare": 36_000}
