"""The envelope every event travels in, and the base class of event bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset from UTC")
    return instant


Instant = Annotated[datetime, AfterValidator(_aware)]
"""A point in time that says its offset from UTC."""


Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A word that every database and every log can hold."""


class Contract(BaseModel):
    """A published shape: unknown fields are ignored, so that an owner may add some within a major version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ActorRef(Contract):
    """Who caused something: an account and the role it acted in. Never a name."""

    account: str
    role: str

    @classmethod
    def system(cls, service: str) -> ActorRef:
        """A service acting by itself (a rule, a sweep, an event it heard)."""
        return cls(account=f"system:{service}", role="system")


class Event(Contract):
    """The body of an event: what happened, in the past tense.

    `KIND` is its stable name inside the topic; `KEY` names the field whose value is the aggregate id,
    which is also the partition key and the unit of ordering.
    """

    KIND: ClassVar[str]
    KEY: ClassVar[str]

    @property
    def key(self) -> str:
        """The id of the aggregate this happened to."""
        return str(getattr(self, self.KEY))


class Envelope(Contract):
    """What is on the wire (JSON, UTF-8), one per Kafka record.

    `sequence` counts the events of one `key` in one topic from 1 without gaps: the consumer's gate
    relies on it. `occurred_at` is business time, `recorded_at` the moment of the transaction.
    """

    id: str = Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")
    type: Name
    version: int = Field(ge=1)
    source: Name
    topic: Name
    subject: Name
    key: Name
    sequence: int = Field(ge=1, le=2**31 - 1)
    occurred_at: Instant
    recorded_at: Instant
    actor: ActorRef
    traceparent: str = ""
    data: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The record value."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Envelope:
        """The envelope of a record value. Raises pydantic.ValidationError for anything else."""
        return cls.model_validate_json(raw)
