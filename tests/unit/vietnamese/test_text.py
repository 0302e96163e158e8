"""Letters, masks and phone numbers."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.vietnamese import phones
from shared.vietnamese.text import fold, has_accents, mask_name, mask_phone, nfc, tone_key


def test_decomposed_text_is_composed() -> None:
    """A name typed on a phone that decomposes letters would not equal the same name from a computer."""
    assert nfc(unicodedata.normalize("NFD", " Điện Bàn ")) == "Điện Bàn"


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Đại Lộc", "dai loc"), ("  Quế   Sơn ", "que son"), ("Chơ Chun", "cho chun"), ("ĐƯỜNG", "duong")],
)
def test_fold_drops_every_accent(text: str, folded: str) -> None:
    """Text typed without accents would not find what is written with them."""
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    """A key made from a key would differ from the key."""
    assert fold(fold(text)) == fold(text)


def test_tone_key_ignores_where_the_tone_mark_sits() -> None:
    """ "Hoà" and "Hòa" are the same word in two spellings and would be taken for two communes."""
    assert tone_key("Hoà Tiến") == tone_key("Hòa Tiến")
    assert len({tone_key("Tam Thanh"), tone_key("Tam Thạnh"), tone_key("Tam Thành")}) == 3


def test_has_accents_tells_the_two_ways_of_typing() -> None:
    """Accents missing everywhere would count as evidence against a name."""
    assert has_accents("xã Duy Vinh")
    assert not has_accents("xa Duy  Vinh")


def test_masks_keep_only_what_helps_to_recognise() -> None:
    """A list on a screen would show full names and numbers."""
    assert mask_name("Nguyễn Thị Sen") == "N. T. Sen"
    assert mask_name("") == ""
    assert mask_phone("+84900000123") == "••• ••• 123"
    assert mask_phone("113") == "•••"


@pytest.mark.parametrize(
    "typed", ["0900000123", "0900 000 123", "0900.000.123", "+84900000123", "84900000123"]
)
def test_one_number_however_it_is_typed(typed: str) -> None:
    """The same citizen would be two people in the register."""
    assert phones.parse(typed) == "+84900000123"


def test_landline_of_quang_nam_is_accepted() -> None:
    """Old people at home often have no mobile phone."""
    assert phones.parse("0235 3812 345") == "+842353812345"


@pytest.mark.parametrize("typed", ["113", "1022", "19001234", "1800 1090"])
def test_service_numbers_are_refused(typed: str) -> None:
    """A request would be confirmed to a hotline instead of a person."""
    with pytest.raises(Invalid) as refusal:
        phones.parse(typed)
    assert refusal.value.problem_code == "phone.special"
    assert "phone" in refusal.value.fields


@pytest.mark.parametrize(
    "typed", ["", "abc", "O900000123", "0123456789", "0510 3812345", "+1 202 555 0100", "12345678"]
)
def test_numbers_nobody_has_are_refused(typed: str) -> None:
    """A worker would stand before a closed door with a number that cannot ring."""
    with pytest.raises(Invalid) as refusal:
        phones.parse(typed)
    assert refusal.value.problem_code == "phone.invalid"


def test_display_and_last_digits() -> None:
    """The status page asks for the last four digits of the number shown to the citizen."""
    assert phones.display("+84900000123") == "0900 000 123"
    assert phones.display("?") == "?"
    assert phones.last4("+84900000123") == "0123"
