"""One node of Apache Kafka: its settings, its data folder, its command."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.kafka.libraries import FOLDER
from deploy.missing import NotRunnable

MEMORY = "256m"
"""Java heap: measured at 175 to 195 MB resident with the topics of the product."""

SETTINGS = """\
# Written by `python -m deploy.kafka` at every start: changes are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}/log
# Topics are declared by the services: one that is misspelt must not come into being.
auto.create.topics.enable=false
# One node holds everything once: what it acknowledges has to be on its disk, or a power cut takes it back.
log.flush.interval.messages=1
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A worker that is alone need not wait for others; one that was killed is replaced within seconds.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# There is no other node that could take over before this one goes.
controlled.shutdown.enable=false
log.cleaner.dedupe.buffer.size=1048577
"""


@dataclass(frozen=True)
class Node:
    """A broker that is its own controller, on a loopback port, with everything it keeps below `data`."""

    java: str
    jars: Path
    data: Path
    port: int

    @property
    def _settings(self) -> Path:
        return self.data / "server.properties"

    def prepare(self, *more: str) -> None:
        """Writes the settings and `more` (each `name=value`), formats the folder the first time.

        Raises NotRunnable.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        text = SETTINGS.format(port=self.port, controller=_free_port(), data=self.data.as_posix())
        self._settings.write_text("\n".join([text, *more]), encoding="utf-8")
        if (self.data / "log" / "meta.properties").exists():
            return
        cluster = self._tool("random-uuid").strip().splitlines()[-1]
        self._tool("format", "-t", cluster, "-c", str(self._settings), "--ignore-formatted")

    def command(self) -> list[str]:
        """What runs the node until SIGTERM."""
        return [*self._java(f"-Xmx{MEMORY}"), "kafka.Kafka", str(self._settings)]

    def _java(self, *options: str) -> list[str]:
        # Small heap, one collector thread, quick compiler: two cores are shared with the whole product.
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"]
        logs = f"-Dlog4j2.configurationFile={FOLDER / 'log4j2.properties'}"
        return [self.java, *options, *quick, logs, "-cp", f"{self.jars}/*"]

    def _tool(self, *arguments: str) -> str:
        command = [*self._java("-Xmx128m"), "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines() or [f"mã thoát {done.returncode}"]
            raise NotRunnable(f"Không chuẩn bị được thư mục {self.data} cho Apache Kafka: {words[-1][:200]}")
        return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
