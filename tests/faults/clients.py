"""The people who go on working while parts die: callers, dispatchers, postal workers.

Each asks with an idempotency key and repeats the very same question until it is answered.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from deploy.demo import accounts
from deploy.demo.api import Product, Refused
from deploy.demo.doors import Doors
from deploy.demo.people import Citizen, citizens
from deploy.stack import Stack
from shared.clock import DemoClock
from shared.ids import new_id
from tests.faults.ledger import Ask, Ledger

OFFICES = ("office-20632", "office-20347", "office-20398", "office-20551")
"""The post offices that work during the test: enough to plan side by side on two cores."""
PLAN_SECONDS = 0.3
PAUSE_SECONDS = 0.15
PATIENCE_SECONDS = 240.0


class PatientProduct(Product):
    """The public APIs, asked again with the same key until they answer; every question is in the ledger."""

    ledger: Ledger
    repeats: int = 0

    @classmethod
    def of(cls, signed_in: Product, ledger: Ledger) -> PatientProduct:
        """A patient one for a thread of its own, with the tokens of somebody who has signed in."""
        patient = cls(signed_in.ports, signed_in._tokens)
        patient.ledger = ledger
        patient._http.timeout = httpx.Timeout(60.0)
        return patient

    def get(self, service: str, path: str, account: str | None = None, **query: Any) -> Any:
        """A GET, repeated while the service is away. Raises Refused."""
        return self._until_answered("GET", service, path, account, None, params=query)

    def post(
        self, service: str, path: str, body: dict[str, Any] | None = None, account: str | None = None
    ) -> Any:
        """A POST that is done once, however often it has to be sent. Raises Refused."""
        ask = Ask(new_id(), service, path, body or {}, account or "")
        self.ledger.asked(ask.key, service, path, ask.body, ask.account)
        return self.ask_again(ask)

    def ask_again(self, ask: Ask) -> Any:
        """A question that is in the ledger is sent (once more); the answer goes there too. Raises Refused."""
        try:
            answer = self._until_answered(
                "POST", ask.service, ask.path, ask.account or None, ask.key, json=ask.body
            )
        except Refused as refusal:
            self.ledger.refused(ask.key, refusal.problem.get("code") or str(refusal.status))
            raise
        self.ledger.acknowledged(ask.key, answer)
        return answer

    def _until_answered(
        self, method: str, service: str, path: str, account: str | None, key: str | None, **rest: Any
    ) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._ask(method, service, path, account, key, **rest)
            except Refused as refusal:
                if refusal.status < httpx.codes.INTERNAL_SERVER_ERROR or time.monotonic() > deadline:
                    raise
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
            self.repeats += 1
            time.sleep(PAUSE_SECONDS)


@dataclass
class Crowd:
    """All clients of one run; `work` begins, `stop` lets each end the question at hand."""

    stack: Stack
    ledger: Ledger
    signed_in: Product
    day: date
    seed: int
    callers: int = 2
    crashes: list[str] = field(default_factory=list)
    products: list[PatientProduct] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _to_be_moved: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Callers; one dispatcher and one cashier for all offices; one person who makes all visits."""
        for number in range(self.callers):
            self._begin(f"caller-{number}", Caller(self, number))
        self._begin("dispatcher", Dispatcher(self))
        self._begin("doors", Visitor(self))
        self._begin("cashier", Cashier(self))

    def stop(self) -> None:
        """Lets each client finish the question at hand."""
        self._stop.set()

    @property
    def at_rest(self) -> bool:
        """Whether every client has had its last answer."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def repeats(self) -> int:
        """How often a question had to be sent again."""
        return sum(product.repeats for product in self.products)

    def product(self) -> PatientProduct:
        """A client for one thread."""
        self.products.append(PatientProduct.of(self.signed_in, self.ledger))
        return self.products[-1]

    def turns(self, pause: float) -> Iterator[None]:
        """Goes on until the crowd is told to stop."""
        while not self._stop.wait(pause):
            yield

    def may_be_visited(self, request_id: str) -> bool:
        """Whether nobody is about to move this request's appointment."""
        return request_id not in self._to_be_moved

    def will_be_moved(self, request_id: str) -> None:
        """Announces that a caller goes on to change this request."""
        self._to_be_moved.add(request_id)

    def _begin(self, name: str, person: Caller | Dispatcher | Visitor | Cashier) -> None:
        def run() -> None:
            try:
                person.work()
            except Exception as error:  # noqa: BLE001 - a thread must tell the test why it ended
                self.crashes.append(f"{name}: {type(error).__name__} {error}")

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)


@dataclass
class Caller:
    """Takes requests by phone; every third one is moved to another window soon after."""

    crowd: Crowd
    number: int

    def work(self) -> None:
        """One request after the other."""
        product = self.crowd.product()
        windows = product.get("intake", "/api/windows", days=3)
        today = [w for w in windows if w["start"][:10] == windows[0]["start"][:10]]
        people = local_people(self.crowd.day, 900_000 + self.number * 10_000)
        for turn, (_, citizen) in enumerate(zip(self.crowd.turns(0.1), people, strict=False)):
            answer = self._request(product, citizen, today[turn % len(today)])
            answer = answer or self._request(product, citizen, windows[turn % len(windows)])
            if answer is None:
                continue
            if turn % 3 == 2:
                self._change_mind(product, answer, today[(turn + 1) % len(today)])
            if turn % 5 == 4:
                product.ask_again(self._last_ask(answer))

    def _request(
        self, product: PatientProduct, citizen: Citizen, window: dict[str, str]
    ) -> dict[str, Any] | None:
        """The answer; None when the product refused, for instance because the window is full."""
        try:
            answer = product.post(
                "intake", "/api/operator/requests", wish(citizen, window), accounts.OPERATOR
            )
        except Refused:
            return None
        return dict(answer)

    def _change_mind(self, product: PatientProduct, answer: dict[str, Any], window: dict[str, str]) -> None:
        path = f"/api/operator/requests/{answer['request_id']}/reschedule"
        self.crowd.will_be_moved(answer["request_id"])
        body = {"appointment_id": answer["appointment_id"], "window": window, "reason": "Bận việc nhà"}
        # The worker may have set off already, as in life: then the ledger has the refusal.
        with contextlib.suppress(Refused):
            product.post("intake", path, body, accounts.OPERATOR)

    def _last_ask(self, answer: dict[str, Any]) -> Ask:
        """The double click goes out with the same key as the first."""
        return next(
            ask for ask in reversed(self.crowd.ledger.asks()) if ask.acknowledged and ask.answer == answer
        )


@dataclass
class Dispatcher:
    """Plans the offices in turn. A refusal (the day changed meanwhile) is an answer too."""

    crowd: Crowd

    def work(self) -> None:
        """One plan after the other."""
        product = self.crowd.product()
        for turn, _ in enumerate(self.crowd.turns(1.0)):
            plan_office(product, OFFICES[turn % len(OFFICES)], self.crowd.day)


@dataclass
class Visitor:
    """Makes the visits of all workers, as their plan and the doors allow."""

    crowd: Crowd

    def work(self) -> None:
        """One visit after the other."""
        product, clock = self.crowd.product(), DemoClock(self.crowd.stack.clock.file)
        doors = Doors(product, clock, random.Random(self.crowd.seed), failing=15, incomplete=5)
        workers = local_workers()
        for turn, _ in enumerate(self.crowd.turns(0.3)):
            self._next_visit(product, doors, workers[turn % len(workers)])

    def _next_visit(self, product: PatientProduct, doors: Doors, worker: str) -> None:
        visits = product.get("postal_bridge", "/api/worker/visits", worker, day=self.crowd.day.isoformat())
        for visit in visits["visits"]:
            if visit["state"] == "planned" and self.crowd.may_be_visited(visit["request_id"]):
                # Planned for somebody else meanwhile: the ledger has the refusal.
                with contextlib.suppress(Refused):
                    doors.visit(worker, visit)
                return


@dataclass
class Cashier:
    """Counts what workers bring in the middle of the day: all of it, or, every third time, the half."""

    crowd: Crowd

    def work(self) -> None:
        """One worker after the other, while new money comes in at the doors."""
        product = self.crowd.product()
        for turn, _ in enumerate(self.crowd.turns(1.0)):
            self._count(product, OFFICES[turn % len(OFFICES)], share=2 if turn % 3 == 2 else 1)

    def _count(self, product: PatientProduct, office: str, share: int) -> None:
        cashier, day = accounts.cashier(office), self.crowd.day.isoformat()
        for book in product.get("postal_bridge", "/api/cashbooks", cashier, day=day)["cashbooks"]:
            counted = {ledger: book["in_hand"][ledger] // share for ledger in ("fee", "fare")}
            if any(counted.values()):
                path = f"/api/cashbooks/{book['worker_id']}/{day}/deposit"
                product.post("postal_bridge", path, counted | {"explanation": "Nộp giữa ca"}, cashier)


def local_people(day: date, first_number: int) -> Iterator[Citizen]:
    """Invented citizens who live where the working offices go."""
    covered = {
        unit for office in accounts.offices() if office["id"] in OFFICES for unit in office["coverage"]
    }
    everybody = citizens(day, 5_000, first_number)
    return (citizen for citizen in everybody if citizen.unit_id in covered)


def local_workers() -> list[str]:
    """The accounts of the postal workers of the working offices."""
    return [worker["id"] for worker in accounts.workers() if worker["office_id"] in OFFICES]


def wish(citizen: Citizen, window: dict[str, str]) -> dict[str, Any]:
    """What the operator types; the note carries a mark that exists once, to find the request by."""
    return {
        "procedure_code": citizen.procedure,
        "applicant_name": citizen.name,
        "phone": citizen.phone,
        "address": citizen.address,
        "unit_id": citizen.unit_id,
        "lat": citizen.lat,
        "lon": citizen.lon,
        "window": window,
        "consent": True,
        "note": f"dấu {new_id()}",
    }


def plan_office(product: Product, office_id: str, day: date) -> bool:
    """Plans a day of an office; False when the product had a reason not to."""
    path = f"/api/offices/{office_id}/plans/{day.isoformat()}"
    try:
        product.post("routing", path, {"seconds": PLAN_SECONDS}, accounts.dispatcher(office_id))
    except Refused:
        return False
    return True
