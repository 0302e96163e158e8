"""The schedule of kills: everybody is struck, also while it starts, and everybody comes up in between."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import nemesis
from tests.faults.nemesis import HASTY_EVERY, VICTIMS, Nemesis, Strike, schedule


@pytest.mark.parametrize("seed", range(5))
def test_every_third_strike_hits_whoever_is_just_starting(seed: int) -> None:
    """No process would ever be killed in its start or its recovery, or one would never get out of it."""
    strikes = schedule(seed, seconds=35.2)
    assert len(strikes) == 2 * len(VICTIMS) + 2
    assert {strike.part for strike in strikes} == set(VICTIMS)
    assert [strike.hasty for strike in strikes] == [
        place % HASTY_EVERY == HASTY_EVERY - 1 for place in range(len(strikes))
    ]
    for before, strike in pairwise(strikes):
        if strike.hasty:
            assert (strike.part, before.hasty) == (before.part, False)
            assert strike.at - before.at < 2 * 2.2


def test_a_seed_is_a_schedule() -> None:
    """A run that found something could not be repeated."""
    assert schedule(9, 35.0) == schedule(9, 35.0) != schedule(10, 35.0)


class Starting:
    """A part that is up at the third look after each start."""

    def __init__(self, name: str) -> None:
        self.name, self.running, self.started_at, self.looks = name, True, 0.0, 0
        self.looks_at_death: list[int] = []

    def start(self) -> None:
        """Begins its way up."""
        self.running, self.looks = True, 0

    def kill(self) -> None:
        """Ends, and remembers how far it had come."""
        self.looks_at_death.append(self.looks)
        self.running = False

    def look(self) -> bool:
        """Whether it is up by now."""
        self.looks += 1
        return self.looks >= 3


def test_only_hasty_strikes_hit_a_part_that_is_not_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would ever come up, or nothing would be struck on its way up."""
    part = Starting("broker")
    stack: Any = SimpleNamespace(parts={"broker": part}, data=Path())
    monkeypatch.setattr(nemesis, "is_up", lambda _stack, name: stack.parts[name].look())
    strikes = [Strike(0.0, "broker", 0.0, hasty) for hasty in (False, True, False)]
    ours = Nemesis(stack, strikes)
    ours.run()
    patient, hasty, again = part.looks_at_death
    assert (patient, again) == (3, 3)
    assert hasty < 3
    assert (ours.kills.total(), ours.kills_in_start) == (3, 1)
