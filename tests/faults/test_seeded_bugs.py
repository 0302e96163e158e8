"""The harness has to catch every bug that was put in on purpose, and to acquit the sound code beside it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults import sabotage
from tests.faults.bugs.seams import replace
from tests.faults.lab.trials import RUNS, TRIALS, Trial, try_once

lasting = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize("trial", [pytest.param(t, id=t.name, marks=lasting) for t in TRIALS])
def test_every_bug_is_caught_and_the_sound_code_is_acquitted(trial: Trial, tmp_path: Path) -> None:
    """A fault test that cannot see this bug would let it into the product."""
    at_large = set(trial.culprits.values())
    for seed in range(1, RUNS + 1):
        verdict = try_once(trial, tmp_path / str(seed), seed)
        assert verdict.innocent == [], verdict.outcome.timeline
        at_large -= {bug for bug, findings in verdict.caught.items() if findings}
        if not at_large:
            return
    assert at_large == set(), f"not caught in {RUNS} runs"


def test_every_bug_stands_trial() -> None:
    """A bug without a trial would be one that nobody has shown to be caught."""
    assert {bug for trial in TRIALS for bug in trial.culprits.values()} == set(sabotage.BUGS)


def test_a_seam_that_is_gone_is_an_error() -> None:
    """A bug that is silently not there would be taken for one that the harness cannot catch."""
    with pytest.raises(AttributeError):
        replace(SimpleNamespace(), "seam", by=None)
