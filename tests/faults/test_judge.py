"""The judge has to find what was broken on purpose; a judge who finds nothing proves nothing."""

# ruff: noqa: S608 - damage is done in plain SQL with our own words

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from deploy.demo.people import Citizen
from services.intake import bootstrap as intake
from services.intake.application.commands import Reschedule, SubmitRequest
from services.intake.application.reference import publish_reference
from services.intake.settings import Settings as IntakeSettings
from services.postal_bridge import bootstrap as postal_bridge
from services.postal_bridge.application.cash import collect
from services.postal_bridge.application.commands import BookDifference, DepositCash
from services.postal_bridge.application.records import VisitRow
from services.postal_bridge.domain.money import Charge
from services.postal_bridge.domain.steps import FeeTaken
from services.postal_bridge.settings import Settings as PostalSettings
from services.routing import bootstrap as routing
from services.routing.application.reference import load_reference_files
from services.routing.settings import Settings as RoutingSettings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef
from shared.contracts.topics import topic_named
from shared.ids import new_id
from shared.service import Service
from tests.faults.clients import local_people, wish
from tests.faults.evidence import Evidence, Logged, files_in
from tests.faults.findings import Wrong
from tests.faults.judge import SUBMIT, judge
from tests.faults.ledger import Ask, Ledger

DAY = date(2026, 11, 25)
OPERATOR = ActorRef(account="tongdai", role="operator")
OFFICE = "office-20632"
WORKER = Actor("w-030", "Nhân viên", Role.WORKER, office=OFFICE, worker="w-030")
CASHIER = Actor("thuquy-20632", "Thủ quỹ", Role.CASHIER, office=OFFICE)
MORNING = {"start": at(DAY, "07:30").isoformat(), "end": at(DAY, "09:30").isoformat()}
LATER = {"start": at(DAY, "09:30").isoformat(), "end": at(DAY, "11:30").isoformat()}


class Product:
    """The three services on one folder, without processes: events are carried by hand, through a list."""

    def __init__(self, folder: Path) -> None:
        clock = DemoClock(folder / "clock")
        clock.set(at(DAY, "06:00"))
        common = {"environment": "demo", "demo_clock": clock.file, "data_dir": folder}
        self.services: dict[str, Service[Any]] = {
            "intake": intake.bootstrap(IntakeSettings.load(database=_at(folder, "intake"), **common)),
            "routing": routing.bootstrap(RoutingSettings.load(database=_at(folder, "routing"), **common)),
            "postal_bridge": postal_bridge.bootstrap(
                PostalSettings.load(database=_at(folder, "postal_bridge"), **common)
            ),
        }
        self.log: list[Logged] = []
        for service in self.services.values():
            service.migrate()
        publish_reference(self.services["intake"].transactions, self.services["intake"].bus.ports)
        load_reference_files(self.services["routing"].bus, self.services["routing"].settings.reference_dir)
        self.carry()

    def carry(self) -> None:
        """Every event travels: into the log, to its consumers, marked as sent."""
        unsent = (
            "SELECT topic, key, sequence, event_id, body FROM outbox WHERE sent_at IS NULL ORDER BY position"
        )
        for service in self.services.values():
            with closing(sqlite3.connect(_file(service))) as database:
                rows = database.execute(unsent).fetchall()
            for topic, key, sequence, event_id, body in rows:
                self.log.append(Logged(topic, 0, len(self.log), key, sequence, event_id))
                for consumer in topic_named(topic).consumers:
                    self.services[consumer].guard.receive(topic, body)
            with closing(sqlite3.connect(_file(service))) as database, database:
                database.execute("UPDATE outbox SET sent_at = recorded_at")

    def close(self) -> None:
        """Lets go of the databases."""
        for service in self.services.values():
            service.engine.dispose()


def _at(folder: Path, name: str) -> str:
    return f"sqlite:///{folder / name}.db"


def _file(service: Service[Any]) -> str:
    return str(service.engine.url.database)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Ask], Evidence]:
    """Three requests, one of them moved, two paid for; honestly carried through all services."""
    folder = tmp_path_factory.mktemp("sound")
    product, ledger = Product(folder), Ledger(folder / "ledger.jsonl")
    people = local_people(DAY, 950_000)
    answers = [submit(product, ledger, next(people)) for _ in range(3)]
    move(product, ledger, answers[0])
    product.carry()
    pay(product, answers[0], Charge(fee=50_000, fare=34_000))
    pay(product, answers[1], Charge(fare=26_000))
    hand_in(product, ledger, Charge(fee=20_000, fare=60_000))
    product.carry()
    with product.services["intake"].transactions.begin() as uow:
        uow.session.connection().exec_driver_sql("DELETE FROM notice")  # nobody sends notices here
    product.close()
    return ledger.asks(), Evidence(files_in(folder), tuple(product.log))


def submit(product: Product, ledger: Ledger, citizen: Citizen) -> dict[str, Any]:
    """A citizen asks for the morning; the answer of intake."""
    key, body = new_id(), wish(citizen, MORNING)
    ledger.asked(key, "intake", SUBMIT, body, OPERATOR.account)
    command = SubmitRequest(channel="phone", **body)
    answer = product.services["intake"].bus.execute(command, OPERATOR, key)
    ledger.acknowledged(key, answer)
    return answer


def move(product: Product, ledger: Ledger, answer: dict[str, Any]) -> dict[str, Any]:
    """The citizen chooses a later window; the answer of intake."""
    key, path = new_id(), f"/api/operator/requests/{answer['request_id']}/reschedule"
    ledger.asked(key, "intake", path, {"window": LATER}, OPERATOR.account)
    ids = {name: answer[name] for name in ("request_id", "appointment_id")}
    command = Reschedule.model_validate({**ids, "window": LATER})
    moved = product.services["intake"].bus.execute(command, OPERATOR, key)
    ledger.acknowledged(key, moved)
    return moved


def pay(product: Product, answer: dict[str, Any], charge: Charge) -> None:
    """A worker takes money at the door and gives a receipt."""
    with product.services["postal_bridge"].transactions.begin(WORKER) as uow:
        row = uow.session.get(VisitRow, answer["appointment_id"])
        assert row is not None
        assert collect(uow, row, FeeTaken(), charge)


def hand_in(product: Product, ledger: Ledger, charge: Charge) -> None:
    """The worker hands a part of it to the cashier, and a little is missing."""
    bus, key = product.services["postal_bridge"].bus, new_id()
    body = {"fee": charge.fee, "fare": charge.fare, "explanation": "Nộp giữa ca"}
    path = f"/api/cashbooks/{WORKER.worker}/{DAY}/deposit"
    ledger.asked(key, "postal_bridge", path, body, CASHIER.account)
    whose = {"worker_id": WORKER.worker, "day": DAY}
    ledger.acknowledged(key, bus.execute(DepositCash.model_validate(whose | body), CASHIER, key))
    missing = {"ledger": "fee", "kind": "shortage", "amount": 1_000, "explanation": "Đánh rơi trên đường"}
    bus.execute(BookDifference.model_validate(whose | missing), CASHIER, new_id())


def damaged(evidence: Evidence, folder: Path, service: str, *statements: str) -> Evidence:
    """A copy of the databases with something done to one of them behind its service's back."""
    for name in ("intake", "routing", "postal_bridge"):
        shutil.copy(make_url(evidence.databases(name)).database or "", folder)
    with closing(sqlite3.connect(folder / f"{service}.db")) as database, database:
        changed = [database.execute(statement).rowcount for statement in statements]
    assert changed[-1] > 0, f"no damage done: {statements[-1]}"
    return replace(evidence, databases=files_in(folder))


def copy_with(table: str, key: str, given: str = "'copy'") -> tuple[str, ...]:
    """Statements that put a row of `table` in a second time, under another `key`."""
    return (
        f"CREATE TEMP TABLE twin AS SELECT * FROM {table} LIMIT 1",
        f"UPDATE twin SET {key} = {given}",
        f"INSERT INTO {table} SELECT * FROM twin",
    )


def doctored(table: str, change: str) -> list[str]:
    """Statements that change a row of an append-only table, as somebody with the file in hands could."""
    return [f"DROP TRIGGER {table}_no_update", f"UPDATE {table} SET {change} WHERE rowid = 1"]


def gone(table: str) -> list[str]:
    """Statements that take a row out of an append-only table."""
    return [f"DROP TRIGGER {table}_no_delete", f"DELETE FROM {table} WHERE rowid = 1"]


def wrongs(asks: list[Ask], evidence: Evidence) -> set[Wrong]:
    """The kinds of what the judge finds."""
    return {finding.wrong for finding in judge(asks, evidence)}


def test_a_sound_product_is_acquitted(sound: tuple[list[Ask], Evidence]) -> None:
    """A judge who finds something in a sound product would send people after ghosts."""
    asks, evidence = sound
    assert judge(asks, evidence) == []
    assert len([ask for ask in asks if ask.acknowledged]) == 5


PARCEL = """
    INSERT INTO parcel (parcel_id, dossier_id, request_id, kind, seal, paper_count, papers,
        holder_kind, holder_id, offered_kind, offered_id, since, length, head)
    VALUES ('p', 'd', 'r', 'dossier', 'NP1234', 1, '[]', 'worker', 'w-014', '', '',
        '2026-11-25 01:00:00', 3, 'x')
"""
LAST = "(SELECT max(position) FROM outbox WHERE topic = 'intake.request.v1')"
DAMAGES = {
    "a stop is gone": ("routing", ["DELETE FROM stop WHERE rowid = 1"], Wrong.LOST),
    "a visit is gone": ("postal_bridge", ["DELETE FROM visit WHERE rowid = 2"], Wrong.LOST),
    "an event was never written": ("intake", [f"DELETE FROM outbox WHERE position = {LAST}"], Wrong.LOST),
    "an event did not take effect": ("routing", ["DELETE FROM inbox WHERE rowid = 1"], Wrong.LOST),
    "a gate is behind": ("routing", ["UPDATE gate SET sequence = 1 WHERE sequence = 3"], Wrong.LOST),
    "a visit is there twice": ("postal_bridge", copy_with("visit", "visit_id"), Wrong.DOUBLED),
    "a stop is there twice": ("routing", copy_with("stop", "stop_id"), Wrong.DOUBLED),
    "an event nobody published took effect": ("routing", copy_with("inbox", "event_id"), Wrong.PHANTOM),
    "a stop of another request": (
        "routing", ["UPDATE stop SET request_id = 'another' WHERE rowid = 1"], Wrong.PHANTOM
    ),
    "an outdated window": (
        "postal_bridge", ["UPDATE visit SET window_start = '2026-11-25 06:30:00'"], Wrong.ORDER
    ),
    "another worker": ("postal_bridge", ["UPDATE visit SET worker_id = 'w-014'"], Wrong.ORDER),
    "events written in another order": (
        "intake",
        [f"UPDATE outbox SET position = 0 WHERE position = {LAST}"],
        Wrong.ORDER,
    ),
    "an event was not sent": (
        "intake", [f"UPDATE outbox SET sent_at = NULL WHERE position = {LAST}"], Wrong.STUCK
    ),
    "a deposit that nobody counted": ("postal_bridge", copy_with("deposit", "deposit_id"), Wrong.MONEY),
    "a count that is not in the book": ("postal_bridge", doctored("deposit", "fee = 21000"), Wrong.MONEY),
    "a receipt for less": ("postal_bridge", doctored("receipt", "fare = fare - 1000"), Wrong.MONEY),
    "a receipt is gone": ("postal_bridge", gone("receipt"), Wrong.MONEY),
    "a movement is gone": ("postal_bridge", gone("money_entry"), Wrong.MONEY),
    "a movement is there twice": ("postal_bridge", copy_with("money_entry", "entry_id"), Wrong.MONEY),
    "another worker's hand": ("postal_bridge", doctored("money_entry", "debit = 'worker:w-1'"), Wrong.MONEY),
    "the other ledger": ("postal_bridge", doctored("money_entry", "ledger = 'fare'"), Wrong.MONEY),
    "a shortage that nobody explained": ("postal_bridge", gone("difference"), Wrong.MONEY),
    "a receipt number was skipped": ("postal_bridge", ["UPDATE cashbook SET receipts = 3"], Wrong.MONEY),
    "intake knows of other money": ("intake", ["UPDATE receipt_copy SET fee = fee + 1"], Wrong.MONEY),
    "a parcel without a chain": ("postal_bridge", [PARCEL], Wrong.CUSTODY),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str, sound: tuple[list[Ask], Evidence], tmp_path: Path) -> None:
    """A damage of this kind would pass unseen through every run of the fault test."""
    asks, evidence = sound
    service, statements, wrong = DAMAGES[name]
    assert wrong in wrongs(asks, damaged(evidence, tmp_path, service, *statements))


def test_a_promise_without_a_row_is_found(sound: tuple[list[Ask], Evidence]) -> None:
    """An answer that was given before the commit would pass unseen."""
    asks, evidence = sound
    told = Ask(
        "k", "intake", SUBMIT, {"note": "dấu không có"}, "tongdai", [asks[0].answer | {"request_id": "?"}]
    )
    assert Wrong.LOST in wrongs([*asks, told], evidence)


def test_a_row_without_a_question_is_found(sound: tuple[list[Ask], Evidence]) -> None:
    """A request that nobody made would pass unseen."""
    asks, evidence = sound
    assert Wrong.PHANTOM in wrongs(asks[1:], evidence)


def test_a_count_that_was_confirmed_and_is_not_booked_is_found(sound: tuple[list[Ask], Evidence]) -> None:
    """Cash that a cashier was told is booked could vanish without anybody asking for it."""
    asks, evidence = sound
    path, body = "/api/cashbooks/w-030/2026-11-25/deposit", {"fee": 5_000, "fare": 0}
    told = Ask("k", "postal_bridge", path, body, CASHIER.account, [{"cashbook_id": "w-030:2026-11-25"}])
    assert Wrong.LOST in wrongs([*asks, told], evidence)


def test_two_answers_under_one_key_are_found(sound: tuple[list[Ask], Evidence]) -> None:
    """A repeated question that had a second effect would pass unseen."""
    asks, evidence = sound
    again = replace(asks[1], answers=[*asks[1].answers, {"request_id": "another"}])
    assert Wrong.DOUBLED in wrongs([asks[0], again, *asks[2:]], evidence)


def test_a_question_without_an_end_is_found(sound: tuple[list[Ask], Evidence]) -> None:
    """A client that gave up would count as served."""
    asks, evidence = sound
    assert Wrong.STUCK in wrongs([*asks, replace(asks[0], key="k", path="/other", answers=[])], evidence)


def test_a_log_that_lacks_or_turns_events_is_found(sound: tuple[list[Ask], Evidence]) -> None:
    """A broker that forgets an acknowledged event, or changes the order of a key, would pass unseen."""
    asks, evidence = sound
    assert Wrong.LOST in wrongs(asks, replace(evidence, log=evidence.log[:-1]))
    turned = [replace(record, offset=-record.offset) for record in evidence.log]
    assert Wrong.ORDER in wrongs(asks, replace(evidence, log=tuple(turned)))


def test_a_second_delivery_is_no_fault(sound: tuple[list[Ask], Evidence]) -> None:
    """At-least-once delivery behind an inbox is right; a judge who objects would cry wolf at each kill."""
    asks, evidence = sound
    twice = (*evidence.log, *(replace(record, offset=10_000 + record.offset) for record in evidence.log))
    assert judge(asks, replace(evidence, log=twice)) == []
