"""How an alteration gets into the code."""

from __future__ import annotations

from typing import Any


def replace(owner: Any, seam: str, by: Any) -> None:
    """Puts something else in the place of a seam.

    Raises AttributeError when it is gone: a bug that is silently absent would prove nothing.
    """
    getattr(owner, seam)
    setattr(owner, seam, by)
