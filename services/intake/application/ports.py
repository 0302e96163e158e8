"""The outside things that intake's handlers and queries use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.intake.application.notice_port import NoticeChannel
from services.intake.domain.addresses import Geocoder
from services.intake.domain.catalogue import Fare, Procedure
from services.intake.domain.gazetteer import Gazetteer
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
