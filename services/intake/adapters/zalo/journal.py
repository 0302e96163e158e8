"""The memory that keeps a notice from being sent twice.

A step is written *before* the network call and completed after it. What is found open later was cut
off in between (a crash, a lost answer), and is looked into instead of repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Protocol


class Way(StrEnum):
    """The three ways Zalo takes a message."""

    MESSAGE = "zalo.message"
    TEMPLATE_BY_USER = "zalo.template.user"
    TEMPLATE_BY_PHONE = "zalo.template.phone"


@dataclass(frozen=True)
class Step:
    """One part of a notice on its way: open while `sent_at` is None."""

    notice_id: str
    part: int
    way: Way
    digest: str
    started_at: datetime
    sent_at: datetime | None = None
    provider_id: str = ""


class SendJournal(Protocol):
    """Keeps steps. Every method is its own committed transaction."""

    def steps(self, notice_id: str) -> list[Step]:
        """The steps of a notice, by part."""
        ...

    def begin(self, step: Step) -> bool:
        """Write an open step; False when that part has one already."""
        ...

    def complete(self, notice_id: str, part: int, provider_id: str, at: datetime) -> None:
        """The part was sent. A step completed before keeps its first receipt."""
        ...

    def withdraw(self, notice_id: str, part: int) -> None:
        """The open step certainly had no effect: forget it."""
        ...


class MemoryJournal:
    """A journal for tests: forgets everything with the process."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, int], Step] = {}
        self._lock = Lock()

    def steps(self, notice_id: str) -> list[Step]:
        """See `SendJournal.steps`."""
        with self._lock:
            return [step for (owner, _), step in sorted(self._steps.items()) if owner == notice_id]

    def begin(self, step: Step) -> bool:
        """See `SendJournal.begin`."""
        with self._lock:
            return self._steps.setdefault((step.notice_id, step.part), step) is step

    def complete(self, notice_id: str, part: int, provider_id: str, at: datetime) -> None:
        """See `SendJournal.complete`."""
        with self._lock:
            step = self._steps.get((notice_id, part))
            if step is not None and step.sent_at is None:
                self._steps[notice_id, part] = replace(step, sent_at=at, provider_id=provider_id)

    def withdraw(self, notice_id: str, part: int) -> None:
        """See `SendJournal.withdraw`."""
        with self._lock:
            step = self._steps.get((notice_id, part))
            if step is not None and step.sent_at is None:
                del self._steps[notice_id, part]
