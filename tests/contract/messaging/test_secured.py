"""TLS with client certificates and SCRAM, on an Apache Kafka that demands both, from service to service."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from shared.clock import system_clock
from shared.contracts.intake import OrgUnitPublished
from shared.errors import Problem
from shared.messaging.connection import BrokerAddress, BrokerSecurity
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.testing.certificates import write_certificate
from shared.testing.kafka import KafkaProcess
from tests.contract.messaging.conftest import ROOT, eventually

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("kafka_programs")]

JAAS = "listener.name.plaintext.{}.sasl.jaas.config=org.apache.kafka.common.security.{} required"
DEMANDS = (
    # The listener keeps its name and changes what it asks for.
    "listener.security.protocol.map=PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
    "sasl.mechanism.inter.broker.protocol=PLAIN",
    JAAS.format("plain", "plain.PlainLoginModule") + ' username="operator" password="p" user_operator="p";',
    JAAS.format("scram-sha-512", "scram.ScramLoginModule") + ";",
    "ssl.client.auth=required",
    "ssl.keystore.type=PEM",
    "ssl.truststore.type=PEM",
)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[BrokerAddress]:
    """An Apache Kafka that wants certificates and passwords, and how `tannha` is known to it."""
    write_certificate(tmp_path, "kafka.example")
    (tmp_path / "operator").write_text("p")
    (tmp_path / "tannha").write_text("mật khẩu của tannha")
    operator = BrokerSecurity(
        tls=True,
        ca_file=tmp_path / "cert.pem",
        cert_file=tmp_path / "cert.pem",
        key_file=tmp_path / "key.pem",
        sasl="PLAIN",
        user="operator",
        password_file=tmp_path / "operator",
    )
    files = (
        f"ssl.keystore.location={tmp_path / 'both.pem'}",
        f"ssl.truststore.location={tmp_path / 'cert.pem'}",
    )
    options = [word for setting in (*DEMANDS, *files) for word in ("--set", setting)]
    kafka = KafkaProcess(tmp_path / "kafka", 0, *options)
    kafka.security = operator
    with kafka:
        admin = KafkaAdminClient(**kafka.address.client_settings())
        known = UserScramCredentialUpsertion("tannha", ScramMechanism.SCRAM_SHA_512, "mật khẩu của tannha")
        admin.alter_user_scram_credentials([known])
        admin.close()
        ours = replace(operator, sasl="SCRAM-SHA-512", user="tannha", password_file=tmp_path / "tannha")
        yield BrokerAddress(kafka.bootstrap, ours)


def test_an_event_crosses_a_broker_that_demands_tls_and_a_password(
    secured: BrokerAddress, tmp_path: Path
) -> None:
    """The city's Kafka would be out of reach of one of the three clients: admin, relay or worker."""
    declare_topics(secured)
    engine = open_engine(f"sqlite:///{tmp_path / 'intake.db'}")
    MessagingTable.metadata.create_all(engine)
    transactions = Transactions(engine, "intake", system_clock)
    relay = Relay(transactions, secured)
    relay.start()
    with transactions.begin() as uow:
        uow.publish(
            OrgUnitPublished(
                unit_id="u1", kind="commune", name="Xã A", valid_from=date(2025, 7, 1), lat=15.8, lon=108.3
            )
        )
    worker = started_worker(secured, tmp_path)
    try:
        eventually(lambda: heard(tmp_path / "routing.db") == 1)
    finally:
        worker.kill()
        worker.wait()
        relay.stop()
        engine.dispose()


def started_worker(secured: BrokerAddress, folder: Path) -> subprocess.Popen[bytes]:
    """The worker of routing, with settings as an operator writes them."""
    given = secured.security
    settings = {
        "BROKER": secured.bootstrap,
        "BROKER_TLS": "true",
        "BROKER_CA_FILE": str(given.ca_file),
        "BROKER_CERT_FILE": str(given.cert_file),
        "BROKER_KEY_FILE": str(given.key_file),
        "BROKER_SASL": str(given.sasl),
        "BROKER_USER": given.user,
        "BROKER_PASSWORD_FILE": str(given.password_file),
        "DATABASE": f"sqlite:///{folder / 'routing.db'}",
        "DATA_DIR": str(folder),
    }
    environment = {**os.environ, **{f"TANNHA_ROUTING_{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "services.routing.entrypoints.cli", "worker"]
    with (folder / "worker.log").open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)


def heard(database: Path) -> int:
    """How many events a service has applied."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM inbox").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_a_wrong_password_and_a_plain_client_stay_outside(secured: BrokerAddress, tmp_path: Path) -> None:
    """Settings that are not looked at would let everybody in, or say nothing when they are wrong."""
    (tmp_path / "wrong").write_text("đoán mò")
    wrong = replace(secured.security, password_file=tmp_path / "wrong")
    for security in (wrong, BrokerSecurity()):
        with pytest.raises(Problem) as told:
            declare_topics(BrokerAddress(secured.bootstrap, security), patience=2)
        assert secured.bootstrap in told.value.message
        assert "đoán mò" not in told.value.message
