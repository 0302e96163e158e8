"""Reference data routing owns and the copies it keeps; the database matches its revisions."""

from __future__ import annotations

from services.routing.application.commands import LoadReference
from services.routing.application.records import Unit
from services.routing.application.reference import load_reference_files
from services.routing.bootstrap import bootstrap
from services.routing.settings import Settings
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import OrgUnitPublished
from shared.persistence.migrations import check

from .conftest import DAY, OFFICES, WORKERS, Routing, appointment, worker

SYSTEM = ActorRef.system("routing")


def load(routing: Routing, workers: list[dict[str, object]]) -> dict[str, int]:
    """Loads these workers with the usual offices."""
    command = LoadReference.model_validate({"offices": OFFICES, "workers": workers})
    return routing.service.bus.execute(command, SYSTEM)


def test_only_changes_are_published(routing: Routing) -> None:
    """Broken when every start floods the others with unchanged reference data."""
    assert load(routing, WORKERS) == {"offices": 0, "workers": 0}
    changed = [worker(1, shift_end="16:00"), *WORKERS[1:]]
    assert load(routing, changed) == {"offices": 0, "workers": 1}
    assert len(routing.published("routing.worker.v1/published")) == len(WORKERS) + 1
    assert len(routing.published("routing.office.v1/published")) == len(OFFICES)


def test_a_worker_who_left_the_file_is_published_as_inactive(routing: Routing) -> None:
    """Broken when somebody who no longer works here still gets stops."""
    assert load(routing, WORKERS[1:])["workers"] == 1
    last = routing.published("routing.worker.v1/published")[-1]
    assert (last["worker_id"], last["active"]) == ("w-001", False)
    routing.hear(appointment(1))
    assert {route["worker_id"] for route in routing.plan()["routes"]} == {"w-002"}
    assert load(routing, WORKERS)["workers"] == 1, "and comes back when listed again"


def test_the_shipped_files_load(routing: Routing) -> None:
    """Broken when the data files no longer fit the code that reads them."""
    loaded = load_reference_files(routing.service.bus, Settings().reference_dir)
    assert loaded["offices"] >= 20
    assert loaded["workers"] >= 50


def test_a_newer_unit_name_replaces_the_copy(routing: Routing) -> None:
    """Broken when the board shows a commune by a name it no longer has."""
    for name in ("Xã Cũ", "Xã Mới"):
        routing.hear(
            OrgUnitPublished(unit_id="new-1", kind="commune", name=name, valid_from=DAY, lat=15.8, lon=108.3)
        )
    with routing.service.transactions.reading() as session:
        assert session.get_one(Unit, "new-1").name == "Xã Mới"


def test_models_and_revisions_agree(routing: Routing) -> None:
    """Broken when a table changes without a migration."""
    check(routing.service.engine, routing.service.migrations)


def test_the_real_solver_plans_a_small_day(routing: Routing) -> None:
    """Broken when the wiring hands the solver something it cannot plan."""
    service = bootstrap(routing.service.settings)
    object.__setattr__(routing.service.bus.ports, "solver", service.bus.ports.solver)
    for number in range(1, 9):
        routing.hear(appointment(number, ("07:30", "09:30") if number % 2 else ("13:30", "15:30")))
    plan = routing.plan()
    assert plan["unassigned"] == []
    assert plan["progress"], "the search reports what it finds"
