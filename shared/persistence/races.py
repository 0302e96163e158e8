"""Transactions that lose against another one, which PostgreSQL refuses, and are done again."""

from __future__ import annotations

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.persistence.engine import can_be_repeated

ATTEMPTS = 8

repeating = retry(
    retry=retry_if_exception(can_be_repeated),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.02, max=1),
    reraise=True,
)
"""Decorates a function that is one whole transaction: done again while it loses a race, then raised.

Whatever else the function raises is raised at once.
"""
