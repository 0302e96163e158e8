"""Who may read the metrics, and what a process without pages shows."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from shared.observability.exposition import may_read, serve_beside
from shared.observability.metrics import worker_heartbeat_seconds


@pytest.mark.parametrize(
    ("client", "headers", "may"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("10.0.0.8", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, False),
        ("testclient", {}, False),
        ("", {}, False),
    ],
)
def test_without_a_token_only_this_machine_reads_directly(
    client: str, headers: dict[str, str], may: bool
) -> None:
    """Through a reverse proxy on the same machine the whole world would read them."""
    assert may_read(client, headers, None) is may


@pytest.mark.parametrize(
    ("given", "may"), [("Bearer right", True), ("Bearer wrong", False), ("right", True), ("", False)]
)
def test_with_a_token_nothing_else_counts(tmp_path: Path, given: str, may: bool) -> None:
    """The network would decide instead of the secret."""
    token = tmp_path / "token"
    token.write_text("right\n")
    headers = {"authorization": given} if given else {}
    assert may_read("127.0.0.1", headers, token) is may
    assert may_read("10.0.0.8", headers, token) is may


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    """A secret that was not filled in would open the door."""
    token = tmp_path / "token"
    token.write_text("\n")
    assert not may_read("127.0.0.1", {"authorization": "Bearer "}, token)


def test_a_process_without_pages_shows_its_metrics(tmp_path: Path) -> None:
    """Nobody would see that a worker hangs."""
    worker_heartbeat_seconds.set(1_700_000_000)
    server = serve_beside("127.0.0.1", 0, None)
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        assert "tannha_worker_heartbeat_seconds 1.7e+09" in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/").status_code == 404
        passed_on = httpx.get(f"{url}/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        assert (passed_on.status_code, passed_on.text) == (403, "")
    finally:
        server.shutdown()
        server.server_close()


def test_a_taken_port_is_an_error_at_the_start() -> None:
    """A worker would run without anybody able to watch it."""
    server = serve_beside("127.0.0.1", 0, None)
    try:
        with pytest.raises(OSError, match="in use"):
            serve_beside("127.0.0.1", server.server_port, None)
    finally:
        server.shutdown()
        server.server_close()
