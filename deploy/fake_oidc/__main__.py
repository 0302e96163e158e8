"""`python -m deploy.fake_oidc`: start the fake provider in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from deploy.fake_oidc.app import create_app
from deploy.fake_oidc.people import load_people
from deploy.fake_oidc.protocol import Provider
from deploy.fake_oidc.settings import FakeOidcSettings


def main() -> None:
    """Read the command line over the environment and serve until stopped."""
    settings = _settings()
    uvicorn.run(
        create_app(Provider(settings, load_people(settings.people))),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


def _settings() -> FakeOidcSettings:
    parser = argparse.ArgumentParser(prog="python -m deploy.fake_oidc", description="Định danh giả lập")
    parser.add_argument("--host", help="address to listen on (loopback)")
    parser.add_argument("--port", type=int, help="port to listen on")
    parser.add_argument("--people", type=Path, help="JSON file: whom it knows")
    parser.add_argument("--intake-url", help="the only address people are sent back to")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    intake = given.pop("intake_url", None)
    if intake is not None:
        given["redirect_uris"] = [f"{intake}/dang-nhap/tro-ve"]
        given["post_logout_redirect_uris"] = [f"{intake}/"]
    return FakeOidcSettings(**given)


if __name__ == "__main__":
    main()
