"""Parts of the real product are killed with SIGKILL while people work; then their ledger is compared.

`TANNHA_FAULT_SEED` gives another run: other citizens, other victims, other moments. On a finding the data
folder is named, so that it can be looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from deploy.demo import accounts
from deploy.demo.api import Product, eventually
from deploy.run import open_the_office
from deploy.stack import Ports, Stack
from shared.clock import local_date
from tests.faults.clients import OFFICES, Crowd, local_workers, plan_office
from tests.faults.evidence import Evidence, read_log
from tests.faults.judge import SUBMIT, Finding, Wrong, judge, repeated_in_log, still_moving
from tests.faults.ledger import Ledger
from tests.faults.nemesis import VICTIMS, Nemesis, schedule

SEED = int(os.environ.get("TANNHA_FAULT_SEED", "9"))
FAULT_SECONDS = 32.0
WARM_UP_SECONDS = 60.0
DRAIN_SECONDS = 60.0
"""Patience, for machines that do other things too; on two quiet cores it takes less than half of it."""

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.slow, pytest.mark.timeout(240)]


def test_kill9_loses_nothing_doubles_nothing_keeps_order(tmp_path: Path) -> None:
    """A broken link on the way from the HTTP answer to the other services' databases would be a finding."""
    stack = Stack(tmp_path / "data", Ports.free())
    open_the_office(stack.clock)
    ledger = Ledger(tmp_path / "ledger.jsonl")
    with stack.running():
        signed_in = sign_everybody_in(stack)
        today = local_date(stack.clock())
        crowd = Crowd(stack, ledger, signed_in, today, SEED)
        nemesis = Nemesis(stack, schedule(SEED, FAULT_SECONDS))
        crowd.work()
        nemesis.watch(lambda: at_the_doors(ledger) or bool(crowd.crashes), WARM_UP_SECONDS)
        nemesis.note("work is under way")
        nemesis.run()
        nemesis.note("the faults are over")
        drained = drain(nemesis, crowd)
        nemesis.note("quiet")
        plan_once_more(signed_in, today)
        drained_again = drain(nemesis, crowd)
        nemesis.note("quiet again")
        evidence = Evidence(stack.data, read_log(f"127.0.0.1:{stack.ports.broker}"))
    findings = judge(ledger.asks(), evidence)
    print(report(nemesis, crowd, evidence, findings, drained + drained_again))  # noqa: T201 - the table is the result
    assert crowd.crashes == []
    assert findings == [], f"seed {SEED}, data in {tmp_path}"
    assert nemesis.kills.total() >= 15
    assert set(nemesis.kills) == set(VICTIMS)
    requests = [ask for ask in ledger.asks() if ask.path == SUBMIT and ask.acknowledged]
    assert len(requests) >= 30, "too little happened to prove anything"


def sign_everybody_in(stack: Stack) -> Product:
    """The accounts that work here, each signed in before the faults begin; reference data has arrived."""
    wanted = {accounts.OPERATOR, *map(accounts.dispatcher, OFFICES), *local_workers()}
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
    for worker in local_workers():
        product.get("postal_bridge", "/api/worker/visits", worker)
    evidence = Evidence(stack.data, ())
    eventually(lambda: not still_moving(evidence), what="the reference data to arrive")
    return product


def at_the_doors(ledger: Ledger) -> bool:
    """Whether requests have become plans and plans visits: everything is at work that can be hit."""
    return any("/steps/" in ask.path and ask.acknowledged for ask in ledger.asks())


def drain(nemesis: Nemesis, crowd: Crowd) -> float:
    """The clients get their last answers and every event its effect; returns the seconds that took.

    Events that are stuck are left to the judge, who names them.
    """
    evidence = Evidence(nemesis.stack.data, ())
    crowd.stop()
    try:
        return nemesis.watch(lambda: crowd.at_rest and not still_moving(evidence), DRAIN_SECONDS)
    except TimeoutError:
        return DRAIN_SECONDS


def plan_once_more(product: Product, day: date) -> None:
    """A plan made in peace, so that what crossed on the way during the faults is said again."""
    for office in OFFICES:
        eventually(lambda office=office: plan_office(product, office, day), what=f"a plan of {office}")  # type: ignore[misc]


def report(
    nemesis: Nemesis, crowd: Crowd, evidence: Evidence, findings: list[Finding], drained: float
) -> str:
    """The small table that a person reads."""
    asks = crowd.ledger.asks()
    requests = [ask for ask in asks if ask.path == SUBMIT]
    wrong = Counter(finding.wrong for finding in findings)
    refusals = Counter(ask.refusal for ask in asks if ask.refusal)
    lines = [f"\nkill -9, seed {SEED}", f"  {'part':<22} kills  ended by itself"]
    lines += [f"  {part:<22} {nemesis.kills[part]:>5}  {nemesis.own_deaths[part] or ''}" for part in VICTIMS]
    figures = {
        "kills": nemesis.kills.total(),
        "questions": len(asks),
        "sent again": crowd.repeats,
        "refused": f"{refusals.total()} {dict(refusals) or ''}",
        "requests": len(requests),
        "acknowledged": sum(ask.acknowledged for ask in requests),
        "door steps": sum("/steps/" in ask.path and ask.acknowledged for ask in asks),
        "events in the log": len(evidence.log),
        "of these repeated": repeated_in_log(evidence.log),
        **{wrong_.value: wrong[wrong_] for wrong_ in Wrong},
        "drained in": f"{drained:.1f} s",
    }
    lines += [f"  {name:<22} {value}" for name, value in figures.items()]
    lines += [f"  ! {finding.wrong}: {finding.what}" for finding in findings[:40]]
    lines += [f"  {line}" for line in nemesis.timeline]
    return "\n".join(lines)
