"""Failures to order: what Zalo and the network do on bad days, for tests and rehearsals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from enum import StrEnum

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from deploy.fake_zalo.protocol import failure


class FaultKind(StrEnum):
    """What goes wrong."""

    ERROR = "error"
    """Zalo refuses with `code`; nothing happens."""
    HTTP_500 = "http_500"
    """The gateway fails before anything happened."""
    LOST_ANSWER = "lost_answer"
    """The message is sent, but a broken gateway answers in Zalo's place."""
    SLOW = "slow"
    """The message is sent, the answer comes `seconds` later."""


class Fault(BaseModel):
    """One ordered failure: after `skip` good calls, for `times` calls whose path contains `path`."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    skip: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    path: str = "/message/"
    code: int = -32
    seconds: float = Field(default=5.0, ge=0, le=60)


class FaultBoard:
    """The failures still to happen, first ordered first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        """Add a failure."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """What is still to happen."""
        with self._lock:
            return list(self._faults)

    def take(self, path: str) -> Fault | None:
        """The failure for a call to `path`, used up by one."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.path not in path:
                    continue
                if fault.skip:
                    self._faults[place] = fault.model_copy(update={"skip": fault.skip - 1})
                    continue
                if fault.times == 1:
                    del self._faults[place]
                else:
                    self._faults[place] = fault.model_copy(update={"times": fault.times - 1})
                return fault
        return None


async def with_faults(
    board: FaultBoard, request: Request, go_on: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Middleware: let the call through, or fail it as ordered."""
    path = request.url.path
    is_protocol = path.startswith(("/v2.0/", "/v3.0/", "/v4/", "/message/", "/template/"))
    fault = board.take(path) if is_protocol else None
    if fault is None:
        return await go_on(request)
    if fault.kind is FaultKind.ERROR:
        return failure(fault.code)
    if fault.kind is FaultKind.HTTP_500:
        return Response("Internal Server Error", status_code=500)
    answer = await go_on(request)
    if fault.kind is FaultKind.LOST_ANSWER:
        return Response("Bad Gateway", status_code=502)
    await asyncio.sleep(fault.seconds)
    return answer
