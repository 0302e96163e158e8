"""Vietnamese letters: one normal form, accent-free copies for matching, masks for privacy."""

from __future__ import annotations

import re
import unicodedata

_TONES = {"\u0300": "1", "\u0301": "2", "\u0309": "3", "\u0303": "4", "\u0323": "5"}
"""Combining grave, acute, hook, tilde and dot below: the five written tones."""


def nfc(text: str) -> str:
    """`text` in composed form (NFC), without outer blanks. Everything stored has this form."""
    return unicodedata.normalize("NFC", text).strip()


def fold(text: str) -> str:
    """An accent-free lower-case copy for matching, never for showing: "Đại Lộc" -> "dai loc".

    Runs of blanks become one blank; punctuation stays.
    """
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.sub(r"\s+", " ", bare).strip()


def tone_key(text: str) -> str:
    """A lower-case spelling that does not care where in a syllable the tone mark sits.

    "Hoà" and "Hòa" give the same key; "Hoa" gives another. Each syllable is its letters
    (with circumflex, breve, horn and đ) followed by the number of its tone.
    """
    return " ".join(_syllable_key(word) for word in nfc(text).lower().split())


def has_accents(text: str) -> bool:
    """Whether the writer used Vietnamese diacritics at all."""
    return fold(text) != re.sub(r"\s+", " ", text.lower()).strip()


def mask_name(name: str) -> str:
    """The given name stays, the rest becomes initials: "Nguyễn Thị Sen" -> "N. T. Sen"."""
    words = nfc(name).split()
    if not words:
        return ""
    return " ".join([*(f"{word[0]}." for word in words[:-1]), words[-1]])


def mask_phone(phone: str) -> str:
    """Only the last three digits stay readable: "+84900000123" -> "••• ••• 123"."""
    digits = re.sub(r"\D", "", phone)
    return f"••• ••• {digits[-3:]}" if len(digits) >= 6 else "•••"


def _syllable_key(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    letters = "".join(character for character in decomposed if character not in _TONES)
    tones = "".join(_TONES[character] for character in decomposed if character in _TONES)
    return unicodedata.normalize("NFC", letters) + tones
