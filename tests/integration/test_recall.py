"""A sign-in that ended is over at every service, long before its token expires."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from services.intake.application.commands import RegisterAccounts
from services.intake.application.records import AccountLock
from services.postal_bridge.bootstrap import bootstrap as bootstrap_postal
from services.postal_bridge.entrypoints.app import build_app as build_postal
from services.postal_bridge.settings import Settings as PostalSettings
from shared.actor import Actor, Role
from shared.clock import DemoClock, at
from shared.contracts.envelope import ActorRef
from shared.messaging.guard import Outcome
from shared.messaging.tables import OutboxRow
from shared.service import Service
from shared.web.session import COOKIE
from tests.integration.intake.conftest import TODAY, Intake, open_intake

ADMINISTRATOR = Actor("quan-tri", "Lý Quản Trị", Role.ADMINISTRATOR)
PASSWORD = "mat-khau-thu"
INSPECTOR = {"account": "thanh-tra", "password": PASSWORD, "name": "Đỗ Thanh Tra", "role": "inspector"}


class Two:
    """Intake, and a service that knows of recalls only what it hears."""

    def __init__(self, folder: Path) -> None:
        clock = DemoClock(folder / "clock")
        clock.set(at(TODAY, "08:00"))
        self.intake: Intake = open_intake(folder, clock)
        settings = PostalSettings(
            environment="demo",
            database=f"sqlite:///{folder}/postal.db",
            data_dir=folder,
            session_public_key=self.intake.service.settings.session_public_key,
            demo_clock=clock.file,
        )
        self.other: Service[PostalSettings] = bootstrap_postal(settings)
        self.other.migrate()
        self.app = build_postal(self.other)
        self.client = TestClient(self.app)
        self.register(INSPECTOR)

    def register(self, *accounts: dict[str, Any]) -> None:
        """Makes accounts exist."""
        command = RegisterAccounts.model_validate({"accounts": accounts})
        self.intake.service.bus.execute(command, ActorRef.system("intake"))

    def sign_in(self, account: str = "thanh-tra") -> str:
        """A token by password."""
        answer = self.intake.client.post("/api/session", json={"account": account, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def travel(self) -> None:
        """What intake published reaches the other service, and every process reads its recalls."""
        with self.intake.service.transactions.reading() as session:
            mine = select(OutboxRow).where(OutboxRow.topic == "intake.account.v1")
            rows = session.exec(mine.order_by(col(OutboxRow.position))).all()
        for row in rows:
            assert self.other.guard.receive(row.topic, row.body) in {Outcome.APPLIED, Outcome.DUPLICATE}
        self.intake.app.state.recalls.refresh()
        self.app.state.recalls.refresh()

    def refusals(self, token: str) -> tuple[str, str]:
        """The code with which intake and the other service refuse the token; empty when they accept it."""
        bearer = {"authorization": f"Bearer {token}"}
        answers = [
            client.get("/api/operations", headers=bearer) for client in (self.intake.client, self.client)
        ]
        codes = [answer.json().get("code", "") for answer in answers]
        assert [answer.status_code for answer in answers] == [401 if code else 200 for code in codes]
        return codes[0], codes[1]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """The two services with one inspector."""
    return Two(tmp_path)


def bearer(token: str) -> dict[str, str]:
    """The header of a program."""
    return {"authorization": f"Bearer {token}"}


def test_signing_out_ends_the_token_at_every_service(two: Two) -> None:
    """A token copied from a shared desk computer would be good for the rest of the day."""
    desk, tablet = two.sign_in(), two.sign_in()
    assert two.intake.client.delete("/api/session", headers=bearer(desk)).status_code == 204
    assert two.refusals(desk) == ("auth.revoked", "")
    two.travel()
    assert two.refusals(desk) == ("auth.revoked", "auth.revoked")
    assert two.refusals(tablet) == ("", "")


def test_the_form_signs_out_as_well(two: Two) -> None:
    """The button on the page would only take the cookie away."""
    token = two.sign_in()
    browser = TestClient(two.intake.app, base_url=two.intake.service.settings.intake_url)
    browser.cookies.set(COOKIE, token)
    page = browser.get("/quan-tri", headers={"accept": "text/html"}).text
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    browser.post("/dang-xuat", data={"csrf": csrf}, headers={"accept": "text/html"})
    two.travel()
    assert two.refusals(token) == ("auth.revoked", "auth.revoked")


def test_a_locked_account_is_out_at_once_and_cannot_come_back(two: Two) -> None:
    """A dismissed person would see dossiers until the evening."""
    token = two.sign_in()
    path = "/api/accounts/thanh-tra"
    administrator = bearer(two.intake.signer.issue(ADMINISTRATOR))
    assert two.intake.client.post(f"{path}/lock", headers=administrator).status_code == 200
    two.travel()
    assert two.refusals(token) == ("auth.revoked", "auth.revoked")
    answer = two.intake.client.post("/api/session", json={"account": "thanh-tra", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.locked")
    assert two.intake.client.post(f"{path}/unlock", headers=administrator).status_code == 200
    assert two.refusals(two.sign_in()) == ("", "")
    assert two.refusals(token) == ("auth.revoked", "auth.revoked")


def test_a_wrong_password_does_not_tell_that_an_account_is_locked(two: Two) -> None:
    """Anybody could find out which accounts exist and which of them matter."""
    administrator = bearer(two.intake.signer.issue(ADMINISTRATOR))
    two.intake.client.post("/api/accounts/thanh-tra/lock", headers=administrator)
    answer = two.intake.client.post("/api/session", json={"account": "thanh-tra", "password": "sai-mat-khau"})
    assert answer.json()["code"] == "auth.wrong"


def test_an_administrator_locks_and_unlocks_on_the_page(two: Two) -> None:
    """Without a program nobody could lock a dismissed person out."""
    token = two.sign_in()
    browser = TestClient(two.intake.app, base_url=two.intake.service.settings.intake_url)
    browser.cookies.set(COOKIE, two.intake.signer.issue(ADMINISTRATOR))
    path, page = "/quan-tri/tai-khoan", {"accept": "text/html"}
    for verb, said in (("khoa", "Đã khoá"), ("mo-khoa", "Đã mở khoá")):
        shown = browser.get(path, params={"q": "do thanh"}, headers=page).text
        assert "Đỗ Thanh Tra" in shown
        csrf = shown.split('name="csrf" value="')[1].split('"')[0]
        answer = browser.post(f"{path}/thanh-tra/{verb}", data={"csrf": csrf}, headers=page)
        assert f"{said} tài khoản thanh-tra" in answer.text
    two.travel()
    assert two.refusals(token) == ("auth.revoked", "auth.revoked")
    assert "Không có tài khoản nào" in browser.get(path, params={"q": "khong ai"}, headers=page).text
    inspector = bearer(two.sign_in())
    assert two.intake.client.get(path, headers=inspector).status_code == 403


def test_only_administrators_lock_and_not_themselves(two: Two) -> None:
    """Anybody could lock out anybody, or the last administrator be locked out by a slip."""
    client = two.intake.client
    two.register({**INSPECTOR, "account": "quan-tri", "role": "administrator"})
    inspector = bearer(two.sign_in())
    assert client.post("/api/accounts/quan-tri/lock", headers=inspector).status_code == 403
    administrator = bearer(two.intake.signer.issue(ADMINISTRATOR))
    own = client.post("/api/accounts/quan-tri/lock", headers=administrator)
    assert (own.status_code, own.json()["code"]) == (409, "account.own")
    assert client.post("/api/accounts/khong-co/lock", headers=administrator).status_code == 404
    assert client.post("/api/accounts/thanh-tra/unlock", headers=administrator).status_code == 404
    with two.intake.service.transactions.reading() as session:
        assert session.exec(select(AccountLock)).all() == []


@pytest.mark.parametrize("change", [{"role": "administrator"}, {"password": "mat-khau-moi"}])
def test_another_role_or_password_ends_the_sign_ins_of_before(two: Two, change: dict[str, str]) -> None:
    """A person would keep the rights of yesterday, or a thief the stolen session after a new password."""
    token = two.sign_in()
    two.register(INSPECTOR)
    two.travel()
    assert two.refusals(token) == ("", "")
    two.register({**INSPECTOR, **change})
    two.travel()
    assert two.refusals(token) == ("auth.revoked", "auth.revoked")


def test_a_recalled_cookie_means_nobody_on_a_public_page(two: Two) -> None:
    """A citizen's page would be closed to who signed out elsewhere."""
    token = two.sign_in()
    two.intake.client.delete("/api/session", headers=bearer(token))
    browser = TestClient(two.intake.app, base_url=two.intake.service.settings.intake_url)
    browser.cookies.set(COOKIE, token)
    assert browser.get("/", headers={"accept": "text/html"}).status_code == 200
    sent = browser.get("/quan-tri", headers={"accept": "text/html"}, follow_redirects=False)
    assert (sent.status_code, "/dang-nhap" in sent.headers["location"]) == (303, True)


def test_signing_out_twice_or_as_nobody_changes_nothing(two: Two) -> None:
    """A second click would be an error page."""
    token = two.sign_in()
    first = two.intake.client.delete("/api/session", headers=bearer(token))
    second = two.intake.client.delete("/api/session", headers=bearer(token))
    assert (first.status_code, second.status_code) == (204, 401)
    assert two.intake.client.delete("/api/session").status_code == 401
