"""An unmodified Faust worker on the embedded broker."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from kafka import KafkaProducer

from shared.testing.broker_process import ROOT, BrokerProcess
from tests.contract.broker.raw_client import RawClient, eventually


def has_received(file: Path, everything: set[str]) -> bool:
    """Whether each of `everything` is in the file, and nothing else."""
    return set(file.read_text().split()) == everything


def test_a_faust_worker_receives_everything_over_a_broker_crash(
    own_broker: BrokerProcess, tmp_path: Path
) -> None:
    """If this fails, the services' workers cannot live on this broker."""
    with RawClient(own_broker.port) as client:
        client.create_topic("source", 2)
    received, output = tmp_path / "received", tmp_path / "faust.log"
    received.touch()
    address = {"BOOTSTRAP": own_broker.bootstrap, "RECEIVED": str(received)}
    command = [sys.executable, "-m", "faust", "-A", "tests.contract.broker.faust_app"]
    command += ["--datadir", str(tmp_path / "faust"), "worker", "--without-web", "-l", "info"]
    with output.open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=os.environ | address, stdout=log, stderr=log)
    sender = KafkaProducer(bootstrap_servers=own_broker.bootstrap, enable_idempotence=True)
    try:
        for part in range(2):
            for number in range(100 * part, 100 * part + 100):
                sender.send("source", key=b"%d" % number, value=b"%d" % number)
            sender.flush()
            everything = {str(number) for number in range(100 * part + 100)}
            eventually(partial(has_received, received, everything), 40)
            own_broker.restart()
        worker.terminate()
        assert worker.wait(30) == 0, output.read_text()[-2000:]
    finally:
        sender.close(timeout=1)
        worker.kill()
        worker.wait()
