"""Named places on an event's way where a process can be told to die, so that every one can be tried.

`TANNHA_CRASH_AT=relay.sent:3` kills this process with SIGKILL when it passes `relay.sent` for the third
time. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

CRASH_POINTS = (
    "commit.before",  # state, outbox and answer are written, not committed
    "commit.after",  # committed; neither the relay nor the asker knows it yet
    "relay.read",  # unsent rows are in hand, none is sent
    "relay.sent",  # the broker has them, the outbox does not know it
    "relay.marked",  # the outbox knows it
    "guard.applied",  # an event took effect, not committed
    "guard.committed",  # committed, not acknowledged
    "worker.acknowledged",  # acknowledged; the offset is not committed yet
)

_name, _, _nth = os.environ.get("TANNHA_CRASH_AT", "").partition(":")
_passings: Counter[str] = Counter()


def reached(point: str) -> None:
    """Marks a point; dies there, without any goodbye, when the environment says so."""
    if point != _name:
        return
    _passings[point] += 1
    if _passings[point] >= int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
