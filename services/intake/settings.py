"""Settings of intake, by environment: `TANNHA_INTAKE_<NAME>`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

_DEMO_APP_SECRET = "demo-app-secret"  # noqa: S105 - opens the fake server only
_DEMO_OA_SECRET = "demo-oa-secret"  # noqa: S105 - likewise


class Settings(ServiceSettings):
    """What intake needs to know beyond every service's settings.

    The Zalo defaults speak to the fake server that ships with the project and are refused in
    production. Rates are written like "20/minute" and count for each client address.
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
    status_rate_per_code: str = "8/minute"
    notice_attempts: int = Field(default=8, ge=1)
    zalo_app_id: str = "4000000000000000001"
    zalo_oa_id: str = "388613280878808645"
    zalo_app_secret: SecretStr = SecretStr(_DEMO_APP_SECRET)
    zalo_oa_secret: SecretStr = SecretStr(_DEMO_OA_SECRET)
    zalo_consent_code: SecretStr = SecretStr("demo-consent-code")
    zalo_code_verifier: SecretStr = SecretStr("")
    zalo_signature_variants: tuple[str, ...] = ("app_id+body+oa_secret",)
    zalo_oauth_url: str = "http://127.0.0.1:8109"
    zalo_openapi_url: str = "http://127.0.0.1:8109"
    zalo_business_url: str = "http://127.0.0.1:8109"
    zalo_timeout_seconds: float = Field(default=5.0, gt=0)
    geocoder: Literal["gazetteer", "nominatim", "photon", "pelias"] = "gazetteer"
    geocoder_url: str | None = None

    @model_validator(mode="after")
    def _no_demo_secrets_in_production(self) -> Self:
        secrets = {self.zalo_app_secret.get_secret_value(), self.zalo_oa_secret.get_secret_value()}
        if self.production and secrets & {_DEMO_APP_SECRET, _DEMO_OA_SECRET}:
            raise ValueError("zalo_app_secret and zalo_oa_secret must be set in production")
        return self
