"""The cash day through HTTP, seen by cashier and inspector."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    INSPECTOR,
    OTHER_CASHIER,
    WORKER,
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
    world.appoint("visit-3", "guidance", request_id="request-3")
    world.step("visit-3", "start")  # takes no money


def test_a_day_that_has_not_come_is_not_closed(world: World) -> None:
    """If this fails a cashier locks a worker out of tomorrow."""
    answer = world.post(CASHIER, f"/cashbooks/w-001/{DAY + timedelta(days=1)}/close", status=409)
    assert code_of(answer) == "cash.day_ahead"


def test_a_difference_is_explained_and_the_day_closes(world: World) -> None:
    """If this fails missing money keeps a day open for ever, vanishes, or nobody stands for it by name."""
    world.appoint("visit-1")
    world.pick_up()
    book = f"/cashbooks/w-001/{DAY}"
    lost = {"ledger": "fare", "kind": "shortage", "amount": 6_000, "explanation": "rơi khi trả lại tiền"}
    world.post(OTHER_CASHIER, f"{book}/difference", lost, status=403)
    world.post(WORKER, f"{book}/difference", lost, status=403)
    hasty = world.post(CASHIER, f"{book}/difference", lost | {"explanation": "rơi"}, status=422)
    assert code_of(hasty) == "cash.unexplained"
    too_much = world.post(CASHIER, f"{book}/difference", lost | {"amount": 36_001}, status=409)
    assert code_of(too_much) == "cash.over"
    world.post(CASHIER, f"{book}/difference", lost)
    found = {
        "ledger": "fee",
        "kind": "overage",
        "amount": 500,
        "explanation": "người dân cho thêm",
    }
    world.post(CASHIER, f"{book}/difference", found)
    world.post(CASHIER, f"{book}/deposit", {"fee": 15_500, "fare": 30_000})
    closed = world.post(CASHIER, f"{book}/close")
    assert closed["difference"] == {"fee": -500, "fare": 6_000}
    told = world.published()[-1][1]
    assert (told["fee_difference"], told["fare_difference"]) == (-500, 6_000)
    money = world.get(INSPECTOR, "/overview")["money"]
    for ledger in ("fee", "fare"):
        settled = money["deposited"][ledger] + money["in_hand"][ledger] + money["differences"][ledger]
        assert money["collected"][ledger] == settled
    line = money["explained"][0]
    assert (line["worker_name"], line["cashier_name"]) == ("Bưu tá w-001", CASHIER.name)
    shown = world.get(INSPECTOR, f"/cashbooks?day={DAY}")["cashbooks"][0]["differences"]
    assert [d["amount"] for d in shown] == [6_000, -500]


@pytest.mark.parametrize(
    "loss",
    [
        "UPDATE money_entry SET amount = amount - 1 WHERE ledger = 'fee' AND kind = 'collected'",
        "UPDATE receipt SET fee = fee - 1",
        "UPDATE deposit SET fee = fee - 1",
    ],
)
def test_each_sum_has_its_own_source(world: World, loss: str) -> None:
    """If this fails money that is lost in one book is lost in all, and the outside check stays green."""
    world.appoint("visit-1")
    world.pick_up()
    world.post(CASHIER, f"/cashbooks/w-001/{DAY}/deposit", {"fee": 5_000, "explanation": "nộp trước"})
    with world.service.engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {loss.split()[1]}_no_update"))
        connection.execute(text(loss))
    money = world.get(INSPECTOR, "/overview")["money"]
    assert money["collected"]["fee"] != money["deposited"]["fee"] + money["in_hand"]["fee"]


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
