"""Showing this process's metrics to Prometheus, and to nobody else.

Who may read: with a token file, whoever sends `Authorization: Bearer <its content>`; without one, only a
program on the same machine that asks directly. A request that a proxy passed on (`Forwarded`,
`X-Forwarded-For`) is not direct, though its last step comes from this machine.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import generate_latest

from shared.observability.metrics import REGISTRY

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus text exposition format."""

_PASSED_ON = ("forwarded", "x-forwarded-for")


def text() -> bytes:
    """All metrics of this process."""
    return generate_latest(REGISTRY)


def may_read(client: str, headers: Mapping[str, str], token_file: Path | None) -> bool:
    """Whether a caller may see the metrics. `headers` are by lower-case name. Raises OSError when the token
    file cannot be read."""
    if token_file is not None:
        token = token_file.read_text(encoding="utf-8").strip()
        given = headers.get("authorization", "").removeprefix("Bearer ").strip()
        return bool(token) and hmac.compare_digest(given.encode(), token.encode())
    try:
        return ipaddress.ip_address(client).is_loopback and not any(name in headers for name in _PASSED_ON)
    except ValueError:
        return False


def serve_beside(host: str, port: int, token_file: Path | None) -> WSGIServer:
    """Serves `GET /metrics` from a thread, for a process without pages. Raises OSError for a taken port."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if environ["PATH_INFO"] != "/metrics":
            start("404 Not Found", [])
            return []
        if not may_read(environ["REMOTE_ADDR"], headers, token_file):
            start("403 Forbidden", [])
            return []
        start("200 OK", [("Content-Type", CONTENT_TYPE)])
        return [text()]

    server = make_server(host, port, answer, handler_class=_Silent)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Silent(WSGIRequestHandler):
    """A handler that does not write a line for every request."""

    timeout = 10

    def log_message(self, *_told: Any) -> None:
        """Says nothing."""
