"""One read-only page over HTTP on loopback: GET /metrics. Small, bounded, and not Kafka's port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

log = logging.getLogger("shared.broker.metrics")

_PATIENCE = 5.0
"""For one request and its answer, in seconds."""
_MAX_VISITORS = 8


class MetricsPage:
    """Serves what `render` answers; one request for each connection."""

    def __init__(self, render: Callable[[], Awaitable[bytes]]) -> None:
        self._render = render
        self._visitors: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def listen(self, port: int) -> int:
        """Bind to loopback; the port it became. Raises OSError when it is taken."""
        self._listener = await asyncio.start_server(self._welcome, "127.0.0.1", port, limit=8192)
        return int(self._listener.sockets[0].getsockname()[1])

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        try:
            if task is not None and len(self._visitors) < _MAX_VISITORS:
                self._visitors.add(task)
                async with asyncio.timeout(_PATIENCE):
                    writer.write(await self._answer(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever does not ask properly gets no answer
        except Exception:
            log.exception("the metrics could not be told")
        finally:
            self._visitors.discard(task) if task else None
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await writer.wait_closed()

    async def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method != b"GET":
            return _response("405 Method Not Allowed", b"only GET\n", "Allow: GET\r\n")
        if path != b"/metrics":
            return _response("404 Not Found", b"only /metrics\n")
        return _response("200 OK", await self._render())

    async def stop(self) -> None:
        """Take no more visitors and let go of those who are there."""
        if self._listener is not None:
            self._listener.close()
        for visitor in list(self._visitors):
            visitor.cancel()


def _response(status: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode() + body
