"""Reading forms: typed text into a pydantic model, with a Vietnamese sentence for each field at fault.

    @router.post("/requests", dependencies=[allow(Role.OPERATOR)])
    def create(request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        state = check(form, PhoneRequest)
        if state.model is None:
            return render(request, "request_form.html", form=state, status=422)

The label of a field is its pydantic `title` ("họ và tên"). What was typed is kept for showing it again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from shared.errors import Invalid, Problem
from shared.vietnamese.text import nfc
from shared.web.validation import field_errors

M = TypeVar("M", bound=BaseModel)
_KEY_FIELD = "idempotency_key"
_KEY_SHAPE = re.compile(r"^[A-Za-z0-9_.:-]{8,80}$")
_MANY = (list, tuple, set, frozenset)


@dataclass(frozen=True)
class Submission:
    """What a form sent, in NFC and without outer blanks and control characters; files are left out."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a field (a checkbox follows its hidden default), or `default`."""
        return self.values[name][-1] if name in self.values else default

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may be ticked several times."""
        return self.values.get(name, ())


async def read_submission(request: Request) -> Submission:
    """The form of `request`; anything that is no form reads as an empty one."""
    values: dict[str, list[str]] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str):
            values.setdefault(name, []).append(_clean(value))
    return Submission({name: tuple(texts) for name, texts in values.items()})


SubmittedForm = Annotated[Submission, Depends(read_submission)]
"""Parameter of an endpoint: the form that was sent."""


@dataclass(frozen=True)
class FormState(Generic[M]):
    """A form as a template shows it: typed `values`, `errors` by field, and the `model` once all is well."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    model: M | None = None
    message: str = ""
    hints: tuple[str, ...] = ()

    @classmethod
    def blank(cls, **values: str) -> FormState[M]:
        """A form not sent yet, with `values` filled in beforehand."""
        return cls({name: (text,) for name, text in values.items()})

    def value(self, name: str) -> str:
        """The text to show in a field."""
        return self.values[name][-1] if self.values.get(name) else ""

    def chosen(self, name: str, option: str) -> bool:
        """Whether an option of a select, radio or checkbox field was picked."""
        return option in self.values.get(name, ())

    def error(self, name: str) -> str:
        """The sentence under a field, empty when it is well."""
        return self.errors.get(name, "")

    def with_problem(self, problem: Problem) -> FormState[M]:
        """The same form after the domain refused it: its message, fields and hints, the text kept."""
        return replace(
            self,
            model=None,
            message=problem.message,
            errors={**self.errors, **problem.fields},
            hints=problem.hints,
        )


def check(form: Submission, model: type[M]) -> FormState[M]:
    """`form` read as `model`. An empty field counts as not sent, so that defaults apply."""
    data: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        sent = tuple(text for text in form.all(info.alias or name) if text)
        if sent:
            data[info.alias or name] = list(sent) if _takes_many(info.annotation) else sent[-1]
    try:
        return FormState(values=form.values, model=model.model_validate(data))
    except ValidationError as error:
        labels = {info.alias or name: info.title for name, info in model.model_fields.items() if info.title}
        errors = field_errors(error.errors(include_url=False), labels)
        message = errors.pop("body", "") or "Ông/Bà xem lại các mục được đánh dấu."
        return FormState(values=form.values, errors=errors, message=message)


async def idempotency_key(request: Request) -> str:
    """The key by which a repeated request has one effect: header `Idempotency-Key` or the hidden field.

    Raises Invalid when it is missing or has another shape than 8 to 80 characters of A-Z a-z 0-9 _ . : -
    """
    key = await maybe_idempotency_key(request)
    if key is None:
        raise Invalid("Yêu cầu thiếu khoá chống gửi trùng (Idempotency-Key).", code="idempotency.missing")
    return key


async def maybe_idempotency_key(request: Request) -> str | None:
    """The key if one was sent. Raises Invalid for a malformed one."""
    given = request.headers.get("idempotency-key")
    if given is None:
        sent = (await request.form()).get(_KEY_FIELD)
        given = sent if isinstance(sent, str) else None
    if given is None:
        return None
    key = given.strip().strip('"')  # RFC 9651 strings come quoted
    if not _KEY_SHAPE.match(key):
        raise Invalid("Khoá chống gửi trùng (Idempotency-Key) không hợp lệ.", code="idempotency.malformed")
    return key


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
"""Parameter of an endpoint that must have one effect only."""


def _clean(text: str) -> str:
    kept = (c for c in text.replace("\r\n", "\n") if c in "\n\t" or unicodedata.category(c) != "Cc")
    return nfc("".join(kept))


def _takes_many(annotation: Any) -> bool:
    if get_origin(annotation) in _MANY:
        return True
    return any(get_origin(part) in _MANY for part in get_args(annotation))
