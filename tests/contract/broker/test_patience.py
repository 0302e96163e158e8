"""Clients that fall silent or do not listen, on a broker with little patience inside the test."""

from __future__ import annotations

import asyncio
from pathlib import Path

from shared.broker.broker import Broker
from shared.broker.settings import BrokerSettings
from tests.contract.broker.raw_client import RawClient, batch_of, eventually, fetch_of


def ask_without_listening(broker: Broker, port: int) -> None:
    """Asks for far more than sockets hold and never reads; returns once the broker has ended it."""
    with RawClient(port) as client:
        client.create_topic("t")
        for _ in range(4):
            client.produce("t", batch_of(b"x" * 900_000))
        for _ in range(20):
            client.say(fetch_of("t"), 11)
        with RawClient(port) as other:
            assert other.end_offset("t") == 4
        eventually(lambda: not broker.connections)


def fall_silent(port: int) -> bool:
    """Connects and says nothing, then half a request; whether the broker ends both."""
    with RawClient(port) as silent, RawClient(port) as halting:
        halting.socket.sendall(b"\x00\x00\x00\x20\x00\x03")
        return silent.is_closed_by_broker() and halting.is_closed_by_broker()


async def with_a_broker(data: Path, **patience: float) -> tuple[Broker, int]:
    """A broker in this event loop, with its port."""
    broker = Broker(BrokerSettings(data=data, port=0, **patience))  # type: ignore[arg-type]
    return broker, await broker.start()


def test_who_does_not_listen_is_let_go(tmp_path: Path) -> None:
    """If this fails, a stuck consumer holds the memory of its answers for ever."""

    async def story() -> None:
        broker, port = await with_a_broker(tmp_path, frame_timeout=0.3)
        await asyncio.to_thread(ask_without_listening, broker, port)
        await broker.stop()

    asyncio.run(story())


def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    """If this fails, silent connections use up the number that is allowed."""

    async def story() -> None:
        broker, port = await with_a_broker(tmp_path, frame_timeout=0.2, idle_timeout=0.2)
        assert await asyncio.to_thread(fall_silent, port)
        await broker.stop()

    asyncio.run(story())
