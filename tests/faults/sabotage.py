"""Known bugs and noise put into a real entry point, to prove that the harness would catch the bugs.

`python -m tests.faults.sabotage dual-write,shuffled-relay services.intake.entrypoints.cli api` alters the
classes of `shared` named below and then runs the module with the rest of the arguments, as `-m` does.
Each alteration replaces one small seam; a seam that is gone is an error, never a bug that is silently absent.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Sequence

from tests.faults.bugs import broker, consumer, noise, publisher

BUGS: dict[str, Callable[[], None]] = {
    "dual-write": publisher.publish_after_commit,
    "offset-before-effect": consumer.offset_before_effect,
    "no-inbox": consumer.no_inbox,
    "no-gate": consumer.no_gate,
    "default-agent": consumer.default_agent,
    "ack-before-fsync": broker.acknowledge_before_commit,
}
"""What must never pass: each breaks one promise."""

NOISE: dict[str, Callable[[], None]] = {
    "shuffled-relay": noise.shuffle_the_relay,
    "limited-database": noise.limit_the_database,
}
"""What the sound code must bear: the outside world at its worst."""


def alter(names: Sequence[str]) -> None:
    """Puts bugs and noise into this process. Raises KeyError for an unknown name."""
    for name in names:
        {**BUGS, **NOISE}[name]()


def main(arguments: Sequence[str]) -> None:
    """Alters, then runs the module as `__main__`. Raises KeyError for an unknown name."""
    names, module, *rest = arguments
    alter(names.split(","))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
