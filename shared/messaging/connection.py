"""How to reach the broker, in the words of each client library."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True)
class BrokerSecurity:
    """What a broker beyond this machine asks for; by default nothing.

    TLS believes the authorities in `ca_file`, else the machine's, and shows `cert_file` with `key_file` (PEM)
    to a broker that wants to know its clients. SASL says `user` and the password in `password_file`, which
    is read whenever a client is made and kept nowhere.
    """

    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    sasl: Mechanism | None = None
    user: str = ""
    password_file: Path | None = None

    def faults(self) -> Iterator[tuple[str, str]]:
        """Fields that contradict each other or name a missing file, each with the reason."""
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.tls:
                yield name, "is of no use without tls"
        if bool(self.cert_file) != bool(self.key_file):
            yield (
                ("key_file", "belongs to cert_file")
                if self.cert_file
                else ("cert_file", "belongs to key_file")
            )
        for name in ("user", "password_file"):
            if bool(getattr(self, name)) != bool(self.sasl):
                yield name, "is needed with sasl" if self.sasl else "is of no use without sasl"
        for name in ("ca_file", "cert_file", "key_file", "password_file"):
            file = getattr(self, name)
            if file and not file.is_file():
                yield name, f"there is no file {file}"

    @property
    def protocol(self) -> str:
        """The name that Kafka has for this: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        transport = "SSL" if self.tls else "PLAINTEXT"
        return f"SASL_{transport}" if self.sasl else transport

    def password(self) -> str:
        """The SASL password. Raises OSError when its file cannot be read."""
        return self.password_file.read_text(encoding="utf-8").strip() if self.password_file else ""

    def tls_context(self) -> ssl.SSLContext | None:
        """Checks the broker's certificate and host name; None without TLS. Raises OSError naming a file."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as error:
            raise OSError(f"{self.ca_file}: not a PEM certificate") from error
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file)
            except ssl.SSLError as error:
                raise OSError(
                    f"{self.cert_file}, {self.key_file}: not a PEM certificate with its key"
                ) from error
        return context


@dataclass(frozen=True)
class BrokerAddress:
    """One or several `host:port`, comma separated, of the embedded broker or of Apache Kafka."""

    bootstrap: str
    security: BrokerSecurity = field(default_factory=BrokerSecurity)

    @property
    def servers(self) -> list[str]:
        """Each `host:port`: whichever answers first tells of all the others."""
        return [server.strip() for server in self.bootstrap.split(",")]

    def client_settings(self) -> dict[str, Any]:
        """For kafka-python's producer, consumer and admin client. Raises OSError for an unreadable file."""
        security = self.security
        settings: dict[str, Any] = {"bootstrap_servers": self.servers, "security_protocol": security.protocol}
        if security.tls:
            settings["ssl_context"] = security.tls_context()
        if security.sasl:
            settings["sasl_mechanism"] = security.sasl
            settings["sasl_plain_username"] = security.user
            settings["sasl_plain_password"] = security.password()
        return settings

    def faust_url(self) -> str:
        """The addresses for a Faust app."""
        return ";".join(f"kafka://{server}" for server in self.servers)

    def faust_settings(self) -> dict[str, Any]:
        """Addresses and credentials for a Faust app. Raises OSError for an unreadable file."""
        from faust import SASLCredentials, SSLCredentials  # noqa: PLC0415 - slow to load; an API needs no Faust

        security = self.security
        settings: dict[str, Any] = {"broker": self.faust_url()}
        context = security.tls_context()
        if security.sasl:
            settings["broker_credentials"] = SASLCredentials(
                mechanism=security.sasl,
                username=security.user,
                password=security.password(),
                ssl_context=context,
            )
        elif context is not None:
            settings["broker_credentials"] = SSLCredentials(context)
        return settings
