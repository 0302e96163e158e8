"""A thread that does one piece of work over and over while no other process does the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from shared.persistence.locks import sole_holder

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""After a failure, and between two looks whether another process has let go of the work."""


@dataclass
class SoleWorker:
    """Calls `work` until stopped; of several processes the lock `name` lets only one.

    `work(stopping)` does one round and answers after how many seconds the next one is due; a long round
    looks at `stopping` in between. Whatever it raises is logged and tried again: the thread goes on.
    """

    engine: Engine
    name: str
    work: Callable[[threading.Event], float]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @contextmanager
    def running(self, timeout: float = 6.0) -> Iterator[None]:
        """Works in the background while the block lasts, and ends after the round at hand."""
        self._thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def run(self) -> None:
        """Works until `running` ends."""
        while not self._stopping.is_set():
            try:
                with sole_holder(self.engine, self.name) as held:
                    while held and not self._stopping.is_set():
                        self._stopping.wait(self.work(self._stopping))
            except Exception as error:
                log.warning("work.interrupted", work=self.name, error=type(error).__name__, exc_info=True)
            self._stopping.wait(RETRY_SECONDS)
