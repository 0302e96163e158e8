"""A backup taken while people work, restored elsewhere after everything was killed, held to their ledger.

What was acknowledged before the backup began has to be there, once and in order. Who had no answer yet asks
again with the same key, as every client does. What was asked after the photograph is lost: that is the price,
stated in docs/runbooks/restore.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deploy.backup.manifest import Manifest
from deploy.backup.photograph import take_backup
from deploy.backup.places import Places
from deploy.backup.restore import restore
from deploy.demo.api import Product, Refused
from deploy.stack import Ports, Stack
from shared.clock import local_date
from tests.faults.clients import Crowd, PatientProduct
from tests.faults.evidence import Evidence, read_log
from tests.faults.judge import SUBMIT, judge
from tests.faults.ledger import Ask, Ledger
from tests.faults.nemesis import Nemesis
from tests.faults.product_run import at_the_doors, next_working_morning, plan_once_more, sign_everybody_in
from tests.faults.quiet import drain
from tests.faults.torn import torn

SEED = 11
WARM_UP_SECONDS = 150.0
"""Patience for a machine that does other things too; on two quiet cores each wait is over in seconds."""
ENOUGH = 40
EXTRA_BACKUPS = 1
MORE_REQUESTS = 5

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.long, pytest.mark.timeout(900)]


def test_a_restored_backup_has_lost_nothing_that_was_promised_before_it(tmp_path: Path) -> None:
    """On the worst day the office would work on with half-told stories, and nobody would see it."""
    first = Stack(tmp_path / "data", Ports.free())
    # Late in the day nobody can be visited any more; what this proves must not depend on the hour.
    first.clock.set(next_working_morning())
    before, after, backup, manifest = photograph_under_load(first, tmp_path)
    for made in (backup, *tmp_path.glob("extra-*")):
        assert torn(made, tmp_path / "scratch" / made.name) == []
    second = Stack(tmp_path / "new" / "data", Ports.free())
    restore(backup, Places.of_stack(second))
    second.clock.set(first.clock())
    the_world_outside_goes_on(first.data, second.data)
    ledger = Ledger(tmp_path / "ledger-after.jsonl")
    with second.running():
        signed_in = sign_everybody_in(second)
        day = local_date(second.clock())
        tell_again(ledger, before, after, signed_in)
        crowd = Crowd(second, ledger, signed_in, day, SEED + 1)
        nemesis = Nemesis(second, [])
        with working(crowd, nemesis):
            asked = len(submitted(ledger))
            nemesis.watch(lambda: len(submitted(ledger)) >= asked + MORE_REQUESTS, WARM_UP_SECONDS)
        drain(nemesis, crowd)
        plan_once_more(signed_in, day)
        drain(nemesis, crowd)
        evidence = Evidence(second.database_url, read_log(second.bootstrap))
    assert crowd.crashes == []
    assert judge(ledger.asks(), evidence) == [], f"data in {tmp_path}"
    assert sum(ask.acknowledged for ask in before) >= ENOUGH // 2, "too little happened to prove anything"
    assert len(before) < len(after) or manifest.to_come, "nothing happened while the backup was taken"


def the_world_outside_goes_on(old: Path, new: Path) -> None:
    """Zalo is not ours to restore: it remembers tokens and messages whatever happened to us."""
    for file in old.glob("fake-zalo.db*"):
        shutil.copy(file, new / file.name)


def photograph_under_load(stack: Stack, folder: Path) -> tuple[list[Ask], list[Ask], Path, Manifest]:
    """The ledger as it was before and after the backup, and the backup. At the end everything is killed."""
    ledger = Ledger(folder / "ledger.jsonl")
    backup = folder / "backup"
    with stack.running():
        crowd = Crowd(stack, ledger, sign_everybody_in(stack), local_date(stack.clock()), SEED)
        nemesis = Nemesis(stack, [])
        with working(crowd, nemesis):
            nemesis.watch(lambda: at_the_doors(ledger) or bool(crowd.crashes), WARM_UP_SECONDS)
            for number in range(EXTRA_BACKUPS):
                nemesis.watch(lambda n=number: len(ledger.asks()) >= ENOUGH + 5 * n, WARM_UP_SECONDS)  # type: ignore[misc]
                take_backup(*Places.of_stack(stack).sources(), folder / f"extra-{number}")
            before = ledger.asks()
            manifest = take_backup(*Places.of_stack(stack).sources(), backup)
            after = ledger.asks()
            asked = len(submitted(ledger))
            nemesis.watch(lambda: len(submitted(ledger)) >= asked + MORE_REQUESTS, WARM_UP_SECONDS)
        assert crowd.crashes == []
        nemesis.watch(lambda: crowd.at_rest, WARM_UP_SECONDS)
        for part in stack.parts.values():
            part.kill()
    return before, after, backup, manifest


@contextmanager
def working(crowd: Crowd, nemesis: Nemesis) -> Iterator[None]:
    """People at work for the length of the block."""
    crowd.work()
    try:
        yield
    finally:
        crowd.stop()
        nemesis.note("the people go home")


def submitted(ledger: Ledger) -> list[Ask]:
    """The requests that somebody has in writing."""
    return [ask for ask in ledger.asks() if ask.path == SUBMIT and ask.acknowledged]


def tell_again(ledger: Ledger, before: list[Ask], after: list[Ask], signed_in: Product) -> None:
    """A ledger for the restored product: what was promised stands, who had no answer asks again."""
    ended = {ask.key: ask for ask in before if ask.acknowledged or ask.refusal}
    product = PatientProduct.of(signed_in, ledger)
    for ask in after:
        ledger.asked(ask.key, ask.service, ask.path, ask.body, ask.account)
        if (known := ended.get(ask.key)) is None:
            ask_once_more(product, ask)
        elif known.refusal:
            ledger.refused(ask.key, known.refusal)
        else:
            ledger.acknowledged(ask.key, known.answer)


def ask_once_more(product: PatientProduct, ask: Ask) -> None:
    """The very same question; a refusal is an answer too."""
    with suppress(Refused):
        product.ask_again(ask)
