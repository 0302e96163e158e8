"""The service with notes as real processes, asked over HTTP while its parts come and go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.testing.broker_process import ROOT, free_port
from shared.web.keys import ensure_key_pair

PREFIX = "TANNHA_POSTAL_BRIDGE_"
SEEN_SECONDS = 2.0
"""How soon `/readyz` has to tell of an outage."""
SLACK_SECONDS = 5.0
"""What a machine that does other things at the same time may add to a limit."""


def eventually(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Returns after how many seconds it became true; fails when that took too long."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - start


@dataclass
class Notes:
    """Settings of one service in a folder; starts its processes."""

    folder: Path
    database: str
    broker: str
    environment: str = "development"
    pid: int = 0

    def __post_init__(self) -> None:
        self.port = free_port()
        self.log = self.folder / "notes.log"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def start(self, role: str) -> subprocess.Popen[bytes]:
        """One process, whose output is added to the log."""
        _private, public = ensure_key_pair(self.folder / "keys")
        settings = {
            "DATABASE": self.database,
            "BROKER": self.broker,
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder),
            "SESSION_PUBLIC_KEY": str(public),
            "ENVIRONMENT": self.environment,
        }
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.integration.outages.notes", role],
                cwd=ROOT,
                env={**os.environ, **{PREFIX + name: value for name, value in settings.items()}},
                stdout=output,
                stderr=output,
            )

    def refusal(self, role: str) -> tuple[int, list[str]]:
        """Starts a process that is expected to end by itself: its exit code and the lines it wrote."""
        process = self.start(role)
        code = process.wait(60)
        return code, self.log.read_text().strip().splitlines()

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """The API, ready; ended by SIGTERM."""
        process = self.start("api")
        try:
            eventually(lambda: self.ready() or process.poll() is not None, 60, "the start")
            assert process.poll() is None, self.log.read_text()[-3000:]
            yield process
        finally:
            process.terminate()
            process.wait(20)
            self.http.close()

    def ready(self) -> bool:
        """Whether `/readyz` is green."""
        try:
            return self.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def write(self, key: str) -> httpx.Response:
        """Writes a note down."""
        return self.http.post("/api/notes", json={"key": key})

    def read(self) -> httpx.Response:
        """Reads the notes."""
        return self.http.get("/api/notes")

    def sent(self) -> bool:
        """Whether the broker has everything."""
        return bool(self.read().json()["unsent"] == 0)


def refused_politely(answer: httpx.Response) -> None:
    """Holds an answer to what people and programs are promised during an outage."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    body = answer.json()
    assert body["retryable"] is True
    assert "Ông/Bà" in body["detail"]
