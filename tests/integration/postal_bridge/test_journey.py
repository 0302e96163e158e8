"""The whole way of a dossier through HTTP: door, post office, desk, and back."""

from __future__ import annotations

from shared.clock import at
from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    PAPERS,
    WORKER,
    World,
)

HOME_STEPS = [
    ("start", {}),
    ("arrive", {}),
    ("identity", {"document": "citizen_card", "masked_number": "…0123"}),
    ("withdraw_papers", {"papers": [{"name": PAPERS[2], "state": "taken"}]}),
    ("collect_fee", {}),
    ("sign", {"citizen": "NTS", "worker": "LVT"}),
    ("hand_over", {}),
]


def test_from_the_door_to_the_desk_and_back(world: World) -> None:
    """If this fails the product's main story does not work: pickup, acceptance, result, delivery, cash."""
    world.appoint("visit-1")
    picked = world.pick_up()
    assert picked["outcome"] == "picked_up"
    assert picked["receipt_no"] == "BL-261125-001-001"
    assert picked["charge"] == {"fee": 15_000, "fare": 36_000, "total": 51_000}
    dossier_id = picked["dossier_id"]

    world.to_desk(picked["parcel_id"])
    world.post(OFFICER, f"/dossiers/{dossier_id}/open", {"seal": "seal-0001"})
    accepted = world.post(OFFICER, f"/dossiers/{dossier_id}/accept")
    assert accepted["dossier_code"] == "H17.101-261125-0001"
    assert accepted["due_at"] == at(DAY.replace(month=12, day=1), "17:00").isoformat()  # 26-11 is off

    ready = world.post(OFFICER, f"/dossiers/{dossier_id}/result", {"seal": "KQ-0001"})
    assert ready["withdraw"] == [PAPERS[2]]
    world.hand(ready["parcel_id"], OFFICER, "post_office", OFFICE, DISPATCHER)
    world.hand(ready["parcel_id"], DISPATCHER, "worker", "w-001", WORKER)

    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    for name, body in HOME_STEPS:
        answer = world.step("visit-2", name, body)
    assert answer["outcome"] == "delivered"

    sums = world.get(CASHIER, "/cashbooks")["cashbooks"][0]["collected"]
    assert sums == {"fee": 15_000, "fare": 64_000, "total": 79_000}
    world.post(CASHIER, f"/cashbooks/w-001/{DAY}/deposit", {"fee": 15_000, "fare": 64_000})
    assert world.post(CASHIER, f"/cashbooks/w-001/{DAY}/close")["closed"] is True

    seen = world.get(INSPECTOR, "/overview")
    assert all(parcel["verified"] for parcel in seen["parcels"])
    assert [p["holder"]["kind"] for p in sorted(seen["parcels"], key=lambda p: p["kind"])] == [
        "desk",
        "citizen",
    ]
    assert seen["money"]["in_hand"] == {"fee": 0, "fare": 0}
    assert seen["dossiers_by_state"] == {"delivered": 1}
    assert seen["visits_by_state"] == {"completed": 2}
    assert world.kinds() == [
        "visit.started",
        "money.collected",
        "dossier.opened",
        "custody.sealed",
        "visit.completed",
        *["custody.offered", "custody.accepted"] * 2,
        "dossier.accepted",
        "custody.sealed",
        "dossier.result_ready",
        "custody.offered",
        "custody.accepted",
        "dossier.result_collected",
        "custody.offered",
        "custody.accepted",
        "visit.started",
        "money.collected",
        "custody.offered",
        "custody.accepted",
        "dossier.result_delivered",
        "visit.completed",
        "money.deposited",
        "money.day_closed",
    ]
