"""The embedded broker as a process of its own, to be killed and started again by tests."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, Self

from shared.messaging.connection import BrokerAddress, BrokerSecurity
from shared.messaging.reachability import broker_answers

ROOT = Path(__file__).resolve().parents[2]


class BrokerProcess:
    """`python -m shared.broker` on a data folder; keeps its port over restarts.

    >>> with BrokerProcess(tmp_path) as broker:
    ...     KafkaProducer(bootstrap_servers=broker.bootstrap)
    """

    MODULE: ClassVar[str] = "shared.broker"
    START_SECONDS: ClassVar[float] = 60.0
    security = BrokerSecurity()

    def __init__(self, data_dir: Path, port: int = 0, *options: str) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.options = options
        self.output = data_dir.parent / f"{data_dir.name}-broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients take."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> BrokerAddress:
        """Where it is and what it asks for."""
        return BrokerAddress(self.bootstrap, self.security)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when it does not run."""
        return self._running().pid

    def answers(self) -> bool:
        """Whether clients can begin to work with it."""
        return broker_answers(self.address)

    def start(self, timeout: float | None = None) -> Self:
        """Start it and return once it answers. Raises RuntimeError with its output when it fails."""
        command = [sys.executable, "-m", self.MODULE, "--port", str(self.port)]
        command += ["--data", str(self.data_dir), *self.options]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)  # noqa: S603
        deadline = time.monotonic() + (timeout or self.START_SECONDS)
        while self._process.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return self
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"the broker did not start:\n{self.log()[-2000:]}")

    def kill(self) -> None:
        """kill -9: no farewell, no flush."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM, and its exit code. Raises subprocess.TimeoutExpired when it does not go."""
        process = self._running()
        process.terminate()
        code = process.wait(timeout)
        self._process = None
        return code

    def restart(self) -> None:
        """Kill -9 and start again on the same data and port."""
        self.kill()
        self.start()

    def log(self) -> str:
        """All it has printed, over all its lives."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the broker does not run")
        return self._process


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
