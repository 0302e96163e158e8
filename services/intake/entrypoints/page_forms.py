"""The forms of the pages and how a typed wish becomes a window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from services.intake.application.message_reading import window_value, windows_for
from services.intake.application.ports import Ports
from services.intake.domain.time_phrases import TimeKind, understand
from services.intake.domain.windows import Window, offered_windows
from shared.clock import local
from shared.contracts.intake import Window as PublishedWindow
from shared.errors import Invalid
from shared.vietnamese import phones
from shared.vietnamese.text import nfc
from shared.web.forms import FormState, Submission, check

Name = Annotated[str, AfterValidator(nfc), StringConstraints(min_length=2, max_length=80)]
Address = Annotated[str, AfterValidator(nfc), StringConstraints(min_length=2, max_length=300)]
Phone = Annotated[str, StringConstraints(max_length=30)]


def _phone(text: str) -> str:
    try:
        phones.parse(text)
    except Invalid as refused:
        raise ValueError(refused.message) from None
    return text


class WhereForm(BaseModel):
    """Who asks, and where a worker should come."""

    procedure_code: str = Field(min_length=1, max_length=40, title="thủ tục")
    applicant_name: Name = Field(title="họ và tên")
    phone: Annotated[Phone, AfterValidator(_phone)] = Field(title="số điện thoại")
    address: Address = Field(title="địa chỉ")
    unit_id: str | None = Field(default=None, max_length=40, title="xã, phường")
    note: str = Field(default="", max_length=500, title="ghi chú")


class WhenForm(WhereForm):
    """The same with a time: one of the offered windows, or a wish in words."""

    window: str = Field(default="", max_length=80, title="khung giờ")
    wish: str = Field(default="", max_length=200, title="giờ khác")


class ConfirmForm(WhenForm):
    """The same with the consent, which is never ticked beforehand."""

    consent: bool = Field(default=False, title="sự đồng ý")


class OperatorForm(ConfirmForm):
    """What an operator enters on one page."""

    channel: Literal["phone", "email", "facebook"] = Field(default="phone", title="kênh")


class CodeForm(BaseModel):
    """What opens the status page."""

    code: str = Field(min_length=1, max_length=20, title="mã yêu cầu")
    last4: str = Field(pattern=r"^\s*[0-9]{4}\s*$", title="4 số cuối điện thoại")


def read(form: Submission, model: type[BaseModel]) -> FormState[Any]:
    """The form read as `model`."""
    return check(form, model)


def window_choices(now: datetime, ports: Ports, wish: str = "", days: int = 3) -> list[tuple[str, str]]:
    """(value, text) of the windows to choose from: nearest to a wish, else the next ones."""
    windows = wished_windows(wish, now, ports) if wish else offered_windows(now, ports.calendar, days)
    return [(window_value(window), window.text) for window in windows]


def wished_windows(wish: str, now: datetime, ports: Ports) -> list[Window]:
    """The windows nearest to a wish in words. Raises Invalid with what to say instead."""
    meant = understand(wish, now, ports.calendar)
    if meant.kind in (TimeKind.NONE, TimeKind.AMBIGUOUS):
        text = meant.question or "Chưa hiểu giờ này. Ví dụ: “sáng thứ Sáu”, “14h ngày 27/11”."
        raise Invalid(text, code="window.unclear", fields={"wish": text})
    return windows_for(meant, now, ports)


def wish_notes(wish: str, now: datetime, ports: Ports) -> str:
    """Why the wished day will not do and which comes next, in plain words; empty when it will."""
    return " ".join(understand(wish, now, ports.calendar).notes) if wish else ""


def agreed_wish(wish: str, now: datetime, ports: Ports) -> Window:
    """The window that a wish in words means.

    Raises Invalid with the nearest windows as hints where none fits the day and hours that were said:
    nobody may be promised another day than the one spoken of without noticing.
    """
    meant = understand(wish, now, ports.calendar)
    windows = wished_windows(wish, now, ports)
    first = windows[0]
    begin, end = local(first.start).time(), local(first.end).time()
    said_day = not meant.dates or first.day in meant.dates
    said_hours = meant.start is None or meant.end is None or (begin < meant.end and meant.start < end)
    if said_day and said_hours and not meant.notes:
        return first
    text = " ".join(meant.notes) or "Không có khung giờ nào đúng như vậy."
    hints = tuple(f"Hẹn {window.text}" for window in windows[:3])
    raise Invalid(text, code="window.not_as_wished", fields={"wish": text}, hints=hints)


def parse_window(value: str) -> PublishedWindow:
    """The window of a form value. Raises Invalid."""
    try:
        start, _, end = value.partition("/")
        return PublishedWindow(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
    except ValueError:
        text = "Ông/Bà chọn một khung giờ."
        raise Invalid(text, code="window.missing", fields={"window": text}) from None


def window_text(value: str) -> str:
    """The words of a form value, empty when it is none."""
    try:
        window = parse_window(value)
        return Window(window.start, window.end).text
    except (Invalid, ValueError):
        return ""


def carried(form: FormState[Any], names: tuple[str, ...]) -> Mapping[str, str]:
    """The values of earlier steps, to be carried on in hidden fields."""
    return {name: form.value(name) for name in names if form.value(name)}
