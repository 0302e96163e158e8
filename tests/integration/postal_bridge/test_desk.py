"""The one-stop desk through HTTP: acceptance, supplement, refusal, result."""

from __future__ import annotations

import pytest

from tests.integration.postal_bridge.conftest import (
    CASHIER,
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    OTHER_OFFICER,
    UNIT,
    WORKER,
    World,
    code_of,
    pickup_steps,
)


def at_desk(world: World) -> str:
    """A dossier that lies opened at its desk."""
    world.appoint("visit-1")
    picked = world.pick_up()
    world.to_desk(picked["parcel_id"])
    world.post(OFFICER, f"/dossiers/{picked['dossier_id']}/open")
    return str(picked["dossier_id"])


def test_a_desk_works_on_what_it_has(world: World) -> None:
    """If this fails a dossier is accepted while it is still on the road, or by another desk."""
    world.appoint("visit-1")
    dossier = f"/dossiers/{world.pick_up()['dossier_id']}"
    assert code_of(world.post(OFFICER, f"{dossier}/open", status=409)) == "dossier.not_here"
    assert code_of(world.post(OFFICER, f"{dossier}/accept", status=409)) == "dossier.state"
    assert code_of(world.post(OTHER_OFFICER, f"{dossier}/open", status=403)) == "scope.unit"
    for actor in (WORKER, DISPATCHER, CASHIER):
        assert code_of(world.post(actor, f"{dossier}/accept", status=403)) == "auth.forbidden"


def test_dossier_codes_are_unique(world: World) -> None:
    """If this fails two dossiers carry one code."""
    dossier_id = at_desk(world)
    typed = {"dossier_code": "h17.101-261125-0001"}
    assert (
        world.post(OFFICER, f"/dossiers/{dossier_id}/accept", typed)["dossier_code"] == "H17.101-261125-0001"
    )
    world.appoint("visit-2", request_id="request-2")
    second = world.pick_up("visit-2", "SEAL-0002")
    world.to_desk(second["parcel_id"])
    path = f"/dossiers/{second['dossier_id']}"
    world.post(OFFICER, f"{path}/open")
    assert code_of(world.post(OFFICER, f"{path}/accept", typed, status=409)) == "dossier.code_used"
    assert world.post(OFFICER, f"{path}/accept")["dossier_code"] == "H17.101-261125-0002"


@pytest.mark.parametrize(("free", "steps"), [(True, 6), (False, 7)])
def test_a_supplement_is_fetched_and_the_dossier_goes_on(world: World, free: bool, steps: int) -> None:
    """If this fails the loop of a supplement does not close, or costs what it should not."""
    dossier_id = at_desk(world)
    asked = {"items": ["Ảnh 4x6", "Bản sao căn cước"], "free_of_fare": free}
    world.post(OFFICER, f"/dossiers/{dossier_id}/supplement", asked)
    assert world.published()[-1][1]["items"] == asked["items"]
    assert code_of(world.post(OFFICER, f"/dossiers/{dossier_id}/accept", status=409)) == "dossier.state"

    world.appoint("visit-2", "supplement", dossier_id=dossier_id, hour="14:00")
    bodies = dict(pickup_steps("SEAL-0002"))
    bodies["count_papers"] = {"papers": [{"name": name, "state": "present"} for name in asked["items"]]}  # type: ignore[attr-defined]
    for name, body in list(bodies.items())[:steps]:
        answer = world.step("visit-2", name, body)
    assert answer["outcome"] == "supplement_collected"
    assert answer["charge"]["total"] == (0 if free else 28_000)
    world.to_desk(answer["parcel_id"])
    assert world.kinds()[-1] == "dossier.supplement_received"
    assert world.post(OFFICER, f"/dossiers/{dossier_id}/accept")["state"] == "accepted"


def test_a_refused_dossier_goes_home_sealed(world: World) -> None:
    """If this fails refused papers stay at the desk for ever, or travel in an open envelope."""
    dossier_id = at_desk(world)
    refused = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "không thuộc thẩm quyền"})
    assert world.kinds()[-2:] == ["custody.sealed", "dossier.refused"]
    world.hand(refused["parcel_id"], OFFICER, "post_office", OFFICE, DISPATCHER)
    assert world.kinds()[-1] == "dossier.result_collected"
    world.hand(refused["parcel_id"], DISPATCHER, "worker", "w-001", WORKER)
    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    bodies = dict(pickup_steps())
    for name in ("start", "arrive", "identity", "sign", "hand_over"):
        answer = world.step("visit-2", name, bodies.get(name, {}))
    assert answer["outcome"] == "delivered"
    assert world.get(INSPECTOR, "/overview")["dossiers_by_state"] == {"returned": 1}


def test_no_setting_off_without_the_result(world: World) -> None:
    """If this fails a worker rings at a door with empty hands."""
    dossier_id = at_desk(world)
    world.post(OFFICER, f"/dossiers/{dossier_id}/accept")
    world.post(OFFICER, f"/dossiers/{dossier_id}/result", {"seal": "KQ-0001", "withdraw": []})
    world.appoint("visit-2", "return", dossier_id=dossier_id, hour="14:00")
    assert code_of(world.step("visit-2", "start", status=409)) == "visit.nothing_to_deliver"


def test_a_proxy_needs_an_authorisation(world: World) -> None:
    """If this fails anybody at the door gets somebody else's papers."""
    world.appoint("visit-1")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    proxy = {"document": "citizen_card", "masked_number": "12", "authorised": True}
    assert code_of(world.step("visit-1", "identity", proxy, status=422)) == "step.incomplete"
    world.step("visit-1", "identity", proxy | {"authorisation_note": "giấy uỷ quyền ngày 24/11/2026"})


def test_a_refused_dossier_is_not_sent_back_to_the_desk(world: World) -> None:
    """If this fails a refused dossier runs in circles between office and desk."""
    dossier_id = at_desk(world)
    refused = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "không thuộc thẩm quyền"})
    world.hand(refused["parcel_id"], OFFICER, "post_office", OFFICE, DISPATCHER)
    assert world.get(DISPATCHER, "/parcels?state=held")["parcels"][0]["goes_home"] is True
    desk = {"receiver_kind": "desk", "receiver_id": UNIT}
    answer = world.post(DISPATCHER, f"/parcels/{refused['parcel_id']}/offer", desk, status=409)
    assert code_of(answer) == "custody.no_way"


def test_no_decision_over_papers_on_the_road(world: World) -> None:
    """If this fails a supplement arrives for a dossier that was sent home meanwhile."""
    dossier_id = at_desk(world)
    world.post(OFFICER, f"/dossiers/{dossier_id}/supplement", {"items": ["Ảnh 4x6"], "free_of_fare": True})
    world.appoint("visit-2", "supplement", dossier_id=dossier_id, hour="14:00")
    bodies = dict(pickup_steps("SEAL-0002")) | {
        "count_papers": {"papers": [{"name": "Ảnh 4x6", "state": "present"}]}
    }
    for name, body in list(bodies.items())[:6]:
        world.step("visit-2", name, body)
    answer = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "quá hạn"}, status=409)
    assert code_of(answer) == "dossier.supplement_coming"
