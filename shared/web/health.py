"""`/livez`: the loop turns. `/readyz`: the parts this service needs answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio
import structlog
from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from shared.web.roles import PUBLIC

Check = Callable[[], None]
"""Raises when the part it asks does not answer."""

PATIENCE_SECONDS = 1.2
"""For all checks together, as they run side by side."""
KEPT_SECONDS = 0.7
"""How long an answer is given to everybody. With the patience of the next: an outage is seen within two
seconds, and whoever asks a thousand times a second makes the database write once."""
_log = structlog.get_logger(__name__)


def health_router(checks: Mapping[str, Check], monotonic: Callable[[], float] = time.monotonic) -> APIRouter:
    """The two routes. `/readyz` names the failing parts, and only the log says why."""
    router = APIRouter(include_in_schema=False)
    readiness = _Readiness(checks, monotonic)

    @router.get("/livez", dependencies=[PUBLIC])
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", dependencies=[PUBLIC])
    async def readyz() -> JSONResponse:
        answers = await readiness.answers()
        ready = all(answer == "ok" for answer in answers.values())
        body = {"status": "ok" if ready else "unavailable", "checks": dict(sorted(answers.items()))}
        return JSONResponse(body, 200 if ready else 503)

    return router


@dataclass
class _Readiness:
    """Asks the parts once for all who want to know at the same time, and for those who come shortly after."""

    checks: Mapping[str, Check]
    monotonic: Callable[[], float]
    _answers: dict[str, str] = field(default_factory=dict)
    _good_until: float = float("-inf")
    _asking: anyio.Lock = field(default_factory=anyio.Lock)

    async def answers(self) -> Mapping[str, str]:
        """What each part said: ok, failed or timeout."""
        came = self.monotonic()
        async with self._asking:
            # Who had to wait takes what was found out meanwhile.
            if came > self._good_until:
                self._answers = await self._ask_all()
                self._good_until = self.monotonic() + KEPT_SECONDS
            return self._answers

    async def _ask_all(self) -> dict[str, str]:
        answers: dict[str, str] = {}
        async with anyio.create_task_group() as group:
            for name, check in self.checks.items():
                group.start_soon(_ask, name, check, answers)
        return answers


async def _ask(name: str, check: Check, answers: dict[str, str]) -> None:
    answers[name] = "timeout"
    with anyio.move_on_after(PATIENCE_SECONDS):
        try:
            await to_thread.run_sync(check, abandon_on_cancel=True)
            answers[name] = "ok"
        except Exception as error:  # noqa: BLE001 - any failure means: not ready
            answers[name] = "failed"
            _log.warning("ready.check_failed", check=name, error=type(error).__name__)
