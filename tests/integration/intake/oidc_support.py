"""The fake identity provider as a real process, and a browser that walks between it and intake."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, cast

import httpx
from fastapi.testclient import TestClient

from services.intake.application.commands import RegisterAccounts
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef
from tests.integration.intake.conftest import TODAY, Intake, open_intake

PLAIN, SECURE = "http://127.0.0.1:8101", "https://tannha.example"
PAGE = {"accept": "text/html"}
PEOPLE: list[dict[str, Any]] = [
    {"sub": "s-dieu", "account": "phandieu", "name": "Phan Thị Điều", "email": "Dieu@buudien.example"},
    {"sub": "s-ke-nhiem", "account": "kenhiem", "name": "Người Kế Nhiệm", "email": "dieu@buudien.example"},
    {"sub": "s-la", "account": "nguoila", "name": "Người Lạ", "email": "la@buudien.example"},
    {
        "sub": "s-chua-xac-minh",
        "account": "dieudo1",
        "name": "Chưa Xác Minh",
        "email": "dieu@buudien.example",
        "email_verified": False,
    },
    {
        "sub": "s-nhom",
        "account": "nhom",
        "name": "Có Nhóm",
        "email": "nhom@buudien.example",
        "claims": {"realm_access": {"roles": ["tannha-thanh-tra", "khac"]}},
    },
]
DISPATCHER = {
    "account": "dieudo1",
    "email": "dieu@buudien.example",
    "name": "Phan Thị Điều",
    "role": "dispatcher",
    "office": "office-20632",
}


@dataclass(frozen=True)
class ProviderProcess:
    """Where the provider listens, with its orders for tests."""

    url: str
    secret_file: Path
    http: httpx.Client

    def order(self, kind: str, **more: Any) -> None:
        """The next answer fails or lies."""
        assert self.http.post("/_test/faults", json={"kind": kind, **more}).status_code == 200

    def reset(self) -> None:
        """No failures are left over."""
        self.http.delete("/_test/faults")

    def settings(self, **other: Any) -> dict[str, Any]:
        """Intake's settings that lead here."""
        mine = {
            "oidc_issuer": self.url,
            "oidc_client_id": "tannha",
            "oidc_client_secret_file": self.secret_file,
            "oidc_pause_seconds": 0,
            "sign_in_rate": "6000/minute",
        }
        return {**mine, **other}


@contextmanager
def provider_process(folder: Path, *more_homes: str) -> Iterator[ProviderProcess]:
    """`python -m deploy.fake_oidc` on a free port, until the end of the block.

    It sends people back to `more_homes` as well.
    """
    homes = (PLAIN, SECURE, *more_homes)
    people, secret = folder / "people.json", folder / "oidc-secret"
    people.write_text(json.dumps(PEOPLE), encoding="utf-8")
    secret.write_text("mật khẩu: a+b%c\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        "TANNHA_FAKE_OIDC_PORT": str(port),
        "TANNHA_FAKE_OIDC_PEOPLE": str(people),
        "TANNHA_FAKE_OIDC_CLIENT_SECRET": secret.read_text(encoding="utf-8").strip(),
        "TANNHA_FAKE_OIDC_REDIRECT_URIS": json.dumps([f"{home}/dang-nhap/tro-ve" for home in homes]),
        "TANNHA_FAKE_OIDC_POST_LOGOUT_REDIRECT_URIS": json.dumps([f"{home}/" for home in homes]),
    }
    process = subprocess.Popen([sys.executable, "-m", "deploy.fake_oidc"], env={**os.environ, **environment})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            _wait(http, process)
            yield ProviderProcess(f"http://127.0.0.1:{port}", secret, http)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the provider ended"
        try:
            if http.get("/livez").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AssertionError("the provider does not answer")


def opened(folder: Path, provider: ProviderProcess, **other: Any) -> Intake:
    """Intake with one account, whose people sign in at the provider."""
    clock = DemoClock(folder / "clock")
    clock.set(at(TODAY, "08:00"))
    intake = open_intake(folder, clock, **provider.settings(**other))
    register(intake, DISPATCHER)
    return intake


def register(intake: Intake, *accounts: dict[str, Any]) -> None:
    """Accounts as an administrator imports them."""
    command = RegisterAccounts.model_validate({"accounts": list(accounts)})
    intake.service.bus.execute(command, ActorRef.system("intake"))


@dataclass
class Browser:
    """A person's browser: cookies for intake and for the provider, redirects followed by hand."""

    intake: Intake
    home: str = PLAIN
    here: TestClient = field(init=False)
    there: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.here = TestClient(
            self.intake.app, base_url=self.home, follow_redirects=False, raise_server_exceptions=False
        )
        self.there = httpx.Client(follow_redirects=False, timeout=10)

    def leave(self, **params: str) -> str:
        """Clicks "sign in" and returns the provider's address that it leads to."""
        answer = self.here.get("/dang-nhap/co-quan", params=params, headers=PAGE)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def pick(self, address: str, person: str) -> str:
        """Picks a person at the provider and returns intake's address that it leads back to."""
        answer = self.there.get(f"{address}&login_hint={person}")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def back(self, address: str) -> httpx.Response:
        """Follows the way back to intake."""
        return cast("httpx.Response", self.here.get(address, headers=PAGE))

    def sign_in(self, person: str, **params: str) -> httpx.Response:
        """The whole way."""
        return self.back(self.pick(self.leave(**params), person))

    def sign_out(self) -> httpx.Response:
        """Presses "sign out" on a page."""
        page = self.here.get("/", headers=PAGE).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token, page
        return cast(
            "httpx.Response", self.here.post("/dang-xuat", data={"csrf": unescape(token[1])}, headers=PAGE)
        )

    @property
    def signed_in(self) -> bool:
        """Whether intake knows who looks."""
        return self.here.cookies.get("tannha_session") is not None
