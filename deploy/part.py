"""One process of the product: how it is started, killed and stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Part:
    """One process: how to start it, the signal on which it ends by itself, and the present one."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0

    def start(self) -> None:
        """Starts the process in a session of its own; it ends when its parent dies."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # One prctl call (PR_SET_PDEATHSIG, Linux), no locks involved.
                preexec_fn=partial(ctypes.CDLL(None).prctl, 1, self.stop_signal),  # noqa: PLW1509
            )
        self.started_at = time.monotonic()

    def ask_to_stop(self) -> None:
        """Sends its stop signal, if it runs."""
        if self.process is not None and self.running:
            self.process.send_signal(self.stop_signal)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9 and wait for the end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The last line it wrote, for a one-line error."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1][:300] if lines else "no output"
