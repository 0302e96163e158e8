"""The visit through HTTP: order, evidence, who, and how it fails."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import select

from services.postal_bridge.application.records import (
    VisitStepRow,
)
from shared.clock import at
from tests.integration.postal_bridge.conftest import (
    DAY,
    OTHER_WORKER,
    PAPERS,
    WORKER,
    World,
    code_of,
    pickup_steps,
)


def test_steps_out_of_order_are_refused_with_the_rule(world: World) -> None:
    """If this fails the five acts at the door can be skipped by a program."""
    world.appoint("visit-1")
    answer = world.step("visit-1", "seal", {"serial": "SEAL-0001"}, status=409)
    assert code_of(answer) == "visit.step_out_of_order"
    assert "Lên đường" in answer["hints"][0]
    for name, body in pickup_steps():
        world.step("visit-1", name, body)
    assert code_of(world.step("visit-1", "collect_fee", {}, status=409)) == "visit.over"


def test_fields_at_fault_are_named(world: World) -> None:
    """If this fails a program is told only that something is wrong."""
    world.appoint("visit-1")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    answer = world.step("visit-1", "identity", {"document": "stone", "masked_number": ""}, status=422)
    assert "document" in answer["errors"]


def test_the_same_action_twice_has_one_effect(world: World) -> None:
    """If this fails a phone that repeats an action after a lost answer takes the fee twice."""
    world.appoint("visit-1")
    for name, body in pickup_steps()[:-1]:
        world.step("visit-1", name, body)
    first, second = (
        world.post(WORKER, "/visits/visit-1/steps/collect_fee", {"exemption": "none"}, key="phone-action-7")
        for _ in range(2)
    )
    assert first == second
    assert world.kinds().count("money.collected") == 1
    other = world.post(
        WORKER,
        "/visits/visit-1/steps/collect_fee",
        {"exemption": "elderly", "evidence": "thẻ"},
        key="phone-action-7",
        status=409,
    )
    assert code_of(other) == "idempotency.key_reused"


def test_steps_keep_device_time_and_place(world: World) -> None:
    """If this fails there is no evidence of when and where the worker was."""
    world.appoint("visit-1")
    told = (world.clock() - timedelta(minutes=3)).isoformat()
    world.post(
        WORKER, "/visits/visit-1/steps/start", {"device_time": told, "lat": 15.8, "lon": 108.2}, key="a" * 12
    )
    with world.service.transactions.reading() as session:
        row = session.exec(select(VisitStepRow)).one()
    assert row.device_time.isoformat() == told
    assert (row.lat, row.lon, row.action_id) == (15.8, 108.2, "a" * 12)
    ahead = (world.clock() + timedelta(hours=1)).isoformat()
    answer = world.post(WORKER, "/visits/visit-1/steps/arrive", {"device_time": ahead}, status=422)
    assert code_of(answer) == "step.clock"


def test_a_visit_belongs_to_its_worker(world: World) -> None:
    """If this fails one worker can act in another's name."""
    world.appoint("visit-1")
    assert code_of(world.step("visit-1", "start", status=403, actor=OTHER_WORKER)) == "scope.worker"
    assert world.get(OTHER_WORKER, f"/worker/visits?day={DAY}")["visits"] == []


def test_a_visit_begins_on_its_day(world: World) -> None:
    """If this fails a worker rings days before the appointment, or sets off for one that is long over."""
    world.appoint("visit-1")
    for day, status in ((24, 409), (26, 409), (25, 200)):
        world.clock.set(at(DAY.replace(day=day), "08:00"))
        answer = world.step("visit-1", "start", status=status)
        if status == 409:
            assert code_of(answer) == "visit.other_day"
            assert "25/11/2026" in answer["detail"]


def test_an_arrival_that_did_not_happen_is_not_told(world: World) -> None:
    """If this fails a window counts as kept although nobody stood at the door."""
    world.appoint("visit-1")
    world.appoint("visit-2", request_id="request-2")
    world.step("visit-1", "start")
    body = {"reason": "worker_breakdown", "note": "xe hỏng ở nhà ông Sáu, gọi 0900000124"}
    world.post(WORKER, "/visits/visit-1/fail", body)
    told = world.published()[-1][1]
    assert told["arrived_at"] is None
    assert at(DAY, "07:30") <= datetime.fromisoformat(told["failed_at"]) <= world.clock()
    assert not told["note"]  # typed freely, and nobody outside needs it
    world.step("visit-2", "start")
    world.step("visit-2", "arrive")
    world.post(WORKER, "/visits/visit-2/fail", {"reason": "not_home", "call_attempts": 1})
    assert world.published()[-1][1]["arrived_at"] is not None


def test_one_door_at_a_time(world: World) -> None:
    """If this fails a worker is at two doors at once."""
    world.appoint("visit-1")
    world.appoint("visit-2", request_id="request-2")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    assert code_of(world.step("visit-2", "start", status=409)) == "visit.other_open"


def test_incomplete_papers_leave_nothing_behind(world: World) -> None:
    """If this fails an incomplete pickup takes papers or money, or does not say what is missing."""
    world.appoint("visit-1")
    for name, body in pickup_steps()[:3]:
        world.step("visit-1", name, body)
    papers = [{"name": name, "state": "present"} for name in PAPERS[:2]]
    world.step("visit-1", "count_papers", {"papers": [*papers, {"name": PAPERS[2], "state": "missing"}]})
    answer = world.step("visit-1", "explain_missing", {})
    assert answer["outcome"] == "papers_incomplete"
    assert world.kinds() == ["visit.started", "visit.completed"]
    assert world.published()[-1][1]["missing"] == [PAPERS[2]]


def test_a_failed_attempt_tells_whose_side(world: World) -> None:
    """If this fails nobody knows who bears the cost of a visit in vain."""
    world.appoint("visit-1")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    body = {"reason": "not_home", "note": "cổng khoá"}
    assert code_of(world.post(WORKER, "/visits/visit-1/fail", body, status=409)) == "visit.no_call"
    answer = world.post(WORKER, "/visits/visit-1/fail", body | {"call_attempts": 2})
    assert (answer["state"], answer["cause"]) == ("failed", "citizen")
    kind, told = world.published()[-1]
    assert (kind, told["reason"], told["attempt"]) == ("visit.failed", "not_home", 1)


def test_a_guidance_visit(world: World) -> None:
    """If this fails a guidance visit cannot be finished."""
    world.appoint("visit-1", "guidance")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    assert world.step("visit-1", "guided", {"explained": "cách điền tờ khai"})["outcome"] == "guided"


def test_an_exemption_needs_evidence_and_lowers_the_sum(world: World) -> None:
    """If this fails exempt people pay, or anybody is exempt by a click."""
    world.appoint("visit-1")
    for name, body in pickup_steps()[:-1]:
        world.step("visit-1", name, body)
    assert (
        code_of(world.step("visit-1", "collect_fee", {"exemption": "elderly"}, status=422))
        == "step.incomplete"
    )
    not_listed = {"exemption": "child", "evidence": "giấy khai sinh"}
    assert code_of(world.step("visit-1", "collect_fee", not_listed, status=422)) == "fee.exemption_unknown"
    answer = world.step("visit-1", "collect_fee", {"exemption": "elderly", "evidence": "thẻ người cao tuổi"})
    assert answer["charge"] == {"fee": 0, "fare": 28_000, "total": 28_000}
