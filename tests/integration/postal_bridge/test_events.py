"""What other services' events change."""

from __future__ import annotations

from shared.clock import at
from shared.contracts.intake import AppointmentCancelled, AppointmentRescheduled, RequestCancelled
from shared.contracts.routing import StopUnassigned
from shared.messaging.guard import Outcome
from tests.integration.postal_bridge.conftest import (
    DAY,
    OFFICE,
    WORKER,
    World,
    appointment,
    code_of,
    pickup_steps,
    plan,
    stop,
    window,
)


def test_a_stop_that_comes_first_waits_for_its_appointment(world: World) -> None:
    """If this fails a visit is lost when routing's event overtakes intake's."""
    assert world.hear(stop("visit-1")) is Outcome.WAITING
    assert world.hear(appointment("visit-1")) is Outcome.APPLIED
    visits = world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]
    assert [v["visit_id"] for v in visits] == ["visit-1"]
    assert visits[0]["next_step"] == "start"


def test_the_list_follows_the_plan(world: World) -> None:
    """If this fails a worker drives in another order than was planned."""
    for number, hour in enumerate(("08:00", "10:00", "13:00"), 1):
        world.appoint(f"visit-{number}", request_id=f"request-{number}", hour=hour)
    world.hear(plan("visit-3", "visit-1"))
    order = [v["visit_id"] for v in world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]]
    assert order == ["visit-3", "visit-1", "visit-2"]
    world.hear(plan("visit-2", "visit-1", "visit-3", revision=2))
    order = [v["visit_id"] for v in world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]]
    assert order == ["visit-2", "visit-1", "visit-3"]


def test_an_older_plan_that_comes_late_changes_nothing(world: World) -> None:
    """If this fails a worker drives by a plan that was replaced, because its event overtook the other."""
    for number, hour in enumerate(("08:00", "10:00"), 1):
        world.appoint(f"visit-{number}", request_id=f"request-{number}", hour=hour)
    world.hear(plan("visit-2", "visit-1", revision=2))
    late = plan("visit-1", "visit-2", revision=1)
    assert world.hear(late.model_copy(update={"plan_id": "plan-0"})) is Outcome.APPLIED
    order = [v["visit_id"] for v in world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]]
    assert order == ["visit-2", "visit-1"]


def test_an_older_plan_stays_older_when_the_newest_is_empty(world: World) -> None:
    """If this fails an empty plan forgets which revision it was."""
    for number, hour in enumerate(("08:00", "10:00"), 1):
        world.appoint(f"visit-{number}", request_id=f"request-{number}", hour=hour)
    world.hear(plan(revision=2).model_copy(update={"routes": ()}))
    world.hear(plan("visit-2", "visit-1", revision=1).model_copy(update={"plan_id": "plan-0"}))
    order = [v["visit_id"] for v in world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]]
    assert order == ["visit-1", "visit-2"]


def test_moving_cancelling_and_unassigning(world: World) -> None:
    """If this fails a worker sets off for a visit that was called off or given to nobody."""
    for number in (1, 2, 3):
        world.appoint(f"visit-{number}", request_id=f"request-{number}")
    world.hear(
        AppointmentRescheduled(request_id="request-1", appointment_id="visit-1", window=window("14:00"))
    )
    world.hear(AppointmentCancelled(request_id="request-2", appointment_id="visit-2"))
    world.hear(
        StopUnassigned(
            stop_id="visit-3", request_id="request-3", office_id=OFFICE, day=DAY, reason_code="x", reason="x"
        )
    )
    visits = {v["visit_id"]: v for v in world.get(WORKER, f"/worker/visits?day={DAY}")["visits"]}
    assert visits["visit-1"]["window"]["start"] == at(DAY, "14:00").isoformat()
    assert visits["visit-2"]["state"] == "cancelled"
    assert "visit-3" not in visits
    assert code_of(world.step("visit-2", "start", status=409)) == "visit.over"
    assert code_of(world.step("visit-3", "start", status=409)) == "visit.unassigned"


def test_a_withdrawn_request_stops_only_what_has_not_begun(world: World) -> None:
    """If this fails a cancellation erases a visit whose worker stands at the door."""
    world.appoint("visit-1")
    world.step("visit-1", "start")
    world.step("visit-1", "arrive")
    world.hear(RequestCancelled(request_id="request-1"))
    assert world.step("visit-1", "identity", dict(pickup_steps())["identity"])["state"] == "at_door"
