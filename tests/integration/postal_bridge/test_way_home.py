"""Whatever the desk decides: every paper has one holder and a way home, and one parcel goes home once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.postal_bridge.conftest import (
    DISPATCHER,
    INSPECTOR,
    OFFICE,
    OFFICER,
    PAPERS,
    UNIT,
    WORKER,
    World,
    code_of,
    make_world,
    pickup_steps,
)

WAY_BACK = {"receiver_kind": "post_office", "receiver_id": OFFICE}


def opened(world: World) -> str:
    """The id of a dossier that lies opened at its desk."""
    world.appoint("visit-1")
    picked = world.pick_up()
    world.to_desk(picked["parcel_id"])
    world.post(OFFICER, f"/dossiers/{picked['dossier_id']}/open")
    return str(picked["dossier_id"])


def supplement(world: World, dossier_id: str, number: int, papers: int, *, fetched: bool = True) -> None:
    """The desk asks for some papers, and the post fetches them."""
    items = [f"Giấy {number}.{place}" for place in range(papers)]
    world.post(OFFICER, f"/dossiers/{dossier_id}/supplement", {"items": items, "free_of_fare": True})
    if not fetched:
        return
    visit_id = f"supplement-{number}"
    world.appoint(visit_id, "supplement", dossier_id=dossier_id)
    bodies = dict(pickup_steps(f"BS-000{number}")) | {
        "count_papers": {"papers": [{"name": name, "state": "present"} for name in items]}
    }
    for name in ("start", "arrive", "identity", "count_papers", "sign", "seal"):
        answer = world.step(visit_id, name, bodies[name])
    world.to_desk(answer["parcel_id"])


def try_all_home(world: World) -> list[str]:
    """The officer offers every parcel to the post; answers what went, taken by the post office."""
    gone = []
    for parcel in world.get(INSPECTOR, "/overview")["parcels"]:
        if parcel["holder"] != {"kind": "desk", "id": UNIT}:
            continue
        path = f"/api/parcels/{parcel['parcel_id']}/offer"
        answer = world.client.post(path, json=WAY_BACK, headers=world.headers(OFFICER))
        if answer.status_code == 200:
            world.post(DISPATCHER, f"/parcels/{parcel['parcel_id']}/accept")
            gone.append(parcel["parcel_id"])
    return gone


def deliver(world: World, dossier_id: str, parcel_id: str) -> dict[str, Any]:
    """The worker brings a parcel home."""
    world.hand(parcel_id, DISPATCHER, "worker", "w-001", WORKER)
    world.appoint("visit-home", "return", dossier_id=dossier_id, hour="14:00")
    bodies = dict(pickup_steps())
    step: str | None = "start"
    while step is not None:
        answer = world.step("visit-home", step, bodies.get(step, {}))
        step = answer["next_step"]
    return answer


def test_a_supplement_goes_home_inside_the_refused_dossier(world: World) -> None:
    """If this fails papers of a refused dossier stay at the desk, or two parcels compete for one visit."""
    dossier_id = opened(world)
    supplement(world, dossier_id, 1, 2)
    refused = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "không thuộc thẩm quyền"})
    kind, sealed = world.published()[-2]
    assert (kind, sealed["paper_count"]) == ("custody.sealed", len(PAPERS) + 2)
    assert try_all_home(world) == [refused["parcel_id"]]
    assert world.kinds().count("dossier.result_collected") == 1
    assert deliver(world, dossier_id, refused["parcel_id"])["outcome"] == "delivered"
    seen = {parcel["kind"]: parcel for parcel in world.get(INSPECTOR, "/overview")["parcels"]}
    assert (seen["dossier"]["holder"]["kind"], seen["dossier"]["paper_count"]) == ("citizen", 5)
    assert (seen["supplement"]["holder"]["kind"], seen["supplement"]["paper_count"]) == ("desk", 0)
    chain = world.get(INSPECTOR, f"/parcels/{seen['supplement']['parcel_id']}/chain")
    assert chain["entries"][-1]["act"] == "opened"
    assert refused["seal"] in chain["entries"][-1]["note"]
    assert all(parcel["verified"] for parcel in seen.values())


def test_no_refusal_while_the_worker_fetches_papers(world: World) -> None:
    """If this fails papers are collected for a dossier that is refused meanwhile, and never go home."""
    dossier_id = opened(world)
    supplement(world, dossier_id, 1, 1, fetched=False)
    world.appoint("visit-2", "supplement", dossier_id=dossier_id)
    world.step("visit-2", "start")
    answer = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "quá hạn"}, status=409)
    assert code_of(answer) == "dossier.supplement_coming"


ROUNDS = st.lists(st.integers(1, 3), max_size=3)
"""Papers of each supplement, one after the other."""


@settings(max_examples=10, deadline=None)
@given(before=ROUNDS, end=st.sampled_from(["refuse", "refuse_waiting", "result"]), after=ROUNDS)
def test_every_paper_has_a_way_home(before: list[int], end: str, after: list[int]) -> None:
    """If this fails some order of desk acts leaves papers that nobody can bring home, or two parcels do."""
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder))
        dossier_id = opened(world)
        for number, papers in enumerate(before, 1):
            supplement(world, dossier_id, number, papers)
        handed_in = len(PAPERS) + sum(before)
        if end == "result":
            world.post(OFFICER, f"/dossiers/{dossier_id}/accept")
            for number, papers in enumerate(after, len(before) + 1):
                supplement(world, dossier_id, number, papers)
            handed_in += sum(after)
            assert try_all_home(world) == []
            ready = {"seal": "KQ-0001", "withdraw": []}
            home = world.post(OFFICER, f"/dossiers/{dossier_id}/result", ready)["parcel_id"]
        else:
            if end == "refuse_waiting":
                supplement(world, dossier_id, 9, 1, fetched=False)
            assert try_all_home(world) == []
            home = world.post(OFFICER, f"/dossiers/{dossier_id}/refuse", {"reason": "sai nơi"})["parcel_id"]
        assert try_all_home(world) == [home]
        assert deliver(world, dossier_id, home)["outcome"] == "delivered"

        parcels = world.get(INSPECTOR, "/overview")["parcels"]
        assert sum(p["paper_count"] for p in parcels if p["kind"] != "result") == handed_in
        assert all(p["verified"] and p["holder"] == p["row_holder"] for p in parcels)
        brought = [p for p in parcels if p["holder"]["kind"] == "citizen"]
        assert [p["parcel_id"] for p in brought] == [home]
        if end != "result":
            assert brought[0]["paper_count"] == handed_in
        assert world.kinds().count("dossier.result_collected") == 1
        assert world.kinds().count("dossier.result_delivered") == 1
        world.service.engine.dispose()
