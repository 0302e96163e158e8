"""Who writes next: the one that has waited longest."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Turns:
    """A queue of threads before something that only one may use at a time.

    SQLite has none: its writers ask again and again, ever more rarely, so that a late one overtakes, and one
    that is overtaken often enough gives up although nothing is stuck (measured).
    """

    _guard: threading.RLock = field(default_factory=threading.RLock)
    _waiting: deque[threading.Lock] = field(default_factory=deque)

    def take(self, seconds: float) -> bool:
        """Waits for the turn; False when it did not come in that time, and then it never will."""
        mine = threading.Lock()
        mine.acquire()
        with self._guard:
            self._waiting.append(mine)
            if self._waiting[0] is mine:
                return True
        try:
            return mine.acquire(timeout=seconds) or not self._leave(mine)
        except BaseException:
            if not self._leave(mine):
                self.pass_on()
            raise

    def pass_on(self) -> None:
        """Ends the turn at hand and begins the next one's."""
        with self._guard:
            self._waiting.popleft()
            if self._waiting:
                self._waiting[0].release()

    @property
    def waiting(self) -> int:
        """How many have, or wait for, the turn."""
        return len(self._waiting)

    def _leave(self, mine: threading.Lock) -> bool:
        """Leaves the queue; False when the turn has come just now."""
        with self._guard:
            if self._waiting[0] is mine:
                return False
            self._waiting.remove(mine)
            return True
