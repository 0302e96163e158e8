"""The health check inside the image: looks at what this container runs and asks just that.

`python healthcheck.py` exits 0 when it is well. An API has to answer `/readyz`, a worker to have turned its
loop lately, the embedded broker to answer; a migration is well while it runs. It loads little besides the
standard library: `tannha … alive` says the same of a worker, but loads the whole service every few seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

FIRST_PROCESS = Path("/proc/1/cmdline")
ALIVE_SECONDS = 15.0
"""A worker touches its file every three seconds (`shared.command_line`)."""
PORTS = {"intake": 8101, "routing": 8102, "postal-bridge": 8103, "broker": 19092}
TIMEOUT = 4.0


def healthy(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether what `command` started does its work."""
    names = [Path(word).name for word in command]
    if "tannha" not in names:
        return True
    words: list[str] = [*command[names.index("tannha") + 1 :], "", ""]
    part, *rest = words
    prefix = f"TANNHA_{part.upper().replace('-', '_')}_"
    if part == "broker":
        return _answers(int(_option(rest, "--port") or PORTS[part]))
    if rest[0] == "api":
        return _ready(int(environment.get(f"{prefix}PORT", PORTS.get(part, 0))))
    if rest[0] == "worker":
        data = Path(environment.get(f"{prefix}DATA_DIR", "var"))
        return _touched(data / f"{part.replace('-', '_')}-worker.alive")
    return True


def _ready(port: int) -> bool:
    # Asked every few seconds, also for workers, which do not need it: it takes longer to load than all else.
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=TIMEOUT) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _touched(beat: Path) -> bool:
    try:
        return time.time() - beat.stat().st_mtime < ALIVE_SECONDS
    except OSError:
        return False


def _answers(port: int) -> bool:
    from shared.messaging.connection import BrokerAddress  # noqa: PLC0415 - as above
    from shared.messaging.reachability import broker_answers  # noqa: PLC0415

    return broker_answers(BrokerAddress(f"127.0.0.1:{port}"), TIMEOUT)


def _option(words: Sequence[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words[:-1] else ""


if __name__ == "__main__":
    first = FIRST_PROCESS.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    sys.exit(0 if healthy(first, os.environ) else 1)
