"""What lies too long is found: offers, dossiers, results and cash; and it is found no more once it moved."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

import pytest

from services.postal_bridge.application.reconciliation import Limits, rules
from shared.clock import at
from shared.errors import Unavailable
from shared.observability.metrics import REGISTRY
from shared.web.reconciliation import Reconciliation
from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    WORKER,
    World,
)


def findings(world: World, rule: str) -> list[dict[str, Any]]:
    """What a rule finds now, by the API."""
    rules = world.get(INSPECTOR, "/operations/reconciliation")["rules"]
    report = next(entry for entry in rules if entry["rule"] == rule)
    assert report["looked"]
    return list(report["findings"])


def collected(world: World) -> dict[str, Any]:
    """A dossier in the worker's hand."""
    world.appoint("visit-1")
    return world.pick_up()


def test_an_offer_nobody_takes_names_both_hands(world: World) -> None:
    """A sealed dossier would lie between two people, each sure that the other has it."""
    parcel = collected(world)["parcel_id"]
    world.post(WORKER, f"/parcels/{parcel}/offer", {"receiver_kind": "post_office", "receiver_id": OFFICE})
    assert findings(world, "offer_unaccepted") == []
    world.clock.set(world.clock() + timedelta(hours=4, minutes=1))
    (found,) = findings(world, "offer_unaccepted")
    assert (found["subject"], found["holder"], found["offered_to"]) == (
        parcel,
        "worker:w-001",
        f"post_office:{OFFICE}",
    )
    assert "Bưu tá w-001" in found["advice"]
    assert "Bưu cục A" in found["advice"]
    world.post(CASHIER, f"/parcels/{parcel}/accept")
    assert findings(world, "offer_unaccepted") == []


def test_a_dossier_that_never_reaches_the_desk_is_found(world: World) -> None:
    """Papers that left the house and were never opened would be missed by nobody but the citizen."""
    dossier = collected(world)["dossier_id"]
    world.clock.set(world.clock() + timedelta(days=2))
    assert findings(world, "registered_silent") == []
    world.clock.set(world.clock() + timedelta(days=1, minutes=1))
    (found,) = findings(world, "registered_silent")
    assert (found["subject"], found["state"]) == (dossier, "on_the_way")


def accepted(world: World) -> tuple[str, dict[str, Any]]:
    """A dossier accepted by the desk: its id and the answer."""
    taken = collected(world)
    world.to_desk(taken["parcel_id"])
    dossier = str(taken["dossier_id"])
    world.post(OFFICER, f"/dossiers/{dossier}/open")
    return dossier, world.post(OFFICER, f"/dossiers/{dossier}/accept")


def test_a_dossier_past_its_due_date_is_found(world: World) -> None:
    """Nobody would apologise for a result that is late."""
    dossier, answer = accepted(world)
    world.clock.set(at(date(2026, 11, 30), "16:59"))
    assert findings(world, "registered_silent") == []
    world.clock.set(at(date(2026, 12, 1), "17:01"))
    (found,) = findings(world, "registered_silent")
    assert (found["subject"], found["since"][:19]) == (dossier, answer["due_at"][:19])
    assert "01/12/2026" in found["advice"]


def test_a_citizen_who_does_not_bring_what_is_missing_is_asked_again(world: World) -> None:
    """A dossier whose clock stands still would stand for ever; two weeks are the citizen's own."""
    dossier, _ = accepted(world)
    world.post(OFFICER, f"/dossiers/{dossier}/supplement", {"items": ["Bản sao trích lục"]})
    world.clock.set(world.clock() + timedelta(days=13))
    assert findings(world, "registered_silent") == []
    world.clock.set(world.clock() + timedelta(days=2))
    assert [found["state"] for found in findings(world, "registered_silent")] == ["supplement"]


def test_a_result_that_lies_at_the_desk_is_found_until_the_post_has_it(world: World) -> None:
    """A finished result would wait for a post that was never told by anybody but a notice."""
    dossier, _ = accepted(world)
    ready = world.post(OFFICER, f"/dossiers/{dossier}/result", {"seal": "SEAL-0002", "paper_count": 1})
    world.clock.set(world.clock() + timedelta(hours=25))
    (found,) = findings(world, "result_uncollected")
    assert found["subject"] == dossier
    world.hand(ready["parcel_id"], OFFICER, "post_office", OFFICE, CASHIER)
    assert findings(world, "result_uncollected") == []


def test_cash_of_yesterday_is_found_until_the_book_is_closed(world: World) -> None:
    """Fees of the State would sleep in a worker's bag without a word in any list."""
    collected(world)
    assert findings(world, "cash_undeposited") == []
    world.clock.set(at(DAY, "08:00") + timedelta(days=1))
    (found,) = findings(world, "cash_undeposited")
    assert found["worker_id"] == "w-001"
    assert int(found["in_hand"]) > 0
    assert "Bưu tá w-001 còn giữ" in found["advice"]
    book = f"/cashbooks/w-001/{DAY}"
    world.post(CASHIER, f"{book}/deposit", {"fee": 15_000, "fare": int(found["in_hand"]) - 15_000})
    assert "chưa khoá sổ" in findings(world, "cash_undeposited")[0]["advice"]
    world.post(CASHIER, f"{book}/close")
    assert findings(world, "cash_undeposited") == []


def test_the_sweep_runs_beside_the_application(world: World) -> None:
    """Findings would be on the page only, and no alarm would ring."""
    collected(world)
    world.clock.set(world.clock() + timedelta(days=4))
    reconciliation = Reconciliation(world.service, rules(Limits()))
    check = reconciliation.ready_checks["reconciliation"]
    with pytest.raises(Unavailable):
        check()
    with reconciliation.running():
        check()
        deadline = time.monotonic() + 20
        while counted("registered_silent") != 1 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert counted("registered_silent") == 1
    with pytest.raises(Unavailable):
        check()


def counted(rule: str) -> float | None:
    """The gauge of a rule."""
    return REGISTRY.get_sample_value("tannha_reconciler_findings", {"rule": rule})


def test_overseers_see_the_page_and_others_do_not(world: World) -> None:
    """Operators would have no page, or everybody would read where the cash lies."""
    collected(world)
    world.clock.set(world.clock() + timedelta(days=4))
    page = world.client.get("/quan-tri/doi-soat", headers=world.headers(INSPECTOR))
    assert page.status_code == 200
    assert "Hồ sơ quá hạn hoặc lâu chưa có tin" in page.text
    assert "BCGHKLMN" in page.text
    assert "Nguyễn Thị Sen" not in page.text
    assert world.client.get("/quan-tri/doi-soat", headers=world.headers(DISPATCHER)).status_code == 403
    world.get(DISPATCHER, "/operations/reconciliation", status=403)
