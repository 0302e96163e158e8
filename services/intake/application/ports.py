"""The outside things that intake's handlers and queries use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from services.intake.application.notice_port import NoticeChannel
from services.intake.domain.addresses import Geocoder
from services.intake.domain.catalogue import Fare, Procedure
from services.intake.domain.gazetteer import Gazetteer
from shared.actor import Role
from shared.vietnamese.calendar import WorkingCalendar


class Passwords(Protocol):
    """Keeps passwords as slow hashes."""

    def hash(self, password: str) -> str:
        """A salted hash to store."""
        ...

    def matches(self, password: str, password_hash: str) -> bool:
        """Whether the password is the one behind the hash. Takes as long for a wrong one."""
        ...


@dataclass(frozen=True)
class SignInRules:
    """Which accounts open by which proof.

    `passwords_for` are the accounts that may use a password, None for all. `link_by` says how a first
    sign-in at the identity provider finds its account. `roles` maps names in the provider's role claim to
    ours; while it is empty a role comes from our account only, and a place always does.
    """

    passwords_for: frozenset[str] | None = None
    link_by: Literal["email", "account", "nothing"] = "nothing"
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True)
class Ports:
    """Reference data that intake owns, and its ways to the outside. `demo` opens demo accounts."""

    procedures: tuple[Procedure, ...]
    fares: tuple[Fare, ...]
    gazetteer: Gazetteer
    calendar: WorkingCalendar
    geocoder: Geocoder
    passwords: Passwords
    zalo: NoticeChannel
    call_list: NoticeChannel
    hotline: str
    demo: bool
    sign_in_rules: SignInRules = field(default_factory=SignInRules)
