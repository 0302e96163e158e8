"""The webhook events intake understands, read strictly where it matters and leniently elsewhere.

All ids and timestamps are strings, because they exceed 2^53. Unknown fields are ignored and unknown
event names kept: Zalo adds both without notice.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from shared.errors import Invalid

CONSOLE_MESSAGE_ID = "This is message id"
CONSOLE_TEXT = "This is testing message"

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class MalformedWebhook(Invalid):
    """The body is no Zalo event: not JSON, or a known event without what it must carry."""

    status = 400
    code = "zalo.event_malformed"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Party(_Part):
    """A sender or recipient."""

    id: Identifier


class Event(_Part):
    """What every event carries. `idempotency_key` is the same for every delivery of one event."""

    event_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    timestamp: Annotated[str, StringConstraints(pattern=r"^[0-9]{10,16}$")]
    app_id: str | None = None
    user_id_by_app: str | None = None
    idempotency_key: str = ""


class _FromUser(Event):
    sender: Party
    recipient: Party

    @property
    def user_id(self) -> str:
        """The citizen's user id, valid for our Official Account only."""
        return self.sender.id


class TextMessage(_Part):
    """The message of `user_send_text`."""

    msg_id: Identifier
    text: Annotated[str, StringConstraints(max_length=10_000)]

    @field_validator("text")
    @classmethod
    def _storable(cls, text: str) -> str:
        """PostgreSQL stores no NUL."""
        return text.replace("\x00", "")


class UserSendText(_FromUser):
    """A citizen wrote, or pressed a button whose payload arrives as text."""

    message: TextMessage


class Coordinates(_Part):
    """A point in degrees, WGS 84. Zalo spells the fields both `latitude/longitude` and `lat/long`."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _both_spellings(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {
            "latitude": _first(given, "latitude", "lat"),
            "longitude": _first(given, "longitude", "long", "lng", "lon"),
        }


class LocationMessage(_Part):
    """The message of `user_send_location`: the first attachment with coordinates is the point."""

    msg_id: Identifier
    coordinates: Coordinates

    @model_validator(mode="before")
    @classmethod
    def _unpack_attachment(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        attachments = given.get("attachments")
        for attachment in attachments if isinstance(attachments, list) else []:
            payload = attachment.get("payload") if isinstance(attachment, dict) else None
            if isinstance(payload, dict) and "coordinates" in payload:
                return {"msg_id": given.get("msg_id"), "coordinates": payload["coordinates"]}
        raise ValueError("no attachment with coordinates")


class UserSendLocation(_FromUser):
    """A citizen sent a point on the map: the best address there is."""

    message: LocationMessage


class SharedContact(_Part):
    """Contact data the citizen chose to share; empty string where left out."""

    name: str = ""
    phone: str = ""
    address: str = ""
    ward: str = ""
    district: str = ""
    city: str = ""

    @model_validator(mode="before")
    @classmethod
    def _both_shapes(cls, given: Any) -> Any:
        """The newer shape nests the address; the older one is flat and still had districts."""
        if not isinstance(given, dict):
            return given
        nested = given.get("full_address")
        full = nested if isinstance(nested, dict) else {}
        found = {
            "name": given.get("name"),
            "phone": given.get("phone"),
            "address": full.get("user_address", given.get("address")),
            "ward": full.get("user_ward", given.get("ward")),
            "district": full.get("user_district", given.get("district")),
            "city": full.get("user_city", given.get("city")),
        }
        return {name: value for name, value in found.items() if value is not None}

    @field_validator("*")
    @classmethod
    def _bounded(cls, text: str) -> str:
        return text.strip()[:500]


class UserSubmitInfo(_FromUser):
    """The answer to a contact card: name, phone and address, consented to by the act of sending."""

    info: SharedContact

    @model_validator(mode="before")
    @classmethod
    def _info_anywhere(cls, given: Any) -> Any:
        if isinstance(given, dict) and "info" not in given and isinstance(given.get("message"), dict):
            return {**given, "info": given["message"].get("info")}
        return given


class _Following(Event):
    follower: Party
    oa_id: str | None = None

    @property
    def user_id(self) -> str:
        """The citizen's user id, valid for our Official Account only."""
        return self.follower.id


class Follow(_Following):
    """A citizen follows our account, which opens the window for messages."""


class Unfollow(_Following):
    """A citizen left: consultation messages no longer reach them."""


class DeliveryMessage(_Part):
    """The message of a delivery receipt."""

    msg_id: str | None = None
    tracking_id: str | None = None
    delivery_time: str | None = None


class UserReceivedMessage(Event):
    """Delivery receipt. Template messages by phone carry our tracking id, chat messages do not."""

    message: DeliveryMessage


class ConsoleTest(Event):
    """The sample that Zalo's console sends to try the address: acknowledged, never stored."""


class Unknown(Event):
    """An event nobody here uses yet; `raw` is its whole body."""

    raw: dict[str, Any]


ZaloEvent = (
    UserSendText
    | UserSendLocation
    | UserSubmitInfo
    | Follow
    | Unfollow
    | UserReceivedMessage
    | ConsoleTest
    | Unknown
)

_KNOWN: dict[str, type[Event]] = {
    "user_send_text": UserSendText,
    "user_send_location": UserSendLocation,
    "user_submit_info": UserSubmitInfo,
    "follow": Follow,
    "unfollow": Unfollow,
    "user_received_message": UserReceivedMessage,
}


def parse_event(body: bytes) -> ZaloEvent:
    """Read one webhook body.

    An event with a name nobody handles comes back as `Unknown`. Raises `MalformedWebhook` (400) for
    anything that is not a JSON object with a name and a timestamp, and for a handled event that
    lacks its sender, message id, text or point.
    """
    document = _read_object(body)
    kind = ConsoleTest if _is_console_test(document) else _KNOWN.get(str(document.get("event_name")), Unknown)
    keyed = {**document, "idempotency_key": _key(document, body), "raw": document}
    try:
        return kind.model_validate(keyed)  # type: ignore[return-value]
    except ValidationError as error:
        places = ", ".join(sorted({".".join(str(part) for part in item["loc"]) for item in error.errors()}))
        raise MalformedWebhook(f"Sự kiện Zalo thiếu hoặc sai: {places or 'cấu trúc'}.") from error


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
        json.dumps(document, ensure_ascii=False).encode()  # half a character would break the database later
    except (ValueError, RecursionError) as error:
        raise MalformedWebhook("Nội dung gửi đến không phải JSON hợp lệ.") from error
    if not isinstance(document, dict):
        raise MalformedWebhook("Nội dung gửi đến không phải một sự kiện Zalo.")
    return document


def _is_console_test(document: dict[str, Any]) -> bool:
    message = document.get("message")
    return (
        document.get("event_name") == "user_send_text"
        and isinstance(message, dict)
        and message.get("msg_id") == CONSOLE_MESSAGE_ID
        and message.get("text") == CONSOLE_TEXT
    )


def _key(document: dict[str, Any], body: bytes) -> str:
    """Event name + message id, which Zalo repeats on every retry; else the hash of the raw body."""
    message = document.get("message")
    message_id = message.get("msg_id") if isinstance(message, dict) else None
    if isinstance(message_id, str | int) and 0 < len(str(message_id)) <= 128:
        return f"{document.get('event_name')}:{message_id}"
    return hashlib.sha256(body).hexdigest()


def _first(given: dict[str, Any], *names: str) -> Any:
    return next((given[name] for name in names if name in given), math.nan)
