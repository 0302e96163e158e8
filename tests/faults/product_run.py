"""One run of the real product under one kind of fault: people work, parts suffer, the ledger is compared."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx

from deploy.demo import accounts
from deploy.demo.api import Product, Refused, eventually
from deploy.run import OPENING
from deploy.stack import SERVICES, Broker, Database, Ports, Stack
from services.intake.adapters.reference_files import load_calendar
from shared.clock import DemoClock, at, local_date, system_clock
from shared.vietnamese.calendar import Scope
from tests.faults.clients import OFFICES, Crowd, local_workers, plan_office
from tests.faults.evidence import Evidence, read_log
from tests.faults.findings import Finding, Wrong
from tests.faults.judge import SUBMIT, judge, repeated_in_log
from tests.faults.ledger import Ledger
from tests.faults.nemesis import Nemesis
from tests.faults.quiet import Drained, drain, still_moving

WARM_UP_SECONDS = 60.0
SHORTER_SECONDS = 90.0
"""On Apache Kafka and on PostgreSQL."""


@dataclass(frozen=True)
class Bases:
    """What the product stands on."""

    broker: Broker = "embedded"
    database: Database = "sqlite"


@dataclass(frozen=True)
class Scene:
    """What a fault may lay its hands on, while people work."""

    stack: Stack
    nemesis: Nemesis
    crowd: Crowd
    dice: random.Random
    seconds: float
    events: int

    def published(self) -> int:
        """How many events the three services have published so far."""
        evidence = Evidence(self.stack.database_url)
        rows = [evidence.rows(service, "SELECT count(*) AS n FROM outbox") for service in SERVICES]
        return sum(int(row["n"]) for (row,) in rows)


@dataclass(frozen=True)
class Scenario:
    """One kind of fault. `act` does it; the rest says how the product is started for it.

    `altered`: noise of `tests.faults.sabotage` by part; `skew`: hours by which a service's clock is wrong;
    `twins`: a second worker process of each service; `seconds`: how long the faults last in a long run, and
    longer until so many `events` were published; `sqlite_only`: what PostgreSQL has no setting for.
    """

    name: str
    act: Callable[[Scene], None]
    seconds: float = 30.0
    events: int = 0
    altered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skew: Mapping[str, float] = field(default_factory=dict)
    twins: bool = False
    shuffled: bool = False
    callers: int = 2
    sqlite_only: bool = False

    def lasts(self, bases: Bases) -> float:
        """How many seconds: shorter where starting again takes longer."""
        return self.seconds if bases == Bases() else min(self.seconds, SHORTER_SECONDS)

    def fits(self, bases: Bases) -> bool:
        """Whether this fault can happen there."""
        return bases.database == "sqlite" or not self.sqlite_only


@dataclass
class Result:
    """What a run showed; `table_row` and `report` are for people, `as_dict` for programs."""

    fault: str
    seed: int
    kills: Counter[str]
    kills_in_start: int
    own_deaths: Counter[str]
    events: int
    repeated: int
    questions: int
    sent_again: int
    refused: Counter[str]
    requests: int
    drained: Drained
    findings: list[Finding]
    crashes: list[str]
    timeline: list[str]
    folder: Path

    @property
    def counts(self) -> Counter[Wrong]:
        """How many findings of each kind."""
        return Counter(finding.wrong for finding in self.findings)

    def is_clean(self, drain_limit: float, quiet_limit: float) -> bool:
        """Whether every promise was kept, and in time: see `Drained.within`."""
        return not self.findings and not self.crashes and self.drained.within(drain_limit, quiet_limit)

    def as_dict(self) -> dict[str, object]:
        """The figures, ready for JSON."""
        return {
            "fault": self.fault,
            "seed": self.seed,
            "kills": self.kills.total(),
            "kills_in_start": self.kills_in_start,
            "events": self.events,
            "repeated_in_log": self.repeated,
            "questions": self.questions,
            "sent_again": self.sent_again,
            "refused": dict(self.refused),
            "requests": self.requests,
            **{wrong.value: self.counts[wrong] for wrong in Wrong},
            "up_seconds": round(self.drained.up, 1),
            "drain_seconds": round(self.drained.left, 1),
            "quiet_seconds": round(self.drained.both, 1),
            "crashes": self.crashes,
        }

    def report(self, *, kills: bool = True) -> str:
        """Everything that a person wants to see after a run; `kills`: with a line for each of them."""
        lines = [f"\n{self.fault}, seed {self.seed}"]
        lines += [f"  {name:<20} {value}" for name, value in self.as_dict().items() if name != "fault"]
        lines += [f"  killed {part:<20} {count:>4}" for part, count in sorted(self.kills.items())]
        lines += [f"  ended by itself {part} {count}" for part, count in sorted(self.own_deaths.items())]
        lines += [f"  ! {finding.wrong}: {finding.what}" for finding in self.findings[:40]]
        lines += [f"  ! {crash}" for crash in self.crashes]
        lines += [f"  {line}" for line in self.timeline if kills or " killed " not in line]
        return "\n".join(lines)


def run(scenario: Scenario, folder: Path, seed: int, seconds: float, bases: Bases = Bases()) -> Result:
    """The product from its start to the verdict. Raises StartFailed; stops everything in any case."""
    stack = prepared_stack(scenario, folder / "data", bases)
    ledger = Ledger(folder / "ledger.jsonl")
    evidence = Evidence(stack.database_url)
    with stack.running():
        signed_in = sign_everybody_in(stack)
        today = local_date(stack.clock())
        crowd = Crowd(stack, ledger, signed_in, today, seed, scenario.callers)
        nemesis = Nemesis(stack, [])
        crowd.work()
        nemesis.watch(lambda: at_the_doors(ledger) or bool(crowd.crashes), WARM_UP_SECONDS)
        nemesis.note("work is under way")
        events = round(scenario.events * min(1.0, seconds / scenario.seconds))
        scenario.act(Scene(stack, nemesis, crowd, random.Random(seed), seconds, events))
        nemesis.note("the faults are over")
        drained = drain(nemesis, crowd)
        nemesis.note("quiet")
        try:
            plan_once_more(signed_in, today)
        except (Refused, TimeoutError, httpx.HTTPError) as error:
            crowd.crashes.append(f"no plan could be made in peace: {type(error).__name__} {error}")
        drain(nemesis, crowd)
        nemesis.note("quiet again")
        evidence = Evidence(stack.database_url, read_log(stack.bootstrap))
        findings = judge(ledger.asks(), evidence, shuffled=scenario.shuffled)
    return _result(scenario, seed, nemesis, crowd, evidence, findings, drained, folder)


def _result(
    scenario: Scenario,
    seed: int,
    nemesis: Nemesis,
    crowd: Crowd,
    evidence: Evidence,
    findings: list[Finding],
    drained: Drained,
    folder: Path,
) -> Result:
    asks = crowd.ledger.asks()
    repeated = repeated_in_log(evidence.log)
    return Result(
        fault=scenario.name,
        seed=seed,
        kills=nemesis.kills,
        kills_in_start=nemesis.kills_in_start,
        own_deaths=nemesis.own_deaths,
        events=len(evidence.log) - repeated,
        repeated=repeated,
        questions=len(asks),
        sent_again=crowd.repeats,
        refused=Counter(ask.refusal for ask in asks if ask.refusal),
        requests=sum(ask.path == SUBMIT and ask.acknowledged for ask in asks),
        drained=drained,
        findings=findings,
        crashes=crowd.crashes,
        timeline=nemesis.timeline,
        folder=folder,
    )


def prepared_stack(scenario: Scenario, data: Path, bases: Bases) -> Stack:
    """The product as a scenario wants it, not started."""
    morning = next_working_morning()
    extra = {}
    for service, hours in scenario.skew.items():
        wrong = DemoClock(data.resolve() / f"clock-of-{service}")
        wrong.set(morning + timedelta(hours=hours))
        extra[f"TANNHA_{service.upper()}_DEMO_CLOCK"] = str(wrong.file)
    stack = Stack(data, Ports.free(), extra=extra, broker=bases.broker, database=bases.database)
    stack.clock.set(morning)
    if scenario.twins:
        for service in SERVICES:
            worker = stack.parts[f"{service}-worker"]
            name = twin_of(service)
            stack.parts[name] = replace(worker, name=name, log=worker.log.with_name(f"{name}.log"))
    for name, alterations in scenario.altered.items():
        python, dash_m, *entry = stack.parts[name].command
        wrapped = [python, dash_m, "tests.faults.sabotage", ",".join(alterations), *entry]
        stack.parts[name].command = wrapped
    return stack


def next_working_morning() -> datetime:
    """When the post offices open on the next working day: a run must not depend on the hour of the test."""
    tomorrow = local_date(system_clock()) + timedelta(days=1)
    return at(load_calendar().first_working_day(tomorrow, Scope.POST), OPENING)


def twin_of(service: str) -> str:
    """The name of a service's second worker process."""
    return f"{service}-worker-2"


def sign_everybody_in(stack: Stack) -> Product:
    """The accounts that work here, each signed in before the faults begin; reference data has arrived."""
    office_people = (role(office) for office in OFFICES for role in (accounts.dispatcher, accounts.cashier))
    wanted = {accounts.OPERATOR, *office_people, *local_workers()}
    chosen = [account for account in accounts.demo_accounts() if account["account"] in wanted]
    file = stack.data / "accounts.json"
    file.write_text(json.dumps(chosen, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "services.intake.entrypoints.cli", "accounts", "import", str(file)]
    environment = {**os.environ, **stack.parts["intake-api"].environment}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    product = Product(stack.ports)
    product.get("intake", "/api/operator/requests", accounts.OPERATOR)
    for office in OFFICES:
        day = local_date(stack.clock()).isoformat()
        product.get("routing", f"/api/offices/{office}/stops", accounts.dispatcher(office), day=day)
        product.get("postal_bridge", "/api/cashbooks", accounts.cashier(office), day=day)
    for worker in local_workers():
        product.get("postal_bridge", "/api/worker/visits", worker)
    evidence = Evidence(stack.database_url)
    eventually(lambda: not still_moving(evidence), what="the reference data to arrive")
    return product


def at_the_doors(ledger: Ledger) -> bool:
    """Whether requests have become plans and plans visits: everything is at work that can be hit."""
    return any("/steps/" in ask.path and ask.acknowledged for ask in ledger.asks())


def plan_once_more(product: Product, day: date) -> None:
    """A plan made in peace, so that what crossed on the way during the faults is said again."""
    for office in OFFICES:
        eventually(lambda office=office: plan_office(product, office, day), what=f"a plan of {office}")  # type: ignore[misc]
