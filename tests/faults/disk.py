"""A disk without room: a running process is forbidden to write files, and allowed again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def full_disk(*pids: int, limit: int = 0) -> Iterator[None]:
    """While the block lasts, no write of these processes beyond `limit` bytes of a file succeeds.

    RLIMIT_FSIZE from outside (Linux); Python ignores SIGXFSZ, so the write fails with EFBIG and SQLite
    reports an error. A process that a supervisor starts meanwhile has room again.
    """
    for pid in pids:
        _allow(pid, limit)
    try:
        yield
    finally:
        for pid in pids:
            _allow(pid, resource.RLIM_INFINITY)


def _allow(pid: int, size: int) -> None:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
