"""What pydantic found, told to people."""

from __future__ import annotations

import pytest

from shared.web.validation import field_errors


@pytest.mark.parametrize(
    ("kind", "location", "sentence"),
    [
        ("json_invalid", ("body", 1), "Nội dung gửi lên không phải JSON hợp lệ."),
        ("model_attributes_type", ("body",), "Nội dung gửi lên chưa đúng dạng."),
    ],
)
def test_what_concerns_the_whole_is_said_of_the_whole(
    kind: str, location: tuple[str | int, ...], sentence: str
) -> None:
    """A program would be told that its field named 1 is wrong, a person would read an English word."""
    assert field_errors([{"type": kind, "loc": location}], {}) == {"body": sentence}
