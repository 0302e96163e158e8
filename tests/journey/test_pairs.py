"""One citizen from the first call to the result, on every other pair of broker and database.

The services are told other addresses and nothing else. Half-way broker and database are killed: what was
promised before is kept afterwards.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.demo.api import eventually
from deploy.demo.checks import invariants, settle
from deploy.run import prepare_accounts
from deploy.stack import SERVICES, Ports, Stack, answers
from shared.clock import at
from tests.journey.citizens import ONE_CITIZEN_ASKS_OFTEN, Citizen, introduced, window, wish
from tests.journey.hands import Hands
from tests.journey.test_story import (
    CASHIER,
    CORRECTION,
    DESK,
    DISPATCHER,
    DUE,
    MONDAY,
    OFFICE,
    OFFICER,
    WEDNESDAY,
    the_result_comes_home,
)

PAIRS = ("embedded-postgres", "kafka-sqlite", "kafka-postgres")

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(params=PAIRS)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The product on a pair, on the afternoon before the visits; whatever ends is started again.

    Its folder is not pytest's: another run takes away the right to enter that one, which the user of
    PostgreSQL needs.
    """
    broker, _, database = request.param.partition("-")
    if broker == "kafka":
        request.getfixturevalue("kafka_programs")
    with tempfile.TemporaryDirectory(prefix="tannha-pair-", ignore_cleanup_errors=True) as folder:
        data, often = Path(folder) / "data", ONE_CITIZEN_ASKS_OFTEN
        stack = Stack(data, Ports.free(), extra=often, broker=broker, database=database)
        stack.clock.set(at(MONDAY, "15:00"))
        with stack.running(), kept_alive(stack):
            prepare_accounts(stack)
            yield stack


@contextmanager
def kept_alive(stack: Stack) -> Iterator[None]:
    """A supervisor, as `make run` is one; at the end it stops the product.

    A part dies with the thread that started it: the supervisor's outlives them all.
    """
    over, at_rest, gone = threading.Event(), threading.Event(), threading.Event()

    def supervise() -> None:
        while not over.wait(0.2):
            stack.revive()
        at_rest.set()
        gone.wait()

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        yield
    finally:
        over.set()
        at_rest.wait()
        stack.stop()
        gone.set()
        supervisor.join()


@contextmanager
def last_words(stack: Stack) -> Iterator[None]:
    """Adds the end of each log to whatever goes wrong: the folder is gone afterwards."""
    try:
        yield
    except Exception as failure:
        for name, part in stack.parts.items():
            lines = part.log.read_text(errors="replace").splitlines()[-12:]
            failure.add_note(
                "\n".join([f"--- {name}, {part.restarts} restarts", *(line[:300] for line in lines)])
            )
        raise


def test_the_promise_holds_on_every_pair(elsewhere: Stack) -> None:
    """Beyond one office the product would run on other servers than those it was tried on."""
    with last_words(elsewhere):
        the_promise_is_kept(elsewhere)


def the_promise_is_kept(elsewhere: Stack) -> None:
    """The whole way of one dossier; broker and database die while the worker carries it."""
    product = introduced(elsewhere)
    hands = Hands(product)
    body = wish(CORRECTION, "0900000721", window(WEDNESDAY, "07:30", "09:30"))
    answer = product.post("intake", "/api/requests", body)
    citizen = Citizen(product, answer["request_id"], answer["code"], body["phone"])

    elsewhere.clock.set(at(WEDNESDAY, "06:30"))
    worker = planned(hands, citizen)
    elsewhere.clock.set(at(WEDNESDAY, "07:40"))
    visited(hands, citizen, worker)
    broker_and_database_die(elsewhere)
    citizen.sees_holder("dossier", "nhân viên bưu chính")
    citizen.hears("picked_up")
    elsewhere.clock.set(at(WEDNESDAY, "12:00"))
    dossier = brought_to_the_desk(hands, citizen, worker)
    code = hands.desk(OFFICER, dossier, "accept")["dossier_code"]
    citizen.reads(code)

    elsewhere.clock.set(at(DUE, "08:00"))
    the_result_comes_home(hands, citizen, dossier, elsewhere)
    settle(product)
    wrong = [f"{one.sentence}: {one.seen}" for one in invariants(product, elsewhere.clock()) if not one.holds]
    assert wrong == []


def planned(hands: Hands, citizen: Citizen) -> str:
    """The dispatcher plans the day; the worker of the citizen's stop."""
    hands.stop(DISPATCHER, OFFICE, WEDNESDAY, citizen.request_id)
    hands.plan(DISPATCHER, OFFICE, WEDNESDAY)
    citizen.knows_who_comes()
    return str(hands.stop(DISPATCHER, OFFICE, WEDNESDAY, citizen.request_id)["worker_id"])


def visited(hands: Hands, citizen: Citizen, worker: str) -> None:
    """The worker takes papers and fee."""
    visit = hands.visit(worker, WEDNESDAY, citizen.request_id)["visit_id"]
    hands.step(worker, visit, "start")
    papers = hands.step(worker, visit, "arrive")["papers"]
    hands.step(worker, visit, "identity", document="vneid", masked_number="678")
    counted = [{"name": name, "state": "present"} for name in papers]
    hands.step(worker, visit, "count_papers", papers=counted)
    hands.step(worker, visit, "sign", citizen="Tư", worker="An")
    hands.step(worker, visit, "seal", serial="NP-T-0003")
    hands.step(worker, visit, "collect_fee", exemption="none")


def broker_and_database_die(stack: Stack) -> None:
    """kill -9 of both at once; the pages answer again when the supervisor has started them."""
    for name in {"broker", "database"} & set(stack.parts):
        stack.parts[name].kill()
    pages = [f"{stack.ports.url(service)}/readyz" for service in SERVICES]
    eventually(lambda: all(map(answers, pages)), 60, "the pages to be ready again")


def brought_to_the_desk(hands: Hands, citizen: Citizen, worker: str) -> str:
    """From the worker over the office to the desk, which opens it; the dossier's id."""
    parcel = hands.held(worker, citizen.request_id, "dossier")
    hands.hand_over(worker, parcel, "post_office", OFFICE, CASHIER)
    hands.hand_over(DISPATCHER, parcel, "desk", DESK, OFFICER)
    citizen.sees_holder("dossier", "Bộ phận Một cửa")
    dossier = str(hands.held(OFFICER, citizen.request_id, "dossier")["dossier_id"])
    hands.desk(OFFICER, dossier, "open", intact=True)
    return dossier
