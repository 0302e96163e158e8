"""Every named place on an event's way is one to die at, and dying there changes nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from shared.messaging.crash_points import CRASH_POINTS
from tests.faults.crash_roles import HEARING, SENDING
from tests.faults.evidence import read_log
from tests.faults.lab.laboratory import Callers, Lab
from tests.faults.lab.trials import SOUND
from tests.faults.lab.verdict import judge_publisher, judge_worker

ROOT = Path(__file__).resolve().parents[2]


def calls_of_reached() -> list[ast.expr]:
    """The argument of every `reached(...)` in the product's code."""
    files = [file for folder in ("shared", "services") for file in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "reached"]


def test_the_list_of_crash_points_is_the_one_in_the_code() -> None:
    """A point that is not in the list would never be tried; one that is not in the code proves nothing."""
    marked = {ast.literal_eval(argument) for argument in calls_of_reached()}
    assert marked == set(CRASH_POINTS)


def test_every_crash_point_is_tried() -> None:
    """A new point that no role is killed at would count as proven."""
    assert {*SENDING, *HEARING} == set(CRASH_POINTS)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_dying_at_each_point_loses_nothing_doubles_nothing_keeps_order(tmp_path: Path) -> None:
    """There would be a moment at which the end of a process loses an event or lets it happen twice."""
    lab = Lab(tmp_path / "lab")
    callers = Callers(lab, pause=0.3)
    with lab.running():
        callers.start()
        for sending, hearing in zip(SENDING, HEARING, strict=True):
            where = {"publisher": f"{sending}:2", SOUND: f"{hearing}:2"}
            assert sorted(lab.let_die(where)) == sorted(where), where
        lab.strike("broker", down=0.2)
        callers.stop()
        lab.watch(lambda: callers.at_rest and not lab.still_moving(), seconds=60)
        log = read_log(lab.bootstrap)
    assert callers.crashes == []
    assert judge_publisher(lab.ledger.asks(), lab, log, shuffled=False) == []
    assert judge_worker(lab, SOUND) == []
    assert lab.kills["publisher"] == len(SENDING)
    assert lab.kills[SOUND] == len(HEARING)
