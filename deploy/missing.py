"""What a program needs that this machine lacks."""

from __future__ import annotations


class NotRunnable(Exception):
    """A program cannot run here; the text is one Vietnamese line that says what is missing."""
