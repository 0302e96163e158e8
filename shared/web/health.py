"""`/livez`: the loop turns. `/readyz`: the parts this service needs answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio
import structlog
from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from shared.web.roles import PUBLIC

Check = Callable[[], None]
"""Raises when the part it asks does not answer."""

PATIENCE_SECONDS = 1.5
"""For all checks together, as they run side by side: an outage has to be seen within two seconds."""
_log = structlog.get_logger(__name__)


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """The two routes. `/readyz` names the failing parts, and only the log says why."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez", dependencies=[PUBLIC])
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", dependencies=[PUBLIC])
    async def readyz() -> JSONResponse:
        answers: dict[str, str] = {}
        async with anyio.create_task_group() as group:
            for name, check in checks.items():
                group.start_soon(_ask, name, check, answers)
        ready = all(answer == "ok" for answer in answers.values())
        body = {"status": "ok" if ready else "unavailable", "checks": dict(sorted(answers.items()))}
        return JSONResponse(body, 200 if ready else 503)

    return router


async def _ask(name: str, check: Check, answers: dict[str, str]) -> None:
    answers[name] = "timeout"
    with anyio.move_on_after(PATIENCE_SECONDS):
        try:
            await to_thread.run_sync(check, abandon_on_cancel=True)
            answers[name] = "ok"
        except Exception as error:  # noqa: BLE001 - any failure means: not ready
            answers[name] = "failed"
            _log.warning("ready.check_failed", check=name, error=type(error).__name__)
