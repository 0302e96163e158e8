"""Settings by environment: every key of a service begins with its prefix, an unknown one is refused."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

from shared.clock import Clock, DemoClock, system_clock
from shared.messaging.connection import BrokerAddress, BrokerSecurity, Mechanism

ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}")


class SettingsRefused(Exception):
    """The environment does not describe a runnable service; the text names the keys at fault."""


class ServiceSettings(BaseSettings):
    """What every service needs to know. `TANNHA_<SERVICE>_<NAME>` sets a field.

    Secrets are `SecretStr` or files, so printing settings shows none.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid")
    PREFIX: ClassVar[str]

    environment: Literal["development", "demo", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    database: str
    database_password_file: Path | None = None
    broker: str = "127.0.0.1:19092"
    """`host:port` of one broker or, comma separated, of several of a cluster."""
    broker_tls: bool = False
    broker_ca_file: Path | None = None
    broker_cert_file: Path | None = None
    broker_key_file: Path | None = None
    broker_sasl: Mechanism | None = None
    broker_user: str = ""
    broker_password_file: Path | None = None
    """The seven above: see `shared.messaging.connection.BrokerSecurity`."""
    topic_replication: int = Field(default=1, ge=1)
    data_dir: Path = Path("var")
    session_public_key: Path = Path("var/keys/session-public.pem")
    demo_clock: Path | None = None
    intake_url: str = "http://127.0.0.1:8101"
    routing_url: str = "http://127.0.0.1:8102"
    postal_bridge_url: str = "http://127.0.0.1:8103"
    trusted_proxies: str = ""
    """Addresses of reverse proxies whose X-Forwarded-For is believed, comma separated; empty for none."""
    reconcile_seconds: float = Field(default=180.0, gt=0)
    """How often a service looks for what stands still (`shared.reconciling`)."""
    metrics_token_file: Path | None = None
    """Who sends its content as Bearer token may read `/metrics`; without it only this machine may."""
    worker_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where the worker, which has no pages, shows its metrics on `host`; nowhere by default."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _nothing_of_the_demo_in_production(self) -> Self:
        if self.environment == "production" and self.demo_clock is not None:
            raise ValueError("demo_clock is not allowed in production")
        return self

    @field_validator("broker")
    @classmethod
    def _hosts_with_ports(cls, value: str) -> str:
        if not all(ADDRESS.fullmatch(server.strip()) for server in value.split(",")):
            raise ValueError("must be host:port, several of them separated by commas")
        return value

    @model_validator(mode="after")
    def _broker_security_makes_sense(self) -> Self:
        security = self.broker_address().security
        faults = list(security.faults())
        if self.production and security.protocol == "SASL_PLAINTEXT" and security.sasl == "PLAIN":
            faults.append(("sasl", "PLAIN shows the password to the network; in production it needs tls"))
        if faults:
            raise ValueError("; ".join(f"{self.PREFIX}BROKER_{name.upper()}: {why}" for name, why in faults))
        return self

    @property
    def production(self) -> bool:
        """Whether real people depend on this process."""
        return self.environment == "production"

    @property
    def demo(self) -> bool:
        """Whether demo accounts and the demo clock are in use."""
        return self.environment == "demo"

    def database_url(self) -> URL:
        """Where the data is; the password, if it lies in a file, is put in. Raises OSError without it."""
        url = make_url(self.database)
        if self.database_password_file is None:
            return url
        return url.set(password=self.database_password_file.read_text(encoding="utf-8").strip())

    def clock(self) -> Clock:
        """The business clock of this process."""
        return DemoClock(self.demo_clock) if self.demo_clock else system_clock

    def broker_address(self) -> BrokerAddress:
        """Where events go, and what is shown there."""
        of_security = {f.name: getattr(self, f"broker_{f.name}") for f in fields(BrokerSecurity)}
        return BrokerAddress(self.broker, BrokerSecurity(**of_security))

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Reads the environment. Raises SettingsRefused naming each unknown or wrong key."""
        known = {f"{cls.PREFIX}{name}".upper() for name in cls.model_fields}
        unknown = sorted(k for k in os.environ if k.startswith(cls.PREFIX) and k not in known)
        if unknown:
            raise SettingsRefused(f"unknown settings: {', '.join(unknown)}")
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise SettingsRefused("; ".join(cls._told(one) for one in error.errors())) from None

    @classmethod
    def _told(cls, error: Any) -> str:
        """An error about one key begins with it; one about several names them itself."""
        key = f"{cls.PREFIX}{'.'.join(map(str, error['loc']))}: ".upper() if error["loc"] else ""
        return key + str(error["msg"]).removeprefix("Value error, ")
