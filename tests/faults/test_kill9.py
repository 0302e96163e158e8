"""Parts of the real product are killed with SIGKILL while people work; then their ledger is compared.

`TANNHA_FAULT_SEED` gives another run: other citizens, other victims, other moments. On a finding the data
folder is named, so that it can be looked at. `python -m tests.faults` does the same for longer.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.nemesis import VICTIMS
from tests.faults.product_run import run
from tests.faults.quiet import DRAIN_LIMIT_SECONDS, QUIET_LIMIT_SECONDS
from tests.faults.scenarios import SCENARIOS

SEED = int(os.environ.get("TANNHA_FAULT_SEED", "9"))
FAULT_SECONDS = 35.0
BUSY_FACTOR = 3
"""Other tests use the same cores at the same time, so this form does not prove the limits of time; the long
one does (`make faults`)."""

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.slow, pytest.mark.timeout(240)]


def test_kill9_loses_nothing_doubles_nothing_keeps_order(tmp_path: Path) -> None:
    """A broken link on the way from the HTTP answer to the other services' databases would be a finding."""
    result = run(replace(SCENARIOS["kill-9"], callers=2, events=0), tmp_path, SEED, FAULT_SECONDS)
    print(result.report())  # noqa: T201 - the table is the result
    assert result.crashes == []
    assert result.findings == [], f"seed {SEED}, data in {tmp_path}"
    limits = [BUSY_FACTOR * limit for limit in (DRAIN_LIMIT_SECONDS, QUIET_LIMIT_SECONDS)]
    assert result.drained.within(*limits), result.report()
    assert result.kills.total() >= 15
    assert result.kills_in_start > 0, "nobody was killed while it started"
    assert set(result.kills) == set(VICTIMS)
    assert result.requests >= 30, "too little happened to prove anything"
