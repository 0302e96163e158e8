"""Settings of postal_bridge: `TANNHA_POSTAL_BRIDGE_<NAME>` in the environment."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What postal_bridge needs to know beyond the common settings: after how long a standstill is one."""

    PREFIX: ClassVar[str] = "TANNHA_POSTAL_BRIDGE_"
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    port: int = 8103
    database: str = "sqlite:///var/postal_bridge.db"
    offer_hours: float = Field(default=4.0, gt=0)
    silent_days: float = Field(default=3.0, gt=0)
    supplement_days: float = Field(default=14.0, gt=0)
    uncollected_hours: float = Field(default=24.0, gt=0)
