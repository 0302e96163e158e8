"""The plainest Faust worker: writes down what it receives. Addressed by environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import faust

app = faust.App(
    "plain-faust",
    broker=f"kafka://{os.environ['BOOTSTRAP']}",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=0.5,
    broker_commit_interval=0.3,
    stream_wait_empty=True,
    topic_partitions=2,
)
source = app.topic("source", value_type=bytes, value_serializer="raw")


def write_down(value: bytes) -> None:
    """Append a value to the file."""
    with Path(os.environ["RECEIVED"]).open("ab") as file:
        file.write(value + b"\n")


@app.agent(source)
async def receive(stream: Any) -> None:
    """Write down every value."""
    async for value in stream:
        write_down(value)
