"""What SQLite gives by letting writers queue, PostgreSQL has to give under real concurrency.

What every database has to keep stands in `tests/contract/persistence`; here are races of whole services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text, update

from deploy.demo.api import eventually
from services.intake.adapters.zalo.journal import Step, Way
from services.intake.adapters.zalo.sql_stores import SqlJournal
from services.intake.adapters.zalo.tables import ZaloSendingRow, ZaloTable
from services.intake.bootstrap import bootstrap as bootstrap_intake
from services.intake.entrypoints.app import build_app as build_intake
from services.intake.settings import Settings as IntakeSettings
from services.routing.application.commands import PublishPlan
from services.routing.application.handlers import COMMANDS
from services.routing.application.planner import DayPlanner
from services.routing.application.planning_day import stops_of
from services.routing.application.ports import Ports
from shared.clock import DemoClock, FixedClock, at
from shared.contracts.envelope import Event
from shared.contracts.postal import HandoverAccepted, Holder, VisitStarted
from shared.contracts.topics import topic_of
from shared.errors import Problem
from shared.messaging.commands import CommandBus
from shared.messaging.guard import Guard, Outcome, Waiting
from shared.messaging.tables import GatePosition, MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine
from shared.testing.postgres import Postgres
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner
from tests.integration.intake.conftest import (
    OPERATOR,
    TODAY,
    Intake,
    ListChannel,
    PlainPasswords,
    introduce,
)
from tests.integration.intake.test_journey import started as set_off
from tests.integration.routing.conftest import DAY, DISPATCHER, OFFICE, Routing, appointment, open_routing
from tests.integration.routing.test_migration import keeps_old_plans
from tests.integration.routing.test_planning import started
from tests.integration.routing.test_planning import stops_of as workers_by_stop
from tests.unit.messaging.test_commands import SOMEBODY, Close, close, published
from tests.unit.messaging.test_guard import NOW, Listener, visit, wrap

CROSSINGS = 100


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of an empty database."""
    return postgres.new_database()


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on an empty database, as every service opens it."""
    made = open_engine(database)
    yield made
    made.dispose()


def together(*works: Callable[[], Any]) -> list[Any]:
    """Runs the works at the same moment; their results, or the Problem that one ended with."""
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait(30)
        try:
            return work()
        except Problem as problem:
            return problem

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]


def test_old_plans_survive_the_change_of_their_key(engine: Engine) -> None:
    """An update would lose the history of plans, or leave two plans in force for a day."""
    keeps_old_plans(engine)


# --- the guard and the command bus ------------------------------------------------------------------


class Crossing(Listener):
    """A listener whose hand-over number n makes sense only after visit number n."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__(transactions)
        self.guard = Guard(transactions, {VisitStarted: self.hear, HandoverAccepted: self.hear_crossed})

    def hear_crossed(self, event: HandoverAccepted, uow: UnitOfWork) -> None:
        """Waits for the visit of the same key."""
        if uow.session.get(GatePosition, ("postal.visit.v1", event.parcel_id)) is None:
            raise Waiting("postal.visit.v1", event.parcel_id)
        self.hear(event, uow)


@pytest.fixture
def listener(engine: Engine) -> Crossing:
    """A consumer on PostgreSQL."""
    MessagingTable.metadata.create_all(engine)
    return Crossing(Transactions(engine, "intake", FixedClock(NOW)))


def delivering(listener: Listener, event: Event, raw: bytes) -> Callable[[], Outcome]:
    """One delivery of a record."""
    return lambda: listener.guard.receive(topic_of(type(event)).name, raw)


def handed_over(key: str) -> HandoverAccepted:
    """The parcel of visit `key` changed hands."""
    return HandoverAccepted(
        parcel_id=key,
        dossier_id="d1",
        request_id="r1",
        giver=Holder(kind="worker", id="w1"),
        receiver=Holder(kind="post_office", id="o1"),
    )


def test_one_event_delivered_twice_at_once_has_one_effect(listener: Crossing) -> None:
    """A rebalance that hands a partition to two workers would take a fee twice."""
    for number in range(15):
        event = visit(number, key=f"v{number}")
        raw = wrap(event, 1)
        outcomes = together(delivering(listener, event, raw), delivering(listener, event, raw))
        assert sorted(outcomes) == [Outcome.APPLIED, Outcome.DUPLICATE]
        assert listener.effects(f"v{number}") == [f"w{number}"]
    assert listener.parked() == []


def test_two_events_that_cross_each_other_are_never_stuck(listener: Crossing) -> None:
    """An event would be parked just after the one it waits for had looked for it: nobody would wake it."""
    for number in range(CROSSINGS):
        awaited, waiting = visit(number, key=f"v{number}"), handed_over(f"v{number}")
        outcomes = together(
            delivering(listener, awaited, wrap(awaited, 1)), delivering(listener, waiting, wrap(waiting, 1))
        )
        assert outcomes[0] is Outcome.APPLIED
        assert outcomes[1] in {Outcome.APPLIED, Outcome.WAITING}
        assert len(listener.effects(f"v{number}")) == 2
    assert listener.parked() == []


def test_two_commands_with_one_key_at_once_have_one_effect(engine: Engine) -> None:
    """A double click that two processes answer would book two visits."""
    MessagingTable.metadata.create_all(engine)
    bus = CommandBus(Transactions(engine, "intake", FixedClock(NOW)), {Close: close}, None)
    for number in range(15):
        once = partial(bus.execute, Close(request_id=f"r{number}"), SOMEBODY, f"key-{number}")
        first, second = together(once, once)
        assert first == second
    assert published(bus) == [(f"r{number}", 1) for number in range(15)]


# --- routing ----------------------------------------------------------------------------------------


@pytest.fixture
def routing(tmp_path: Path, database: str) -> Iterator[Routing]:
    """Routing on PostgreSQL."""
    made = open_routing(tmp_path, database)
    yield made
    made.service.engine.dispose()


def test_a_start_during_a_search_is_planned_around(routing: Routing) -> None:
    """A plan computed on what is no longer true would come into force."""
    routing.hear(appointment(1))
    worker = workers_by_stop(routing.plan())["s-1"]
    routing.now("07:40")
    routing.solver.meanwhile = [lambda: routing.hear(started("s-1", "r-1", worker, "07:35"))]
    plan = routing.plan()
    assert [stop["fixed"] for route in plan["routes"] for stop in route["stops"]] == [True]
    assert routing.stops()[0]["state"] == "started"


def test_a_start_that_commits_inside_the_publication_wins(routing: Routing) -> None:
    """The plan's transaction would write "planned" over a visit that began after it had looked."""
    for number in (1, 2):
        routing.hear(appointment(number))
    worker = workers_by_stop(routing.plan())["s-1"]
    routing.now("07:40")
    facts: list[Callable[[], Any]] = [lambda: routing.hear(started("s-1", "r-1", worker, "07:35"))]

    def publish(command: PublishPlan, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
        looked_at = stops_of(uow.session, OFFICE, DAY)
        if facts:
            facts.pop()()
        assert looked_at, "kept until the end, as the publication keeps what it has read"
        return COMMANDS[PublishPlan](command, uow, ports)

    service = routing.service
    bus = CommandBus(service.transactions, {**COMMANDS, PublishPlan: publish}, service.bus.ports)
    before = len(routing.solver.problems)
    plan = DayPlanner(service.transactions, bus, service.bus.ports).plan(DISPATCHER, OFFICE, DAY)
    assert len(routing.solver.problems) == before + 2, "the first search was thrown away"
    fixed = {stop["stop_id"]: stop["fixed"] for route in plan["routes"] for stop in route["stops"]}
    assert fixed == {"s-1": True, "s-2": False}
    assert [stop["state"] for stop in routing.stops()] == ["started", "planned"]


def test_starts_and_plans_at_once_leave_every_start(routing: Routing) -> None:
    """A worker on the road would be planned a visit that somebody else is making."""
    stops = range(1, 9)
    for number in stops:
        routing.hear(appointment(number, ("07:30", "09:30")))
    worker_of = workers_by_stop(routing.plan())
    routing.now("07:40")
    planner = routing.app.state.routing.planner
    for number in stops:
        event = started(f"s-{number}", f"r-{number}", worker_of[f"s-{number}"], "07:35")
        together(lambda: planner.plan(DISPATCHER, OFFICE, DAY), partial(routing.hear, event))
        states = {stop["stop_id"]: stop["state"] for stop in routing.stops()}
        assert states[f"s-{number}"] == "started"
    assert {stop["stop_id"]: stop["worker_id"] for stop in routing.stops()} == worker_of


def test_planners_at_once_number_their_revisions_one_after_the_other(routing: Routing) -> None:
    """Two plans would be in force for one day, and each worker would follow another one."""
    routing.hear(appointment(1))
    planner = routing.app.state.routing.planner
    made = 0
    for _ in range(8):
        answers = together(*[lambda: planner.plan(DISPATCHER, OFFICE, DAY)] * 2)
        plans = [answer for answer in answers if not isinstance(answer, Problem)]
        assert {answer.problem_code for answer in answers if isinstance(answer, Problem)} <= {"plan.newer"}
        assert plans
        made += len(plans)
    revisions = [event["revision"] for event in routing.published("routing.plan.v1/published")]
    assert revisions == list(range(1, made + 1))


def test_a_near_stop_is_inserted_once_by_two_processes(routing: Routing) -> None:
    """An insertion that works on SQLite only would leave promises unplanned in production."""
    routing.plan()
    routing.hear(appointment(1))
    assert sorted(together(routing.insert_urgent, routing.insert_urgent)) == [0, 1]
    assert [event["revision"] for event in routing.published("routing.plan.v1/published")] == [1, 2]
    assert routing.stops()[0]["state"] == "planned"


# --- intake -----------------------------------------------------------------------------------------


@pytest.fixture
def intake(tmp_path: Path, database: str) -> Iterator[Intake]:
    """Intake on PostgreSQL, on Wednesday morning at eight, with one office and two workers."""
    clock = DemoClock(tmp_path / "clock")
    clock.set(at(TODAY, "08:00"))
    private, public = ensure_key_pair(tmp_path / "keys")
    settings = IntakeSettings(
        environment="demo",
        database=database,
        data_dir=tmp_path,
        session_private_key=private,
        session_public_key=public,
        demo_clock=clock.file,
    )
    channel = ListChannel()
    service = bootstrap_intake(settings, passwords=PlainPasswords(), zalo=channel)
    service.migrate()
    app = build_intake(service)
    client = TestClient(app, base_url=settings.intake_url, follow_redirects=False)
    signer = SessionSigner(load_private_key(private))
    yield introduce(Intake(service, app, client, clock, signer, channel))
    service.engine.dispose()


def test_a_withdrawal_and_a_start_at_once_end_in_one_story(intake: Intake) -> None:
    """A request would say "withdrawn" while a worker stands at the door, and nobody would be told."""
    for number in range(6):
        request = intake.scheduled(intake.confirmed(phone=f"09000001{number:02d}"))
        path = f"/api/operator/requests/{request['request_id']}/cancel"
        answer, outcome = together(
            partial(intake.post, path, {}, OPERATOR), partial(intake.hear, set_off(request))
        )
        assert outcome is Outcome.APPLIED
        told = intake.told(request["request_id"])
        seen = intake.get(f"/api/operator/requests/{request['request_id']}", OPERATOR).json()
        assert seen["status"] == "in_visit"
        assert [row["status"] for row in seen["appointments"]] == ["in_visit"]
        assert (answer.status_code, "cancelled" in told, told[-1]) in {
            (200, True, "coming_despite_cancel"),
            (409, False, "worker_coming"),
        }


# --- adapters with transactions of their own --------------------------------------------------------


def test_a_receipt_that_comes_while_the_sender_writes_is_no_failure(engine: Engine) -> None:
    """Zalo's receipt would be refused, or the notice count as crashed and wait half a minute."""
    ZaloTable.metadata.create_all(engine)
    journal = SqlJournal(engine)
    journal.begin(Step("n-1", 1, Way.TEMPLATE_BY_PHONE, "digest", NOW))
    with engine.connect() as receipt, ThreadPoolExecutor(1) as pool:
        receipt.execute(update(ZaloSendingRow).values(sent_at=NOW, provider_id="z-1"))
        sender = pool.submit(journal.complete, "n-1", 1, "z-1", NOW)
        waits_for_a_lock(engine)
        receipt.commit()
        sender.result(30)
    assert [step.provider_id for step in journal.steps("n-1")] == ["z-1"]


def waits_for_a_lock(engine: Engine) -> None:
    """Returns when some session waits for another one's row. Raises TimeoutError."""
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE datname = current_database() AND NOT granted"
    )

    def somebody() -> bool:
        with engine.connect() as observer:
            return bool(observer.execute(waiting).scalar())

    eventually(somebody, 10, "somebody to wait for a lock")
