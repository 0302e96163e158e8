"""The Faust worker of a service: one agent per topic, raw bytes, in order, behind the guard.

Measured on faust-streaming 0.15.3: an agent that raises, `take`, concurrency above one, Faust's own
serializers and its commit on an unfinished stream all lose events; a stream also acknowledges, unseen,
what reaches it during a rebalance. So an agent here takes its records from the channel beneath the stream,
nothing but the guard's decision acknowledges them, and records that were never handed over are noticed
(`unbroken`). An infrastructure error ends the process with the offset uncommitted; scaling is by partitions
and processes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faust
import structlog

from shared.contracts.topics import Topic
from shared.messaging.connection import BrokerAddress
from shared.messaging.crash_points import reached
from shared.messaging.guard import Guard, TooManyFailures, is_away
from shared.messaging.unbroken import LOOK_SECONDS, PassedOver, Unbroken

log = structlog.get_logger(__name__)

BATCH = 500
"""So many records share a transaction at most; under light load each has its own."""
COMMIT_SECONDS = 0.5
METADATA_SECONDS = 3
"""How soon a worker notices partitions that it did not see when it joined.

A broker that goes away between a worker's first contact and its joining leaves it with no topics and
so with no partitions; aiokafka looks again only after this time, by default five minutes (measured).
"""
PATIENCE_SECONDS = 10.0
"""So long a worker waits for its database: a restart of the server takes less, that of a worker more."""
STOP_SECONDS = 8.0
"""So long a worker that was told to stop may take leave of its group; a broker that is away never answers."""
EXIT_AWAY, EXIT_TOO_MANY_FAILURES, EXIT_DEFECT, EXIT_PASSED_OVER = 70, 71, 72, 73
"""Why a worker ended by itself: its database went away, a topic did nothing but fail, a fault of ours, or
records that Faust did not hand over."""


def build_worker(
    name: str, broker: BrokerAddress, topics: Iterable[Topic], guard: Guard, data_dir: Path
) -> faust.App:
    """The Faust app that feeds a guard. `name` is the consumer group."""
    app = faust.App(
        name,
        **broker.faust_settings(),
        datadir=str(data_dir),
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_wait_empty=False,
        stream_publish_on_commit=False,
        broker_commit_interval=COMMIT_SECONDS,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_SECONDS * 1000,
        autodiscover=False,
    )
    turn = asyncio.Lock()
    for topic in topics:
        _listen(app, topic, guard, turn)
    return app


def _listen(app: faust.App, topic: Topic, guard: Guard, turn: asyncio.Lock) -> None:
    """One agent. `turn` keeps one transaction open at a time: threads would only queue for the database."""
    unbroken = Unbroken(topic.name)
    source = app.topic(
        topic.name, key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )

    async def agent(stream: Any) -> None:
        while events := await _waiting(stream.channel):
            records = [(topic.name, event.value) for event in events]
            async with turn:
                try:
                    for event in events:
                        await unbroken.follow(app.consumer, event.message.tp, event.message.offset)
                    await asyncio.to_thread(guard.receive_many, records)
                except Exception as error:  # noqa: BLE001 - see `_die`
                    _die(topic.name, error)
            for event in events:
                event.ack()
            reached("worker.acknowledged")

    async def look() -> None:
        try:
            if turn.locked():
                unbroken.rest()
            else:
                await unbroken.look(app.consumer, time.monotonic())
        except PassedOver as error:
            _die(topic.name, error)
        except Exception as error:  # noqa: BLE001 - the broker is away, or the group forms anew: the next look tells
            log.debug("worker.not_looked", topic=topic.name, error=type(error).__name__)

    app.agent(source, concurrency=1, name=topic.name.replace(".", "_"))(agent)
    app.timer(interval=LOOK_SECONDS, name=f"{topic.name} is whole")(look)


async def _waiting(channel: Any) -> list[Any]:
    """The next event, and those that have come with it; nothing once the worker stops."""
    try:
        events = [await channel.get()]
    except StopAsyncIteration:
        return []
    while len(events) < BATCH and not channel.queue.empty():
        events.append(channel.queue.get_nowait())
    return events


def _die(topic: str, error: Exception) -> None:
    """Ends the process at once, because the offset must stay where it is.

    `app.crash` would let the stream acknowledge (measured). Nothing can be lost: what is not committed is
    rolled back, what is not acknowledged comes again to the process that the supervisor starts next.
    """
    code = EXIT_TOO_MANY_FAILURES if isinstance(error, TooManyFailures) else EXIT_DEFECT
    code = EXIT_PASSED_OVER if isinstance(error, PassedOver) else code
    code = EXIT_AWAY if is_away(error) else code
    trace = error if code == EXIT_DEFECT else None
    detail = str(error) if code == EXIT_PASSED_OVER else ""
    log.critical(
        "worker.died", topic=topic, error=type(error).__name__, code=code, detail=detail, exc_info=trace
    )
    logging.shutdown()
    os._exit(code)


class _BoundedWorker(faust.Worker):
    """A worker whose end is not waited for without end."""

    async def stop(self) -> None:
        """Stops, or ends the process: what was not acknowledged comes again to another one."""
        cut_off = threading.Timer(STOP_SECONDS, os._exit, [EXIT_DEFECT if self.crash_reason else os.EX_OK])
        cut_off.daemon = True
        cut_off.start()
        await super().stop()


def run_worker(app: faust.App) -> None:
    """Runs until SIGTERM or SIGINT; ends the process with a code other than 0 after a crash."""
    worker = _BoundedWorker(
        app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True, blocking_timeout=60.0
    )
    worker.execute_from_commandline()
