"""Whether a part of the product has come up, as its own health check would tell."""

from __future__ import annotations

import time

from deploy.stack import SERVICES, Stack, answers


def is_up(stack: Stack, name: str) -> bool:
    """Whether a part runs and works: an API is ready, a worker has turned its loop since it started."""
    part = stack.parts[name]
    if not part.running:
        return False
    service = next((service for service in SERVICES if name.startswith(f"{service}-")), "")
    if name == f"{service}-api":
        return answers(f"{stack.ports.url(service)}/readyz")
    if service:
        beat = stack.data / f"{service}-worker.alive"
        age = time.time() - beat.stat().st_mtime if beat.exists() else float("inf")
        return age < time.monotonic() - part.started_at
    return True


def not_up(stack: Stack) -> str:
    """The first part that has not come up; empty when all have."""
    return next((name for name in stack.parts if not is_up(stack, name)), "")
