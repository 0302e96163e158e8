"""Processes of the lab, forked from one that has everything imported: killed and started again in no time.

What runs is the module that `python -m` would run, with the same arguments, in a process of its own.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.faults import sabotage

CRASH_VARIABLE = "TANNHA_CRASH_AT"
IMPORTED = [
    "shared.broker.cli",
    "shared.messaging.commands",
    "shared.messaging.relay",
    "shared.messaging.worker",
    "tests.faults.lab.storm",
    # Faust imports these only when they are needed.
    *(f"faust.{part}" for part in ("agents", "app", "tables", "stores.memory", "worker")),
    "faust.transport.drivers.aiokafka",
    "faust.web.drivers.aiohttp",
]
_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(IMPORTED)


@dataclass
class ForkedPart:
    """One process: what it runs, and the present one. `altered` names sabotage or noise put into it."""

    name: str
    module: str
    arguments: Sequence[str]
    log: Path
    altered: Sequence[str] = ()
    process: BaseProcess | None = None

    def start(self, crash_at: str = "") -> None:
        """Starts the process; with `crash_at` it kills itself at that crash point."""
        given = (self.module, self.arguments, self.log, self.altered, crash_at)
        self.process = _nursery.Process(target=_run, args=given, daemon=True)
        self.process.start()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.is_alive()

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return self.process is not None and self.process.exitcode == -signal.SIGKILL

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when it was never started."""
        if self.process is None or self.process.pid is None:
            raise RuntimeError(f"{self.name} does not run")
        return self.process.pid

    def kill(self) -> None:
        """kill -9 and wait for the end."""
        if self.process is not None:
            self.process.kill()
            self.process.join()


def _run(module: str, arguments: Sequence[str], log: Path, altered: Sequence[str], crash_at: str) -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG (Linux): ends with the nursery
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    if crash_at:
        os.environ[CRASH_VARIABLE] = crash_at
        importlib.reload(importlib.import_module("shared.messaging.crash_points"))
    sabotage.alter(altered)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
