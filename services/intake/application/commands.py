"""What people and programs may ask of intake, in the imperative."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from shared.actor import Role
from shared.contracts.envelope import Instant
from shared.contracts.intake import Channel, Window
from shared.messaging.commands import Command
from shared.vietnamese.text import nfc

Text = Annotated[str, AfterValidator(nfc), StringConstraints(max_length=500)]
Name = Annotated[str, AfterValidator(nfc), StringConstraints(min_length=2, max_length=80)]


Account = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{1,39}$")]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class NewAccount(Command):
    """One person who may sign in: by the password, and without one only at the identity provider."""

    account: Account
    password: str | None = Field(default=None, min_length=8, max_length=128, repr=False)
    email: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    name: Name
    role: Role
    office: str | None = None
    unit: str | None = None
    worker: str | None = None
    demo: bool = False


class RegisterAccounts(Command):
    """Make these accounts exist with these passwords and places; others stay as they are."""

    accounts: tuple[NewAccount, ...] = Field(max_length=2000)


class OpenSignIn(Command):
    """Somebody leaves for the identity provider. State and browser are digests; times are the machine's."""

    state: str
    browser: str
    nonce: str = Field(repr=False)
    verifier: str = Field(repr=False)
    target: str = Field(max_length=500)
    now: Instant
    expires_at: Instant


class TakeSignIn(Command):
    """Somebody came back with a state: take what was kept for it, once."""

    state: str
    browser: str
    now: Instant


class LinkFirstSignIn(Command):
    """A person whom the provider proved and nobody here knows; `email` is verified, `claimed` is a claim."""

    issuer: str
    subject: Subject
    email: str = ""
    claimed: str = ""


class LinkIdentity(Command):
    """This account belongs to that person at the provider."""

    account: Account
    issuer: str
    subject: Subject


class UnlinkIdentity(Command):
    """This account belongs to nobody at the provider."""

    account: Account
    issuer: str


class EndSignIn(Command):
    """Somebody signs out: this token of theirs is no longer good. Times are the machine's."""

    account: str
    token_id: str
    issued_at: Instant
    now: Instant


class LockAccount(Command):
    """Nobody may sign in as this account any more, and whoever did is out."""

    account: Account
    now: Instant


class UnlockAccount(Command):
    """The account may be used again, after a new sign-in."""

    account: Account


class RequestDetails(Command):
    """What has to be known before a visit can be agreed."""

    procedure_code: str = Field(min_length=1, max_length=40)
    applicant_name: Name
    phone: str = Field(min_length=1, max_length=30)
    address: Annotated[str, AfterValidator(nfc), StringConstraints(min_length=2, max_length=300)]
    unit_id: str | None = Field(default=None, max_length=40)
    lat: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    lon: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    window: Window
    consent: bool
    note: Text = ""

    @field_validator("applicant_name")
    @classmethod
    def _a_name_has_letters(cls, name: str) -> str:
        if sum(character.isalpha() for character in name) < 2:
            raise ValueError("Họ và tên cần có chữ.")
        return name


class SubmitRequest(RequestDetails):
    """A citizen asks, by themselves or through an operator, with everything that is needed."""

    channel: Channel


class CompleteDraft(RequestDetails):
    """An operator fills in what a draft lacked, as agreed with the citizen."""

    request_id: str


class AskCitizen(Command):
    """Ask the citizen of a draft for what is missing."""

    request_id: str
    question: Annotated[str, AfterValidator(nfc), StringConstraints(min_length=5, max_length=500)]


class BookAgain(Command):
    """Another visit after one that could not be finished."""

    request_id: str
    window: Window


class Reschedule(Command):
    """Another window for a visit that has not begun."""

    request_id: str
    appointment_id: str
    window: Window
    reason: Text = ""


class CancelRequest(Command):
    """Withdraw a request before anything was picked up."""

    request_id: str
    reason: Text = ""


class ReceiveZaloMessage(Command):
    """A verified message from a citizen: text, a point, or shared contact data."""

    event_key: str = Field(min_length=1, max_length=300)
    zalo_user: str = Field(min_length=1, max_length=128)
    sent_at: Instant
    text: Annotated[str, AfterValidator(nfc), StringConstraints(max_length=10_000)] = ""
    lat: float | None = None
    lon: float | None = None
    contact_name: Text = ""
    contact_phone: str = Field(default="", max_length=40)
    contact_address: Text = ""


class NoteZaloContact(Command):
    """A citizen followed or left our account."""

    zalo_user: str = Field(min_length=1, max_length=128)
    at: datetime
    following: bool


class SettleNotice(Command):
    """What became of a notice: sent, failed for good, tried in vain, or held back with its whole channel.

    `not_before` is the machine's time of the next try.
    """

    notice_id: str
    outcome: Literal["sent", "failed", "tried", "held"]
    channel: str = ""
    reason: str = ""
    not_before: Instant | None = None


class AnnounceLostWindow(Command):
    """Move a visit for which no worker was found in time, and tell the citizen before its window starts."""

    appointment_id: str


class CountWrongLookup(Command):
    """Somebody typed a request code with digits that are not those of its phone."""

    code: str = Field(min_length=2, max_length=20)
