"""Settings by environment: every key of a service begins with its prefix, an unknown one is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

from shared.clock import Clock, DemoClock, system_clock
from shared.messaging.connection import BrokerAddress


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
    topic_replication: int = Field(default=1, ge=1)
    data_dir: Path = Path("var")
    session_public_key: Path = Path("var/keys/session-public.pem")
    demo_clock: Path | None = None
    intake_url: str = "http://127.0.0.1:8101"
    routing_url: str = "http://127.0.0.1:8102"
    postal_bridge_url: str = "http://127.0.0.1:8103"
    trusted_proxies: str = ""
    """Addresses of reverse proxies whose X-Forwarded-For is believed, comma separated; empty for none."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _nothing_of_the_demo_in_production(self) -> Self:
        if self.environment == "production" and self.demo_clock is not None:
            raise ValueError("demo_clock is not allowed in production")
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
        """Where events go."""
        return BrokerAddress(self.broker)

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
            wrong = "; ".join(
                f"{cls.PREFIX}{'.'.join(map(str, e['loc']))}".upper() + f": {e['msg']}"
                for e in error.errors()
            )
            raise SettingsRefused(wrong) from None
