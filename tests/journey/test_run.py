"""`make run` as a person meets it: it says where to look, keeps itself alive, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from deploy.demo.api import eventually

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """`python -m deploy.run` on ports of its own, without demo data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.output = data.parent / "run.out"
        with self.output.open("w") as out:
            command = [sys.executable, "-m", "deploy.run", "--data", str(data), "--empty", "--free-ports"]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        eventually(lambda: "sẵn sàng" in self.said() or self.process.poll() is not None, 90, "the addresses")
        assert "sẵn sàng" in self.said(), self.said()
        self.front = re.findall(r"http://\S+", self.said())[0]

    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text(encoding="utf-8")

    def stop(self) -> int:
        """Ctrl-C, and the exit code; it must come within ten seconds."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def parts(self) -> list[int]:
        """Processes that still work on this data folder."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) not in {os.getpid(), self.process.pid}:
                try:
                    environment = (process / "environ").read_bytes()
                except OSError:
                    continue
                if os.fsencode(self.data) in environment:
                    found.append(int(process.name))
        return found


def test_it_runs_revives_and_stops_without_a_trace(tmp_path: Path) -> None:
    """A part that dies stays dead, or a stopped product keeps ports and processes."""
    running = Running(tmp_path / "data")
    assert "tongdai" in running.said(), "the demo accounts are printed"
    assert httpx.get(running.front).status_code == 200
    victims = running.parts()
    assert len(victims) >= 7
    os.kill(victims[0], signal.SIGKILL)
    eventually(lambda: "khởi động lại" in running.said(), 60, "the part to be started again")
    assert running.stop() == 0
    assert running.parts() == []
    again = Running(tmp_path / "data")
    assert httpx.get(again.front).status_code == 200
    assert again.stop() == 0


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    """A stack trace tells a person nothing about the other program."""
    try:
        taken = socket.create_server(("127.0.0.1", 8103))
    except OSError:
        taken = None  # somebody runs the product here: the port is in use all the same
    command = [sys.executable, "-m", "deploy.run", "--data", str(tmp_path / "data"), "--empty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if taken is not None:
        taken.close()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "đang được chương trình khác dùng" in done.stderr
