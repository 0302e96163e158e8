"""The way to the identity provider and back, with a provider that believes everything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from services.intake.application.federated_sign_in import PATIENCE, FederatedSignIn, Return
from services.intake.application.identity_port import ProofRefused, ProvenIdentity, UnknownPerson
from services.intake.application.ports import SignInRules
from services.intake.application.records import IdentityRow, SignInAttempt
from services.intake.entrypoints.cli import app as command_line
from shared.clock import DemoClock
from shared.testing.postgres import Postgres
from tests.integration.intake.conftest import Intake, open_intake
from tests.integration.intake.oidc_support import DISPATCHER, register

ISSUER = "https://dinh-danh.example"
BROWSER = "b" * 43
BOTH = pytest.mark.parametrize("intake", ["sqlite", "postgres"], indirect=True)
"""Races are settled by the database, and each kind does it in its own way."""


@dataclass
class TrustingProvider:
    """Takes every code for one person and remembers what it was asked."""

    subject: str = "s-1"
    asked: list[dict[str, str]] = field(default_factory=list)
    redeemed: list[dict[str, str]] = field(default_factory=list)

    def departure(self, *, state: str, nonce: str, verifier: str, another: bool) -> str:
        """The state is the address."""
        self.asked.append({"state": state, "nonce": nonce, "verifier": verifier})
        return state

    def check_sender(self, issuer: str) -> None:
        """Anybody."""

    def arrival(self, *, code: str, nonce: str, verifier: str) -> ProvenIdentity:
        """The one person."""
        self.redeemed.append({"nonce": nonce, "verifier": verifier})
        return ProvenIdentity(ISSUER, self.subject, email=DISPATCHER["email"])

    def farewell(self, id_token: str, back_to: str) -> str | None:
        """Nowhere."""
        return None


@dataclass
class Clock:
    """Stands still until it is moved."""

    instant: datetime = datetime(2026, 11, 25, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self.instant


@pytest.fixture
def intake(request: pytest.FixtureRequest, tmp_path: Path, clock: DemoClock) -> Iterator[Intake]:
    """Intake on SQLite, or on PostgreSQL where a test asks for both."""
    other = {}
    if getattr(request, "param", "sqlite") == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        other["database"] = server.new_database()
    opened = open_intake(tmp_path, clock, **other)
    yield opened
    opened.service.engine.dispose()


@pytest.fixture
def provider() -> TrustingProvider:
    """The provider that believes everything."""
    return TrustingProvider()


@pytest.fixture
def clock_here() -> Clock:
    """The machine's clock."""
    return Clock()


@pytest.fixture
def door(intake: Intake, provider: TrustingProvider, clock_here: Clock) -> FederatedSignIn:
    """The way in, with one account that is recognised by its address."""
    register(intake, DISPATCHER)
    service = intake.service
    bus = replace(service.bus, ports=replace(service.bus.ports, sign_in_rules=SignInRules(link_by="email")))
    return FederatedSignIn(service.transactions, bus, provider, clock_here)


def test_what_was_asked_with_is_what_is_redeemed_with(
    door: FederatedSignIn, provider: TrustingProvider
) -> None:
    """A nonce or verifier of another sign-in would make every honest one fail, or every forged one pass."""
    first, second = door.begin(BROWSER, "/a"), door.begin(BROWSER, "/b")
    assert door.finish(BROWSER, Return(second, "code")).target == "/b"
    assert door.finish(BROWSER, Return(first, "code")).target == "/a"
    expected = [{k: asked[k] for k in ("nonce", "verifier")} for asked in reversed(provider.asked)]
    assert provider.redeemed == expected


def test_a_question_is_good_for_ten_minutes_and_then_forgotten(
    door: FederatedSignIn, intake: Intake, clock_here: Clock
) -> None:
    """States would be good for ever, and their table grow for ever."""
    state = door.begin(BROWSER, "/")
    clock_here.instant += PATIENCE - timedelta(seconds=1)
    assert door.finish(BROWSER, Return(door.begin(BROWSER, "/"), "code"))
    clock_here.instant += timedelta(seconds=1)
    with pytest.raises(ProofRefused) as refusal:
        door.finish(BROWSER, Return(state, "code"))
    assert refusal.value.reason == "expired"
    clock_here.instant += PATIENCE
    door.begin(BROWSER, "/")
    with intake.service.transactions.reading() as session:
        assert len(session.exec(select(SignInAttempt)).all()) == 1


def test_the_database_holds_nothing_that_opens_a_sign_in(door: FederatedSignIn, intake: Intake) -> None:
    """Whoever reads a backup could finish somebody's sign-in."""
    state = door.begin(BROWSER, "/")
    with intake.service.transactions.reading() as session:
        (row,) = session.exec(select(SignInAttempt)).all()
    assert state not in (row.state, row.browser)
    assert row.browser != BROWSER
    door.finish(BROWSER, Return(state, "code"))
    with intake.service.transactions.reading() as session:
        (row,) = session.exec(select(SignInAttempt)).all()
    assert (row.nonce, row.verifier) == ("", "")


@BOTH
def test_of_many_answers_at_once_one_is_taken(door: FederatedSignIn, provider: TrustingProvider) -> None:
    """A double click, or a thief who is as quick as the person, would sign in twice with one answer."""
    state = door.begin(BROWSER, "/")

    def finish(_: int) -> str:
        try:
            return door.finish(BROWSER, Return(state, "code")).actor.account
        except ProofRefused as refusal:
            return refusal.reason

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(finish, range(8)))
    assert sorted(answers) == ["dieudo1"] + ["replayed"] * 7
    assert len(provider.redeemed) == 1


@BOTH
def test_first_sign_ins_at_once_link_once(door: FederatedSignIn, intake: Intake) -> None:
    """Two windows opened together would show a failure, or link an account twice."""
    states = [door.begin(BROWSER, "/") for _ in range(6)]
    with ThreadPoolExecutor(6) as crowd:
        arrivals = list(crowd.map(lambda state: door.finish(BROWSER, Return(state, "code")), states))
    assert {arrival.actor.account for arrival in arrivals} == {"dieudo1"}
    with intake.service.transactions.reading() as session:
        assert [row.linked_by for row in session.exec(select(IdentityRow)).all()] == ["email"]


def test_an_administrator_links_and_unlinks(
    door: FederatedSignIn,
    intake: Intake,
    provider: TrustingProvider,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Who has no mail could never work, and a successor never take over."""
    provider.subject = "s-first"
    assert door.finish(BROWSER, Return(door.begin(BROWSER, "/"), "code")).actor.account == "dieudo1"
    provider.subject = "s-second"
    with pytest.raises(UnknownPerson):
        door.finish(BROWSER, Return(door.begin(BROWSER, "/"), "code"))

    for name, value in {
        "DATABASE": str(intake.service.engine.url),
        "OIDC_ISSUER": ISSUER,
        "OIDC_CLIENT_ID": "tannha",
        "DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"TANNHA_INTAKE_{name}", value)
    run = CliRunner().invoke
    assert run(command_line, ["accounts", "link", "dieudo1", "s-second"]).exit_code == 1, "it is taken"
    assert run(command_line, ["accounts", "unlink", "dieudo1"]).exit_code == 0
    assert run(command_line, ["accounts", "unlink", "dieudo1"]).exit_code == 1
    assert run(command_line, ["accounts", "link", "nobody", "s-second"]).exit_code == 1
    assert run(command_line, ["accounts", "link", "dieudo1", "s-second"]).exit_code == 0
    assert door.finish(BROWSER, Return(door.begin(BROWSER, "/"), "code")).actor.account == "dieudo1"
    provider.subject = "s-first"
    with pytest.raises(UnknownPerson):
        door.finish(BROWSER, Return(door.begin(BROWSER, "/"), "code"))
