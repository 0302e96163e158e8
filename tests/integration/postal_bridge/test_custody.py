"""Hand-overs through HTTP and in the database: the right hands, nothing rewritten."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from services.postal_bridge.application.records import (
    APPEND_ONLY,
)
from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DAY,
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    OTHER_CASHIER,
    OTHER_OFFICER,
    OTHER_WORKER,
    UNIT,
    WORKER,
    World,
    code_of,
    pickup_steps,
)

TO_OFFICE = {"receiver_kind": "post_office", "receiver_id": OFFICE}


def test_a_seal_serves_once(world: World) -> None:
    """If this fails two envelopes can carry the same serial."""
    world.appoint("visit-1")
    world.pick_up()
    world.appoint("visit-2", request_id="request-2")
    for name, body in pickup_steps("seal-0001")[:-2]:
        world.step("visit-2", name, body)
    assert code_of(world.step("visit-2", "seal", {"serial": "seal-0001"}, status=409)) == "custody.seal_used"
    world.step("visit-2", "seal", {"serial": "seal-0002"})


def test_only_the_right_hands(world: World) -> None:
    """If this fails a parcel can be offered by who does not hold it, or taken by who was not offered it."""
    world.appoint("visit-1")
    parcel = f"/parcels/{world.pick_up()['parcel_id']}"
    assert (
        code_of(world.post(OTHER_WORKER, f"{parcel}/offer", TO_OFFICE, status=403)) == "custody.wrong_person"
    )
    foreign = {"receiver_kind": "post_office", "receiver_id": "office-b"}
    assert code_of(world.post(WORKER, f"{parcel}/offer", foreign, status=409)) == "custody.other_office"
    home = {"receiver_kind": "citizen", "receiver_id": "request-1"}
    assert code_of(world.post(WORKER, f"{parcel}/offer", home, status=409)) == "custody.only_at_door"
    desk = {"receiver_kind": "desk", "receiver_id": UNIT}
    assert code_of(world.post(WORKER, f"{parcel}/offer", desk, status=409)) == "custody.no_way"

    world.post(WORKER, f"{parcel}/offer", TO_OFFICE)
    assert code_of(world.post(WORKER, f"{parcel}/offer", TO_OFFICE, status=409)) == "custody.offered_already"
    assert code_of(world.post(OTHER_CASHIER, f"{parcel}/accept", status=403)) == "custody.wrong_person"
    assert (
        code_of(world.post(CASHIER, f"{parcel}/accept", {"seal": "SEAL-9"}, status=409))
        == "custody.seal_differs"
    )
    assert (
        code_of(world.post(CASHIER, f"{parcel}/accept", {"paper_count": 2}, status=409))
        == "custody.count_differs"
    )
    world.post(CASHIER, f"{parcel}/accept", {"seal": "seal-0001", "paper_count": 3})
    assert code_of(world.post(CASHIER, f"{parcel}/accept", status=409)) == "custody.not_offered"
    assert code_of(world.post(OTHER_OFFICER, f"{parcel}/accept", status=409)) == "custody.not_offered"
    wrong = {"receiver_kind": "desk", "receiver_id": "new-2"}
    assert code_of(world.post(DISPATCHER, f"{parcel}/offer", wrong, status=409)) == "custody.wrong_desk"
    to_worker = {"receiver_kind": "worker", "receiver_id": "w-001"}
    assert code_of(world.post(DISPATCHER, f"{parcel}/offer", to_worker, status=409)) == "custody.no_way"


def test_a_disputed_parcel_stays_with_its_giver(world: World) -> None:
    """If this fails a refused parcel is in nobody's hand."""
    world.appoint("visit-1")
    parcel_id = world.pick_up()["parcel_id"]
    world.post(WORKER, f"/parcels/{parcel_id}/offer", TO_OFFICE)
    world.post(CASHIER, f"/parcels/{parcel_id}/dispute", {"reason": "tem rách"})
    assert world.kinds()[-1] == "custody.disputed"
    chain = world.get(WORKER, f"/parcels/{parcel_id}/chain")
    assert (chain["holder"], chain["offered_to"], chain["verified"]) == (
        {"kind": "worker", "id": "w-001"},
        None,
        True,
    )
    assert chain["entries"][-1]["note"] == "tem rách"
    assert code_of(world.get(OTHER_WORKER, f"/parcels/{parcel_id}/chain", status=403)) == "custody.not_yours"


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_the_database_itself_refuses_to_rewrite_the_past(world: World, table: str, change: str) -> None:
    """If this fails somebody with the database in hand can quietly change what happened."""
    world.appoint("visit-1")
    world.pick_up()
    short = {"ledger": "fare", "kind": "shortage", "amount": 1_000, "explanation": "rơi một tờ khi trả lại"}
    world.post(CASHIER, f"/cashbooks/w-001/{DAY}/difference", short)
    world.post(CASHIER, f"/cashbooks/w-001/{DAY}/deposit", {"fee": 15_000, "fare": 35_000})
    with world.service.engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) > 0  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"):
            connection.execute(text(change.format(table)))


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE custody_entry SET receiver_id = 'w-002' WHERE position = 2",
        "UPDATE custody_entry SET at = '2020-01-01 00:00:00.000000' WHERE position = 1",
        "DELETE FROM custody_entry WHERE position = 3",
        "DELETE FROM custody_entry WHERE position = 2",
        "UPDATE parcel SET holder_id = 'w-002'",
    ],
)
def test_tampering_behind_the_triggers_is_seen(world: World, forgery: str) -> None:
    """If this fails an inspector is shown a clean chain although rows were changed."""
    world.appoint("visit-1")
    parcel_id = world.pick_up()["parcel_id"]
    with world.service.engine.begin() as connection:
        for change in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER custody_entry_no_{change}"))
        connection.execute(text(forgery))
    chain = world.get(INSPECTOR, f"/parcels/{parcel_id}/chain")
    assert chain["verified"] is False
    assert chain["fault"]
    assert world.get(INSPECTOR, "/overview")["parcels"][0]["verified"] is False


def test_the_overview_does_not_believe_the_row(world: World) -> None:
    """If this fails an outside check of holders compares a stored column with itself."""
    world.appoint("visit-1")
    world.pick_up()
    with world.service.engine.begin() as connection:
        connection.execute(text("UPDATE parcel SET holder_id = 'w-002'"))
    seen = world.get(INSPECTOR, "/overview")["parcels"][0]
    assert seen["holder"] == {"kind": "worker", "id": "w-001"}
    assert seen["row_holder"] == {"kind": "worker", "id": "w-002"}


def test_what_is_being_delivered_is_not_given_away(world: World) -> None:
    """If this fails a worker stands at the door while the result is on offer to the post office."""
    dossier_id, parcel_id = result_with_worker(world)
    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    world.step("visit-2", "start")
    answer = world.post(WORKER, f"/parcels/{parcel_id}/offer", TO_OFFICE, status=409)
    assert code_of(answer) == "custody.being_delivered"
    world.step("visit-2", "arrive")
    answer = world.post(WORKER, f"/parcels/{parcel_id}/offer", TO_OFFICE, status=409)
    assert code_of(answer) == "custody.being_delivered"
    world.post(WORKER, "/visits/visit-2/fail", {"reason": "not_home", "call_attempts": 1})
    world.post(WORKER, f"/parcels/{parcel_id}/offer", TO_OFFICE)


def test_only_what_goes_home_leaves_the_desk(world: World) -> None:
    """If this fails an officer can push papers back to the post that nobody may bring home."""
    world.appoint("visit-1")
    picked = world.pick_up()
    world.to_desk(picked["parcel_id"])
    back = f"/parcels/{picked['parcel_id']}/offer"
    assert code_of(world.post(OFFICER, back, TO_OFFICE, status=409)) == "custody.stays_at_desk"
    world.post(OFFICER, f"/dossiers/{picked['dossier_id']}/open")
    world.post(OFFICER, f"/dossiers/{picked['dossier_id']}/refuse", {"reason": "không thuộc thẩm quyền"})
    world.post(OFFICER, back, TO_OFFICE)


def result_with_worker(world: World) -> tuple[str, str]:
    """The ids of a dossier and of its result, which the worker took from the post office."""
    world.appoint("visit-1")
    picked = world.pick_up()
    world.to_desk(picked["parcel_id"])
    path = f"/dossiers/{picked['dossier_id']}"
    world.post(OFFICER, f"{path}/open")
    world.post(OFFICER, f"{path}/accept")
    result = world.post(OFFICER, f"{path}/result", {"seal": "KQ-0001", "withdraw": []})["parcel_id"]
    world.hand(result, OFFICER, "post_office", OFFICE, DISPATCHER)
    world.hand(result, DISPATCHER, "worker", "w-001", WORKER)
    return picked["dossier_id"], result
