"""A part has come up when it works, not when its process exists."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.faults.up import is_up, not_up

AGO = 60.0


def stack_with(folder: Path, *, running: bool = True) -> Any:
    """A product of which only one worker exists; it was started a minute ago."""
    part = SimpleNamespace(running=running, started_at=time.monotonic() - AGO)
    return SimpleNamespace(data=folder, parts={"intake-worker": part})


def beat(folder: Path, seconds_ago: float) -> None:
    """The worker's loop turned then."""
    file = folder / "intake-worker.alive"
    file.touch()
    os.utime(file, (time.time() - seconds_ago,) * 2)


def test_a_worker_is_up_when_its_loop_has_turned_since_it_started(tmp_path: Path) -> None:
    """A worker would be struck again before it got to work, or count as up while it still loads."""
    stack = stack_with(tmp_path)
    assert not is_up(stack, "intake-worker")
    beat(tmp_path, seconds_ago=AGO + 10)
    assert not_up(stack) == "intake-worker"
    beat(tmp_path, seconds_ago=AGO - 10)
    assert not_up(stack) == ""


def test_what_does_not_run_is_not_up(tmp_path: Path) -> None:
    """The heartbeat of a dead worker would vouch for it."""
    beat(tmp_path, seconds_ago=1)
    assert not is_up(stack_with(tmp_path, running=False), "intake-worker")
