"""A worker that was told to stop ends, whether or not anybody answers its farewell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from shared.messaging.topic_admin import declare_topics
from shared.testing.broker_process import ROOT, BrokerProcess

ENDLESS = """
import asyncio, sys
from pathlib import Path
from shared.contracts.topics import consumed_by
from shared.messaging import worker
from shared.messaging.connection import BrokerAddress

async def never():
    await asyncio.Event().wait()

async def started():
    print("started", flush=True)

worker.STOP_SECONDS = 0.2
topics = consumed_by("intake")
app = worker.build_worker("endless", BrokerAddress(sys.argv[1]), topics, None, Path(sys.argv[2]))
app.task(started)
app.stop = never
worker.run_worker(app)
"""


def test_a_farewell_that_nobody_answers_is_cut_off(tmp_path: Path) -> None:
    """A rolling restart, or a machine that shuts down, would wait for ever for a broker that is away."""
    with BrokerProcess(tmp_path / "broker") as broker:
        declare_topics(broker.address)
        words = [sys.executable, "-c", ENDLESS, broker.bootstrap, str(tmp_path)]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while b"started" not in process.stdout.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == os.EX_OK
