"""Run a broker from the command line, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.broker.broker import Broker, FolderTaken
from shared.broker.settings import MEBIBYTE, BrokerSettings

app = typer.Typer(add_completion=False)


async def serve(settings: BrokerSettings) -> None:
    """Run a broker until SIGTERM or SIGINT. Prints one line once it answers.

    Raises FolderTaken, OSError or sqlite3.Error when it cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    broker = Broker(settings)
    port = await broker.start()
    print(f"broker listening on {settings.host}:{port}, data in {settings.data}", flush=True)  # noqa: T201
    if broker.metrics_port is not None:
        print(f"metrics on http://127.0.0.1:{broker.metrics_port}/metrics", flush=True)  # noqa: T201
    await stop.wait()
    await broker.stop()


@app.command()
def broker(
    data: Annotated[Path, typer.Option(help="Folder for the records.")] = Path("var/broker"),
    host: Annotated[str, typer.Option(help="Address to listen on; anything but loopback is open to all.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0 takes a free one and prints it.")] = 19092,
    partitions: Annotated[int, typer.Option(min=1, help="For topics created without a number.")] = 4,
    max_megabytes: Annotated[int | None, typer.Option(min=1, help="Largest database file.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Tell metrics on loopback at /metrics; 0 takes a free port.")
    ] = None,
    max_connections: Annotated[int, typer.Option(min=1, help="More are refused.")] = 500,
) -> None:
    """Run the embedded Kafka broker: for development and small single-office pilots."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
    settings = BrokerSettings(
        data=data,
        host=host,
        port=port,
        metrics_port=metrics_port,
        default_partitions=partitions,
        max_file=None if max_megabytes is None else max_megabytes * MEBIBYTE,
        max_connections=max_connections,
    )
    try:
        asyncio.run(serve(settings))
    except (FolderTaken, OSError, sqlite3.Error) as reason:
        sys.exit(f"broker: cannot start: {reason}")
