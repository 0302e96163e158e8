"""The one port through which a citizen is told something.

A channel promises one thing above all: the same notice is never knowingly sent twice. Callers keep a
notice until `send` returned a receipt or raised a final problem, and may call again as often as they
like: after a success the same receipt comes back, marked `duplicate`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Protocol

from shared.errors import Problem

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


class Channel(StrEnum):
    """How a citizen asked to be told."""

    ZALO = "zalo"
    """The address is a Zalo user id of our Official Account."""
    PHONE = "phone"
    """The address is a phone number in E.164 or national spelling."""
    NONE = "none"
    """No address: somebody calls, or the citizen looks at the status page."""


class NoticeKind(StrEnum):
    """What a notice tells; each kind but `OTHER` has one approved Zalo template."""

    REQUEST_CONFIRMED = "request_confirmed"
    WORKER_COMING = "worker_coming"
    VISIT_RESCHEDULED = "visit_rescheduled"
    VISIT_FAILED = "visit_failed"
    REQUEST_CANCELLED = "request_cancelled"
    DOSSIER_COLLECTED = "dossier_collected"
    DOSSIER_ACCEPTED = "dossier_accepted"
    SUPPLEMENT_NEEDED = "supplement_needed"
    RESULT_READY = "result_ready"
    RESULT_DELIVERED = "result_delivered"
    DUE_DATE_MOVED = "due_date_moved"
    OTHER = "other"
    """No template says it: free text within the window, else a call."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a notice goes.

    `phone` is a second way for a Zalo recipient who cannot be written to by user id.
    `last_interaction_at` is when this person last wrote to (or followed) our account: it opens
    Zalo's seven-day window for free text; None means never or unknown.
    """

    channel: Channel
    address: str = ""
    phone: str | None = None
    last_interaction_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.channel is not Channel.NONE and not self.address:
            raise ValueError(f"a recipient by {self.channel} needs an address")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one citizen, once.

    `text` is the whole message in Vietnamese; it never holds full name, procedure and address
    together. `facts` are the same facts by name for template messages, whose text Zalo approved
    beforehand: `code` (request code), `window`, `day`, `dossier_code`, `due_date`, `amount`,
    `papers`, `reason`, `worker`; which kind needs which is listed in `adapters.zalo.templates`.
    """

    id: str
    kind: NoticeKind
    recipient: Recipient
    text: str
    facts: Mapping[str, str] = field(default_factory=lambda: _NO_FACTS)

    def __post_init__(self) -> None:
        if not self.id or len(self.id) > 44:
            raise ValueError("a notice id has 1 to 44 characters: with its part number it must fit Zalo's 48")
        if not self.text.strip():
            raise ValueError("a notice says something")

    def digest(self) -> str:
        """SHA-256 of what is said: tells a repeat from another notice under the same id.

        Where it goes is left out, because a citizen may change the channel between two attempts.
        """
        return hashlib.sha256(f"{self.kind}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a channel took a notice.

    `way` says how (`zalo.message`, `zalo.template.user`, `zalo.template.phone`, `log`),
    `provider_id` is the provider's message id ("" when it gave none), `duplicate` is True when an
    earlier call had already sent it and this call did nothing.
    """

    notice_id: str
    way: str
    provider_id: str
    sent_at: datetime
    duplicate: bool = False


class NoticeProblem(Problem):
    """A notice was not (certainly) sent; the subclass says what the caller does next."""

    code = "notice.failed"
    status = 502


class NoticeDelayed(NoticeProblem):
    """Certainly not sent, and worth another try after `retry_after`: rate limit, outage, quota."""

    code = "notice.delayed"
    status = 503
    retryable: ClassVar[bool] = True

    def __init__(self, message: str, *, retry_after: timedelta = timedelta(seconds=30)) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ChannelStopped(NoticeProblem):
    """Certainly not sent: the account, token or template is wrongly set up. Alarm; retry once repaired."""

    code = "notice.channel_stopped"
    status = 503
    retryable: ClassVar[bool] = True


class NoticeUndeliverable(NoticeProblem):
    """Final for this channel: the citizen cannot be reached this way. Go to the next channel or call."""

    code = "notice.undeliverable"


class NoticeRejected(NoticeProblem):
    """Final: the notice itself is wrong (missing fact, too long, id used for another text). Our defect."""

    code = "notice.rejected"
    status = 500


class NoticeUncertain(NoticeProblem):
    """Nobody can say whether it was sent, and the channel will not send it again by itself.

    Final for the caller: a person looks (call list). If a delivery receipt settles it later, calling
    `send` again returns the receipt.
    """

    code = "notice.uncertain"


class NoticeChannel(Protocol):
    """A way to reach citizens. Implementations pass `tests/contract/notice_channel`."""

    def send(self, notice: Notice) -> Receipt:
        """Send `notice` unless it has been sent before; a repeat is a success.

        Call it outside any database transaction: a channel keeps its own journal around the network
        call, and an open writer would make it wait.

        Raises `NoticeDelayed` and `ChannelStopped` (try again), `NoticeUndeliverable`,
        `NoticeRejected` and `NoticeUncertain` (final).
        """
        ...
