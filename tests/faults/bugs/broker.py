"""Bugs of the embedded broker."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from shared.broker.store import Store, Work
from tests.faults.bugs.seams import replace

HELD_SECONDS = 0.3
"""How long an acknowledged write stays in memory, where kill -9 can reach it."""


def acknowledge_before_commit() -> None:
    """Sends are acknowledged when they are in an open transaction; it is committed a moment later."""

    def answer_first(store: Any, works: list[Work]) -> list[Any]:
        if not store._writer.in_transaction:
            store._writer.execute("begin immediate")
        return [work(store._writer) for work in works]

    def commit(store: Any) -> None:
        if store._writer.in_transaction:
            store._writer.execute("commit")

    write = Store.write

    async def write_and_commit_later(store: Any, work: Work) -> Any:
        answer = await write(store, work)
        if time.monotonic() > getattr(store, "commit_due", 0.0):
            store.commit_due = time.monotonic() + HELD_SECONDS
            loop = asyncio.get_running_loop()
            loop.call_later(HELD_SECONDS, loop.run_in_executor, store._writer_thread, commit, store)
        return answer

    replace(Store, "_commit", answer_first)
    replace(Store, "write", write_and_commit_later)
