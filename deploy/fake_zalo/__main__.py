"""`python -m deploy.fake_zalo`: start the fake server in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from deploy.fake_zalo.app import create_app
from deploy.fake_zalo.settings import FakeZaloSettings


def main() -> None:
    """Read the command line over the environment and serve until stopped."""
    settings = _settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


def _settings() -> FakeZaloSettings:
    parser = argparse.ArgumentParser(prog="python -m deploy.fake_zalo", description="Zalo giả lập")
    parser.add_argument("--host", help="address to listen on (loopback)")
    parser.add_argument("--port", type=int, help="port to listen on")
    parser.add_argument("--data", type=Path, help="SQLite file")
    parser.add_argument("--intake-url", help="where webhooks are posted")
    parser.add_argument("--clock-file", type=Path, help="the shared demonstration clock")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    return FakeZaloSettings(**given)


if __name__ == "__main__":
    main()
