"""What `make faults` promises to try, it tries; and its figures can be read by programs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from deploy.stack import SERVICES
from tests.faults.__main__ import main
from tests.faults.findings import Finding, Wrong
from tests.faults.nemesis import VICTIMS
from tests.faults.product_run import Bases, Result, prepared_stack, twin_of
from tests.faults.quiet import Drained
from tests.faults.scenarios import SCENARIOS, SECONDS_PER_KILL, kills


def result(tmp_path: Path, *findings: Finding, up: float = 1.0, drain: float = 1.0) -> Result:
    """A run of which only the verdict matters."""
    return Result(
        fault="kill-9",
        seed=1,
        kills=Counter({"broker": 2}),
        kills_in_start=1,
        own_deaths=Counter(),
        events=10,
        repeated=1,
        questions=5,
        sent_again=0,
        refused=Counter(),
        requests=3,
        drained=Drained(up, drain),
        findings=list(findings),
        crashes=[],
        timeline=[],
        folder=tmp_path,
    )


def test_a_finding_and_a_late_end_are_no_success(tmp_path: Path) -> None:
    """`make faults` would answer 0 although a promise was broken."""
    assert result(tmp_path, up=12, drain=8).is_clean(drain_limit=10, quiet_limit=20)
    assert not result(tmp_path, Finding(Wrong.LOST, "a request")).is_clean(drain_limit=10, quiet_limit=20)
    assert not result(tmp_path, up=20).is_clean(drain_limit=10, quiet_limit=20)
    assert not result(tmp_path, drain=11).is_clean(drain_limit=10, quiet_limit=20)
    assert not result(tmp_path, up=12, drain=9).is_clean(drain_limit=10, quiet_limit=20)


def test_the_figures_are_json(tmp_path: Path) -> None:
    """A program that watches the guarantees could not read what a run found."""
    figures = json.loads(json.dumps(result(tmp_path, Finding(Wrong.ORDER, "a window")).as_dict()))
    assert (figures["kills"], figures["order"], figures["lost"]) == (2, 1, 0)


def test_the_long_run_kills_often_enough() -> None:
    """The proof by two hundred kills would quietly become one by fewer."""
    strikes = kills(9, SCENARIOS["kill-9"].lasts(Bases()), SECONDS_PER_KILL["embedded"])
    assert len(strikes) >= 200
    assert {strike.part for strike in strikes} == set(VICTIMS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_finds_the_parts_it_needs(name: str, tmp_path: Path) -> None:
    """A fault that names a part which does not exist would be no fault."""
    scenario = SCENARIOS[name]
    stack = prepared_stack(scenario, tmp_path / "data", Bases())
    assert scenario.altered.keys() <= stack.parts.keys()
    for altered in scenario.altered:
        assert "tests.faults.sabotage" in stack.parts[altered].command
    assert {twin_of(service) in stack.parts for service in SERVICES} == {scenario.twins}
    for service in scenario.skew:
        clock = stack.parts[f"{service}-api"].environment[f"TANNHA_{service.upper()}_DEMO_CLOCK"]
        assert clock != str(stack.clock.file)


def test_an_unknown_fault_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped name would run nothing and look like success."""
    monkeypatch.setattr("sys.argv", ["faults", "--only", "kil-9"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
