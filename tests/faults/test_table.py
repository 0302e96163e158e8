"""What `make faults` tells about the seeded bugs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.faults import __main__ as table
from tests.faults.findings import Finding, Wrong
from tests.faults.lab.trials import Trial, Verdict

TRIAL = Trial("publisher", culprits={"publisher": "dual-write"}, altered={}, blows=())
LOST = Finding(Wrong.LOST, "an event")


def verdict(*, caught: bool, innocent: int) -> Verdict:
    """One run: whether the bug was caught, and how many findings fell on sound code."""
    return Verdict(cast(Any, None), {"dual-write": [LOST] * caught}, [LOST] * innocent)


@pytest.mark.parametrize(
    ("first", "second", "accused"),
    [(0, 0, 0), (2, 0, 2), (0, 1, 1), (2, 1, 3)],
)
def test_an_accusation_of_sound_code_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: int, second: int, accused: int
) -> None:
    """A judge that accuses innocents in one run would be acquitted by the next one."""
    verdicts = iter([verdict(caught=False, innocent=first), verdict(caught=True, innocent=second)])
    monkeypatch.setattr(table, "try_once", lambda *_: next(verdicts))
    (row,) = table._try(TRIAL, tmp_path, seed=1)
    assert row == {
        "bug": "dual-write",
        "caught_in_run": 2,
        "found_as": "lost",
        "sound_code_accused": accused,
    }
