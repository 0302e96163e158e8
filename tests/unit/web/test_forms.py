"""Forms: Vietnamese findings, the typed text kept, one effect per key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from shared.errors import RuleBroken
from shared.web.forms import FormState, Submission, check

PAGE = {"accept": "text/html"}
Read = Callable[[str, str], str]


class Asked(BaseModel):
    """A form of the tests."""

    name: str = Field(title="họ và tên", min_length=2, max_length=10)
    pages: int = Field(default=1, title="số trang", ge=1)
    day: str | None = None
    kinds: list[str] = Field(default_factory=list)
    consent: bool = False


def sent(**values: str | tuple[str, ...]) -> Submission:
    """A submission with these fields."""
    return Submission({name: (text,) if isinstance(text, str) else text for name, text in values.items()})


def test_a_good_form_becomes_a_model() -> None:
    """Typed text would not reach the command."""
    state = check(sent(name="Sen", pages="3", kinds=("a", "b"), consent="true"), Asked)
    assert state.model == Asked(name="Sen", pages=3, kinds=["a", "b"], consent=True)
    assert not state.errors


def test_an_empty_field_counts_as_not_sent() -> None:
    """An untouched optional field would be refused, a required one called too short."""
    assert check(sent(name="Sen", pages="", day="", kinds=""), Asked).model == Asked(name="Sen")
    assert check(sent(name=""), Asked).errors == {"name": "Chưa nhập họ và tên."}


def test_each_wrong_field_has_a_sentence_and_keeps_its_text() -> None:
    """People would have to type everything again, without knowing what was wrong."""
    state = check(sent(name="S" * 11, pages="hai"), Asked)
    assert state.model is None
    assert state.errors == {
        "name": "Họ và tên dài quá 10 ký tự.",
        "pages": "Số trang phải là số nguyên.",
    }
    assert state.value("pages") == "hai"
    assert state.message


def test_a_refusal_of_the_domain_lands_at_its_field() -> None:
    """A window in the past would be refused somewhere else than beside the window."""
    state = check(sent(name="Sen"), Asked)
    refused = state.with_problem(RuleBroken("Đã qua.", fields={"day": "Chọn ngày khác."}, hints=("26/11",)))
    assert (refused.message, refused.error("day"), refused.hints) == (
        "Đã qua.",
        "Chọn ngày khác.",
        ("26/11",),
    )
    assert refused.model is None
    assert refused.value("name") == "Sen"


def test_a_blank_form_shows_its_presets() -> None:
    """Values known beforehand would not be filled in."""
    state: FormState[Asked] = FormState.blank(name="Sen")
    assert state.value("name") == "Sen"
    assert state.value("day") == state.error("day") == ""
    assert state.chosen("name", "Sen")


def test_a_wrong_form_comes_back_with_findings_and_text(client: TestClient, field_of: Read) -> None:
    """The page would lose what a citizen typed on a phone."""
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    form = {"name": "Nguyễn " * 9, "kind": "copy", "csrf": token, "idempotency_key": "key-00001"}
    page = client.post("/notes", data=form, headers=PAGE)
    assert page.status_code == 422
    assert "Họ và tên dài quá 40 ký tự." in page.text
    assert 'aria-describedby="h-name e-name" aria-invalid="true"' in page.text
    assert ("Nguyễn " * 9).strip() in page.text
    assert '<a href="#f-name">' in page.text
    assert 'value="copy" checked' in page.text


def test_text_is_composed_and_free_of_control_characters(client: TestClient, field_of: Read) -> None:
    """Two spellings of one name would differ in the database; NUL would break exports."""
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    decomposed = " Tra\u0302\u0300n\x00 "
    form = {"name": decomposed + "x" * 40, "csrf": token, "idempotency_key": "key-00001"}
    page = client.post("/notes", data=form, headers=PAGE)
    assert "Trần " + "x" * 40 in page.text


def test_the_page_carries_a_fresh_key_and_the_server_takes_it(client: TestClient, field_of: Read) -> None:
    """A double click would act twice."""
    first, second = (client.get("/", headers=PAGE).text for _ in range(2))
    keys = {field_of(page, "idempotency_key") for page in (first, second)}
    assert len(keys) == 2
    form = {"name": "Sen", "csrf": field_of(second, "csrf"), "idempotency_key": keys.pop()}
    assert client.post("/notes", data=form).status_code == 303


@pytest.mark.parametrize("given", [None, "", "short", "x" * 81, "có dấu đây", "a b c d e f"])
def test_a_missing_or_odd_key_is_refused(client: TestClient, field_of: Read, given: str | None) -> None:
    """Without a usable key a repetition could not be recognised."""
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    form = {"name": "Sen", "csrf": token} | ({"idempotency_key": given} if given is not None else {})
    answer = client.post("/notes", data=form)
    assert answer.status_code == 422
    assert answer.json()["code"].startswith("idempotency.")


def test_the_key_may_come_by_header_quoted_or_not(client: TestClient, field_of: Read) -> None:
    """Programs send the key as a header, by the standard as a quoted string."""
    token = field_of(client.get("/", headers=PAGE).text, "csrf")
    for key in ('"key-00001"', "key-00001"):
        sent = client.post("/notes", data={"name": "Sen", "csrf": token}, headers={"idempotency-key": key})
        assert sent.status_code == 303
