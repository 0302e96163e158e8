"""Settings of routing: `TANNHA_ROUTING_…`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where routing runs and how long it may think."""

    PREFIX: ClassVar[str] = "TANNHA_ROUTING_"
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    port: int = Field(default=8102, ge=1, le=65535)
    database: str = "sqlite:///var/routing.db"
    solver_seconds: float = Field(default=2.0, gt=0, le=60)
    urgent_sweep_seconds: float = Field(default=3.0, gt=0)
    unplanned_hours: float = Field(default=2.0, gt=0)
    silent_hours: float = Field(default=1.0, gt=0)
    reference_dir: Path = Path(__file__).parent / "data"
    map_tiles: str | None = None
