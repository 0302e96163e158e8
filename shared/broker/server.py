"""Connections: bounded in number, in size and in patience; one request of each at a time.

Answering a connection's requests one after the other is what Apache Kafka does too: it keeps the
order of a producer's batches, and a client that sends without reading fills its own socket only.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from contextlib import suppress

from shared.broker.metrics import Metrics
from shared.broker.settings import BrokerSettings
from shared.broker.wire import HEADER_SIZE, Peer, Protocol, Unanswerable

log = logging.getLogger("shared.broker.server")

_LENGTH = struct.Struct(">i")
_SMALL = 64 * 1024
"""Up to this size requests need no claim on the memory budget, so nobody can starve them of it."""
_LAST_WORDS = 1.0
"""How long a closing connection may take to deliver what was already answered, in seconds."""


class MemoryBudget:
    """So many bytes of requests at once; who comes later waits."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._returned = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Wait until `size` bytes are free and claim them."""
        async with self._returned:
            await self._returned.wait_for(lambda: self._free >= size)
            self._free -= size

    async def give_back(self, size: int) -> None:
        """Return what was taken."""
        async with self._returned:
            self._free += size
            self._returned.notify_all()


class Connection:
    """One client: reads a frame, has it answered, writes the answer, and again."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settings: BrokerSettings,
        budget: MemoryBudget,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._budget = budget
        self.is_busy = False
        """A request is in hand and not yet answered."""
        name = writer.get_extra_info("peername") or ("?", 0)
        self.peer = Peer(str(name[0]))

    async def serve(self, protocol: Protocol) -> None:
        """Until the client goes, falls silent, or says something that is not the protocol."""
        while True:
            async with asyncio.timeout(self._settings.idle_timeout):
                (size,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            self.is_busy = True
            header = await self._read_header(size)
            claimed = size if size > _SMALL else 0
            await self._budget.take(claimed)
            try:
                async with asyncio.timeout(self._settings.frame_timeout):
                    frame = header + await self._reader.readexactly(size - HEADER_SIZE)
                answer = await protocol.answer(frame, self.peer)
            finally:
                await self._budget.give_back(claimed)
            if answer is not None:
                self._writer.write(answer)
                async with asyncio.timeout(self._settings.frame_timeout):
                    await self._writer.drain()
            self.is_busy = False

    async def _read_header(self, size: int) -> bytes:
        """The first bytes of a frame of `size`. Raises Unanswerable when it is too large for its kind."""
        if not HEADER_SIZE <= size <= self._settings.max_frame:
            raise Unanswerable(f"announces a request of {size} bytes")
        async with asyncio.timeout(self._settings.frame_timeout):
            header = await self._reader.readexactly(HEADER_SIZE)
        if size > self._settings.max_plain_frame and not Protocol.brings_records(header):
            raise Unanswerable(f"announces a request of {size} bytes without records")
        return header

    async def close(self) -> None:
        """Let the last answer out, for a second at most, and let go of the socket."""
        self._writer.close()
        with suppress(OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._writer.wait_closed()
        self._writer.transport.abort()


class Server:
    """The listening socket and all connections through it."""

    def __init__(self, protocol: Protocol, settings: BrokerSettings, metrics: Metrics) -> None:
        self._protocol = protocol
        self._settings = settings
        self._metrics = metrics
        self._budget = MemoryBudget(settings.max_requests_in_memory)
        self._open: dict[asyncio.Task[None], Connection] = {}
        self._listener: asyncio.Server | None = None

    async def listen(self) -> int:
        """Bind and begin to answer; the port it became. Raises OSError when the address is taken."""
        self._listener = await asyncio.start_server(
            self._welcome, self._settings.host, self._settings.port, backlog=128
        )
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._settings, self._budget)
        task = asyncio.current_task()
        if len(self._open) >= self._settings.max_connections or task is None:
            log.warning("refused a connection from %s: %d are open", connection.peer.host, len(self._open))
            self._metrics.refused.labels("too many").inc()
            await connection.close()
            return
        self._open[task] = connection
        try:
            await connection.serve(self._protocol)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except TimeoutError:
            log.info("closed a silent connection from %s", connection.peer.host)
            self._metrics.refused.labels("silent").inc()
        except OSError as reason:
            log.info("lost a connection from %s: %s", connection.peer.host, reason)
        except Unanswerable as reason:
            log.warning("closed a connection from %s: %s", connection.peer.host, reason)
            self._metrics.refused.labels("not the protocol").inc()
        except Exception:
            log.exception("closed a connection from %s after a fault of the broker", connection.peer.host)
            self._metrics.refused.labels("fault of the broker").inc()
        finally:
            await connection.close()
            del self._open[task]

    async def stop(self) -> None:
        """Take no more; answer what is in hand, for `stop_grace` seconds at most; close the rest."""
        if self._listener is not None:
            self._listener.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.stop_grace
        dismissed: set[asyncio.Task[None]] = set()
        while self._open and loop.time() < deadline:
            for task, connection in list(self._open.items()):
                if not connection.is_busy and task not in dismissed:
                    dismissed.add(task)
                    task.cancel()
            await asyncio.sleep(0.01)
        rest = list(self._open)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=_LAST_WORDS)
