"""Settings of intake, by environment: `TANNHA_INTAKE_<NAME>`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

_FAKE_ZALO = "http://127.0.0.1:8109"
_OF_THE_DEMO = (
    "zalo_app_id",
    "zalo_oa_id",
    "zalo_app_secret",
    "zalo_oa_secret",
    "zalo_consent_code",
    "zalo_oauth_url",
    "zalo_openapi_url",
    "zalo_business_url",
)
"""What opens the fake server that ships with the project, and nothing else."""


class Settings(ServiceSettings):
    """What intake needs to know beyond every service's settings.

    The Zalo defaults (account, secrets, consent code and the three addresses) speak to the fake server
    that ships with the project; each of them is refused in production. After the first grant the consent
    code is empty. Rates are written like "20/minute" and count for each client address.
    """

    PREFIX: ClassVar[str] = "TANNHA_INTAKE_"
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    port: int = Field(default=8101, ge=1, le=65535)
    database: str = "sqlite:///var/intake.db"
    session_private_key: Path = Path("var/keys/session-private.pem")
    hotline: str = "1022"
    sign_in_rate: str = "60/minute"
    sign_in_rate_per_account: str = "10/minute"
    api_sign_in_rate: str = "300/minute"
    request_rate: str = "600/minute"
    status_rate: str = "60/minute"
    promise_sweep_seconds: float = Field(default=60.0, gt=0)
    status_rate_per_code: str = "8/minute"
    zalo_app_id: str = "4000000000000000001"
    zalo_oa_id: str = "388613280878808645"
    zalo_app_secret: SecretStr = SecretStr("demo-app-secret")
    zalo_oa_secret: SecretStr = SecretStr("demo-oa-secret")
    zalo_consent_code: SecretStr = SecretStr("demo-consent-code")
    zalo_code_verifier: SecretStr = SecretStr("")
    zalo_signature_variants: tuple[str, ...] = ("app_id+body+oa_secret",)
    zalo_oauth_url: str = _FAKE_ZALO
    zalo_openapi_url: str = _FAKE_ZALO
    zalo_business_url: str = _FAKE_ZALO
    zalo_timeout_seconds: float = Field(default=5.0, gt=0)
    geocoder: Literal["gazetteer", "nominatim", "photon", "pelias"] = "gazetteer"
    geocoder_url: str | None = None

    @model_validator(mode="after")
    def _nothing_of_the_fake_server_in_production(self) -> Self:
        fields = type(self).model_fields
        left = [name for name in _OF_THE_DEMO if getattr(self, name) == fields[name].default]
        if self.production and left:
            raise ValueError(f"must be set in production: {', '.join(left)}")
        return self
