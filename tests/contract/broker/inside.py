"""A broker inside the test's own process: for settings no command line has, and for looking in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from shared.broker.broker import Broker
from shared.broker.settings import BrokerSettings
from tests.contract.broker.raw_client import RawClient


class BrokerInside:
    """A broker in an event loop of its own thread; `settings` are BrokerSettings' fields."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self._settings = BrokerSettings(data=data, port=0, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine in the broker's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def __enter__(self) -> BrokerInside:
        self._thread.start()
        try:
            self.broker: Broker = self.run(self._made())
            self.port = self.run(self.broker.start())
        except BaseException:
            self._end()
            raise
        return self

    async def _made(self) -> Broker:
        return Broker(self._settings)

    def __exit__(self, *_: object) -> None:
        self.run(self.broker.stop())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def client(self) -> RawClient:
        """A bare connection to it."""
        return RawClient(self.port)
