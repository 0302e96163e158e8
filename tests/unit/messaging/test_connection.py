"""Addresses, TLS and SASL as settings, down to what kafka-python and Faust really make of them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth, server_list
from kafka import KafkaProducer

from services.routing.settings import Settings
from shared.messaging.connection import BrokerAddress, BrokerSecurity
from shared.settings import SettingsRefused
from shared.testing.certificates import write_certificate

SECRET = "dieu-khong-ai-duoc-thay"


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that vouches for itself, its key, and a password."""
    folder = tmp_path_factory.mktemp("pki")
    write_certificate(folder, "kafka.example")
    (folder / "password").write_text(f"{SECRET}\n")
    (folder / "rubbish.pem").write_text("not a certificate")
    return folder


def secured(pki: Path, **changed: Any) -> BrokerAddress:
    """Two brokers behind TLS with a client certificate and SCRAM."""
    given: dict[str, Any] = {
        "tls": True,
        "ca_file": pki / "cert.pem",
        "cert_file": pki / "cert.pem",
        "key_file": pki / "key.pem",
        "sasl": "SCRAM-SHA-512",
        "user": "tannha-routing",
        "password_file": pki / "password",
    }
    return BrokerAddress("kafka-1.example:9093,kafka-2.example:9093", BrokerSecurity(**(given | changed)))


def of_kafka_python(address: BrokerAddress) -> dict[str, Any]:
    """The configuration of a producer that was made with these settings, without speaking to anybody."""
    taken: dict[str, Any] = {}

    class Stop(Exception):
        """Ends the construction once the configuration is known."""

    def client(**configuration: Any) -> None:
        taken.update(configuration)
        raise Stop

    with pytest.raises(Stop):
        KafkaProducer(**address.client_settings(), kafka_client=client)
    return taken


def of_faust(address: BrokerAddress) -> tuple[list[str], dict[str, Any]]:
    """The servers and the authentication that Faust's driver hands to its client library."""
    app = faust.App("test", **address.faust_settings())
    servers = server_list(app.conf.broker, default_port=9092)
    return servers, dict(credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context))


def test_nothing_asked_for_is_plain() -> None:
    """The embedded broker would be spoken to in a language that it does not know."""
    address = BrokerAddress("127.0.0.1:19092")
    assert of_faust(address) == (["127.0.0.1:19092"], {"security_protocol": "PLAINTEXT"})
    taken = of_kafka_python(address)
    assert (taken["bootstrap_servers"], taken["security_protocol"]) == (["127.0.0.1:19092"], "PLAINTEXT")


def test_every_address_tls_and_sasl_reach_kafka_python(pki: Path) -> None:
    """The relay could not send where the city's brokers want to know who comes."""
    taken = of_kafka_python(secured(pki))
    assert taken["bootstrap_servers"] == ["kafka-1.example:9093", "kafka-2.example:9093"]
    assert taken["security_protocol"] == "SASL_SSL"
    assert taken["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (taken["sasl_plain_username"], taken["sasl_plain_password"]) == ("tannha-routing", SECRET)
    assert_strict(taken["ssl_context"])


def test_every_address_tls_and_sasl_reach_faust(pki: Path) -> None:
    """The workers would hear nothing although the relays send."""
    servers, taken = of_faust(secured(pki))
    assert servers == ["kafka-1.example:9093", "kafka-2.example:9093"]
    assert_strict(taken.pop("ssl_context"))
    assert taken == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "tannha-routing",
        "sasl_plain_password": SECRET,
    }


@pytest.mark.parametrize(
    ("changed", "protocol"),
    [
        ({"sasl": None, "user": "", "password_file": None}, "SSL"),
        ({"tls": False, "ca_file": None, "cert_file": None, "key_file": None}, "SASL_PLAINTEXT"),
        ({"sasl": "PLAIN"}, "SASL_SSL"),
        ({"sasl": "SCRAM-SHA-256"}, "SASL_SSL"),
    ],
)
def test_both_libraries_agree_on_the_protocol(pki: Path, changed: dict[str, Any], protocol: str) -> None:
    """One half of a service would reach the broker and the other would not."""
    address = secured(pki, **changed)
    taken = of_kafka_python(address)
    _servers, of_worker = of_faust(address)
    assert taken["security_protocol"] == of_worker["security_protocol"] == protocol
    assert taken["sasl_mechanism"] == of_worker.get("sasl_mechanism")
    assert (taken["ssl_context"] is not None) == (of_worker.get("ssl_context") is not None)


def assert_strict(context: ssl.SSLContext) -> None:
    """Certificate and host name are checked, with the given authority only."""
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert ["kafka.example" in str(authority["subject"]) for authority in context.get_ca_certs()] == [True]


def test_a_file_that_is_no_certificate_is_named(pki: Path) -> None:
    """`[X509] PEM lib` tells an operator nothing."""
    with pytest.raises(OSError, match=r"rubbish\.pem"):
        secured(pki, ca_file=pki / "rubbish.pem").client_settings()
    with pytest.raises(OSError, match=r"rubbish\.pem"):
        secured(pki, cert_file=pki / "rubbish.pem").faust_settings()


def test_no_password_is_ever_printed(pki: Path, environment: pytest.MonkeyPatch) -> None:
    """Whoever prints the settings, or reads a log, would have it."""
    set_all(environment, pki)
    settings = Settings.load()
    printed = f"{settings!r} {settings.model_dump()} {settings.broker_address()!r}"
    assert SECRET not in printed
    assert settings.broker_address().client_settings()["sasl_plain_password"] == SECRET


# --- combinations that make no sense ------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment to be written into."""
    return monkeypatch


def set_all(environment: pytest.MonkeyPatch, pki: Path, **changed: str) -> None:
    """A complete secured environment of routing, with some keys changed; an empty value removes the key."""
    given = {
        "BROKER": "kafka-1.example:9093, kafka-2.example:9093",
        "BROKER_TLS": "true",
        "BROKER_CA_FILE": str(pki / "cert.pem"),
        "BROKER_CERT_FILE": str(pki / "cert.pem"),
        "BROKER_KEY_FILE": str(pki / "key.pem"),
        "BROKER_SASL": "SCRAM-SHA-256",
        "BROKER_USER": "tannha-routing",
        "BROKER_PASSWORD_FILE": str(pki / "password"),
    }
    for name, value in (given | changed).items():
        if value:
            environment.setenv(f"TANNHA_ROUTING_{name}", value)


def test_the_environment_becomes_the_address(pki: Path, environment: pytest.MonkeyPatch) -> None:
    """What the operator wrote would not be what is done."""
    set_all(environment, pki)
    given = secured(pki, sasl="SCRAM-SHA-256")
    address = Settings.load().broker_address()
    assert (address.servers, address.security) == (given.servers, given.security)


WRONG = [
    ({"BROKER_TLS": ""}, "BROKER_CA_FILE"),
    ({"BROKER_KEY_FILE": ""}, "BROKER_KEY_FILE"),
    ({"BROKER_CERT_FILE": ""}, "BROKER_CERT_FILE"),
    ({"BROKER_CA_FILE": "/nowhere/ca.pem"}, "BROKER_CA_FILE"),
    ({"BROKER_SASL": ""}, "BROKER_USER"),
    ({"BROKER_SASL": "GSSAPI"}, "BROKER_SASL"),
    ({"BROKER_USER": ""}, "BROKER_USER"),
    ({"BROKER_PASSWORD_FILE": ""}, "BROKER_PASSWORD_FILE"),
    ({"BROKER_PASSWORD_FILE": "/nowhere/password"}, "BROKER_PASSWORD_FILE"),
    ({"BROKER": "kafka-1.example"}, "BROKER"),
    ({"BROKER": "kafka-1.example:9092,"}, "BROKER"),
    ({"BROKER": "kafka://kafka-1.example:9092"}, "BROKER"),
]


@pytest.mark.parametrize(("changed", "key"), WRONG)
def test_a_wrong_combination_is_refused_by_its_key(
    pki: Path, environment: pytest.MonkeyPatch, changed: dict[str, str], key: str
) -> None:
    """A service would start without the protection that somebody believes it has."""
    set_all(environment, pki, **changed)
    with pytest.raises(SettingsRefused, match=rf"^TANNHA_ROUTING_{key}: \w"):
        Settings.load()


def test_in_production_a_password_does_not_cross_the_network_in_the_open(
    pki: Path, environment: pytest.MonkeyPatch
) -> None:
    """PLAIN without TLS shows it to whoever listens."""
    nothing = dict.fromkeys(("BROKER_TLS", "BROKER_CA_FILE", "BROKER_CERT_FILE", "BROKER_KEY_FILE"), "")
    set_all(environment, pki, **nothing, BROKER_SASL="PLAIN", ENVIRONMENT="production")
    with pytest.raises(SettingsRefused, match="TANNHA_ROUTING_BROKER_SASL: PLAIN"):
        Settings.load()
