"""Signing in at the identity provider: away with a one-time state, back with a proof, in as an account.

Three things come from us alone and are used once: the state (binds the answer to the question), the nonce
(binds the token to the question) and the PKCE verifier (binds the code to us; RFC 7636). The browser keeps
a secret of its own, so that nobody can hand a foreign answer to somebody else's browser (RFC 6749, 10.12).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import structlog

from services.intake.application.commands import LinkFirstSignIn, OpenSignIn, TakeSignIn
from services.intake.application.handlers_sign_in import person_behind
from services.intake.application.identity_port import DeniedThere, IdentityProvider, ProvenIdentity
from services.intake.application.ports import Ports
from shared.actor import Actor
from shared.clock import Clock, system_clock
from shared.contracts.envelope import ActorRef
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions

PATIENCE = timedelta(minutes=10)
"""How long a person may take at the provider."""
BROWSER_SECRET_LENGTH = 43
_NOBODY_YET = ActorRef.system("intake")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Return:
    """What a browser brings back in the address (RFC 6749, 4.1.2; RFC 9207)."""

    state: str
    code: str = ""
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True)
class Arrival:
    """Somebody signed in: as whom, where they wanted to go, and the proof for signing out there later."""

    actor: Actor
    target: str
    id_token: str


@dataclass(frozen=True)
class FederatedSignIn:
    """The way to the provider and back. Time is the machine's, whatever business time is."""

    transactions: Transactions
    bus: CommandBus
    provider: IdentityProvider
    clock: Clock = system_clock

    def begin(self, browser: str, target: str, *, another: bool = False) -> str:
        """Where to send the browser that keeps the secret `browser`. Raises ProviderSilent.

        `target` is where the person wanted to go; `another` asks the provider for another person.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = self.provider.departure(state=state, nonce=nonce, verifier=verifier, another=another)
        now = self.clock()
        self.bus.execute(
            OpenSignIn(
                state=digest(state),
                browser=digest(browser),
                nonce=nonce,
                verifier=verifier,
                target=target,
                now=now,
                expires_at=now + PATIENCE,
            ),
            _NOBODY_YET,
        )
        return address

    def finish(self, browser: str, came: Return) -> Arrival:
        """Who is signed in now. Raises ProofRefused, DeniedThere, UnknownPerson, ProviderSilent."""
        self.provider.check_sender(came.issuer)
        question = TakeSignIn(state=digest(came.state), browser=digest(browser), now=self.clock())
        kept = self.bus.execute(question, _NOBODY_YET)
        if came.error or not came.code:
            log.warning("sign_in.denied_there", error=came.error[:60])
            raise DeniedThere
        proven = self.provider.arrival(code=came.code, nonce=kept["nonce"], verifier=kept["verifier"])
        return Arrival(self._actor(proven), kept["target"], proven.id_token)

    def _actor(self, proven: ProvenIdentity) -> Actor:
        known = self._known(proven)
        if known is None:
            first = LinkFirstSignIn(
                issuer=proven.issuer, subject=proven.subject, email=proven.email, claimed=proven.account
            )
            linked = self.bus.execute(first, _NOBODY_YET)
            log.info("sign_in.linked", account=linked["account"], by=linked["by"])
            known = self._known(proven)
        assert known is not None  # noqa: S101 - linked a moment ago, or refused
        return known

    def _known(self, proven: ProvenIdentity) -> Actor | None:
        with self.transactions.reading() as session:
            return person_behind(session, proven, cast("Ports", self.bus.ports))


def digest(secret: str) -> str:
    """How a one-time secret is kept: who reads the database cannot use it."""
    return hashlib.sha256(secret.encode()).hexdigest()
