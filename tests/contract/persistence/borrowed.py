"""Tests of other folders that are run once more on PostgreSQL.

They are taken from where they stand, so that a test that is added there is run here as well.
"""

from __future__ import annotations

import inspect
from types import ModuleType

TAKES_A_DATABASE_OF_ITS_OWN = {"tmp_path", "tmp_path_factory"}


def borrow(fixture: str, *modules: ModuleType, left_out: frozenset[str] = frozenset()) -> dict[str, object]:
    """The tests that take their database from `fixture` and from nowhere else, by name."""
    found: dict[str, object] = {}
    for module in modules:
        for name, test in vars(module).items():
            if not name.startswith("test_") or name in left_out:
                continue
            parameters = set(inspect.signature(test).parameters)
            if fixture in parameters and not parameters & TAKES_A_DATABASE_OF_ITS_OWN:
                found[name] = test
    return found
