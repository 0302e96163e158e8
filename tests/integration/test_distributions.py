"""Each service is a distribution of its own: installs and starts alone, without the others' libraries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.demo.api import eventually
from deploy.stack import answers
from shared.testing.broker_process import free_port
from shared.web.keys import ensure_key_pair

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {
    "intake": ("services.routing", "services.postal_bridge", "ortools"),
    "routing": ("services.intake", "services.postal_bridge"),
    "postal_bridge": ("services.intake", "services.routing", "ortools", "geopy"),
}


def constraints(folder: Path) -> Path:
    """The pinned versions without their hashes, which pip refuses for local folders."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.rstrip(" \\") for line in lines if re.match(r"[\w.-]+(\[.*\])?==", line)]
    file = folder / "constraints.txt"
    file.write_text("\n".join(re.sub(r"\[.*?\]", "", pin) for pin in pins))
    return file


def copied(source: Path, folder: Path) -> Path:
    """A copy to build from: a build writes into its source folder."""
    return Path(
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    )


def run(*command: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs to the end; fails with the output."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return done


@contextmanager
def process(*command: str | Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block."""
    running = subprocess.Popen([str(word) for word in command], env={**os.environ, **settings})
    try:
        yield running
    finally:
        running.terminate()
        running.wait(15)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", FOREIGN)
def test_a_service_installs_and_starts_alone(service: str, tmp_path: Path) -> None:
    """A hidden dependency on another service would be found on the day somebody deploys only one."""
    home = tmp_path / "alone"
    venv.create(home, with_pip=False)
    python, tannha = home / "bin" / "python", home / "bin" / "tannha"
    sources = [copied(ROOT / "shared", tmp_path), copied(ROOT / "services" / service, tmp_path)]
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "-q", "-c", constraints(tmp_path), *sources)
    for module in FOREIGN[service]:
        found = subprocess.run(
            [str(python), "-c", f"import {module}"], cwd=tmp_path, capture_output=True, check=False
        )
        assert found.returncode != 0, f"{module} is importable beside {service}"
    prefix, port, broker = f"TANNHA_{service.upper()}_", free_port(), free_port()
    private, public = ensure_key_pair(tmp_path / "keys")
    settings = {
        f"{prefix}DATABASE": f"sqlite:///{tmp_path / 'alone.db'}",
        f"{prefix}PORT": str(port),
        f"{prefix}BROKER": f"127.0.0.1:{broker}",
        f"{prefix}DATA_DIR": str(tmp_path),
        f"{prefix}SESSION_PUBLIC_KEY": str(public),
    }
    if service == "intake":
        settings[f"{prefix}SESSION_PRIVATE_KEY"] = str(private)
    command = service.replace("_", "-")
    run(tannha, command, "migrate", **settings)
    with (
        process(tannha, "broker", "--port", str(broker), "--data", tmp_path / "broker"),
        process(tannha, command, "api", **settings),
    ):
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "the API")
