"""Identifiers: ULIDs inside, short speakable codes for people."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ulid import ULID

NewId = Callable[[], str]
"""Makes an identifier that no one else has."""

CODE_ALPHABET = "BCGHKLMNPQTV23456789"
"""No D, W or vowels: a scanner typing through a Telex or VNI keyboard cannot turn them into accents."""


def new_id() -> str:
    """A ULID: 26 characters, sorts by the time it was made."""
    return str(ULID())


def check_character(body: str) -> str:
    """The character that makes a code verifiable (weighted sum modulo 20).

    Finds every single wrong character that a weight coprime to 20 sees and most swaps of
    neighbours. Raises ValueError for a character outside `CODE_ALPHABET`.
    """
    weights = (3, 7, 9, 11, 13, 17, 19)
    total = sum(
        weights[place % len(weights)] * CODE_ALPHABET.index(character) for place, character in enumerate(body)
    )
    return CODE_ALPHABET[total % len(CODE_ALPHABET)]


def new_code(length: int = 7) -> str:
    """A random code of `length` characters plus its check character, as told to a citizen."""
    body = "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))
    return body + check_character(body)


def read_code(text: str) -> str | None:
    """What a person typed or a scanner read, made canonical; None when the check fails."""
    code = "".join(character for character in text.upper() if character.isalnum())
    if len(code) < 2 or any(character not in CODE_ALPHABET for character in code):
        return None
    return code if check_character(code[:-1]) == code[-1] else None
