"""Likeness of texts typed with or without accents, with slips of the finger."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz

from shared.vietnamese.text import fold


def likeness(typed: str, known: str) -> float:
    """0 … 100: how well `known` is meant by `typed`, ignoring accents, case and word order."""
    mine, theirs = fold(typed), fold(known)
    return 0.5 * (fuzz.token_set_ratio(mine, theirs) + fuzz.WRatio(mine, theirs))


def misspelling_of(typed: str, names: Iterable[str], at_least: float = 82.0) -> list[str]:
    """The names that `typed` may be a slip of, likeliest first (plain edit ratio, accents ignored)."""
    mine = fold(typed)
    scored = [(fuzz.ratio(mine, fold(name)), name) for name in names]
    return [name for score, name in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if score >= at_least]
