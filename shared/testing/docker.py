"""Whether containers can be had here, and patience with what starts in them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def docker_answers() -> bool:
    """Whether a Docker engine answers; a client without an engine does not count."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    import docker  # type: ignore[import-untyped]  # noqa: PLC0415 - a development package

    try:
        return bool(docker.from_env(timeout=5).ping())
    except docker.errors.DockerException:
        return False


def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Returns as soon as it holds. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready after {seconds:.0f} s")
        time.sleep(0.1)
