"""Bugs of the consuming side."""

from __future__ import annotations

import asyncio
from typing import Any

import faust

from shared.contracts.envelope import Envelope
from shared.contracts.topics import Topic
from shared.messaging import worker
from shared.messaging.guard import Guard
from shared.messaging.progress import Outcome, Progress
from tests.faults.bugs.seams import replace


def no_inbox() -> None:
    """Nobody remembers what took effect already: a second delivery is taken for a first one.

    The gate's number would see through a second delivery just as the inbox does, so it looks only ahead
    here: what is early still waits.
    """
    admit, settle = Progress.admit, Progress.settle
    repeated: set[int] = set()

    def forgetful(progress: Progress, envelope: Envelope) -> Outcome:
        outcome = admit(progress, envelope)
        if outcome not in {Outcome.DUPLICATE, Outcome.STALE}:
            return outcome
        repeated.add(id(envelope))
        return Outcome.APPLIED

    def settle_the_first(progress: Progress, envelope: Envelope) -> None:
        if id(envelope) not in repeated:
            settle(progress, envelope)
        repeated.discard(id(envelope))

    replace(Progress, "admit", forgetful)
    replace(Progress, "settle", settle_the_first)


def no_gate() -> None:
    """Whatever comes is applied as it comes; only the inbox is asked."""
    admit = Progress.admit

    def hasty(progress: Progress, envelope: Envelope) -> Outcome:
        stream = (envelope.topic, envelope.key)
        if stream not in progress._applied:
            progress._look_up([envelope])
        its_turn = envelope.model_copy(update={"sequence": progress._applied[stream] + 1})
        return admit(progress, its_turn)

    replace(Progress, "admit", hasty)


def offset_before_effect() -> None:
    """The offset of a batch is committed first, then its events are worked on."""

    def listen(app: faust.App, topic: Topic, guard: Guard, turn: asyncio.Lock) -> None:
        async def agent(stream: Any) -> None:
            while events := await worker._waiting(stream.channel):
                for event in events:
                    event.ack()
                await app.consumer.commit()
                records = [(topic.name, event.value) for event in events]
                async with turn:
                    await asyncio.to_thread(guard.receive_many, records)

        app.agent(_raw(app, topic), concurrency=1, name=topic.name.replace(".", "_"))(agent)

    replace(worker, "_listen", listen)


def default_agent() -> None:
    """Faust as its tutorial shows it: what the work raises leaves the agent, which is started again."""

    def listen(app: faust.App, topic: Topic, guard: Guard, _turn: asyncio.Lock) -> None:
        async def agent(stream: Any) -> None:
            async for raw in stream:
                await asyncio.to_thread(guard.receive, topic.name, raw)

        app.agent(_raw(app, topic), name=topic.name.replace(".", "_"))(agent)

    replace(worker, "_listen", listen)


def _raw(app: faust.App, topic: Topic) -> Any:
    return app.topic(
        topic.name, key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )
