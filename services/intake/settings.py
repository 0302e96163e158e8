"""Settings of intake, by environment: `TANNHA_INTAKE_<NAME>`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.intake.adapters.oidc.client import is_protected
from shared.actor import Role
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

    With `oidc_issuer` people sign in at that OpenID Connect provider. A first sign-in finds its account by
    the verified e-mail address, by `oidc_account_claim`, or (`nothing`) only by an administrator's link.
    Roles are ours unless `oidc_role_claim` and `oidc_roles` (its names to our roles, JSON) say otherwise. In
    production passwords are off, except for the administrator named `break_glass_account`.
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
    unplanned_hours: float = Field(default=2.0, gt=0)
    silent_hours: float = Field(default=24.0, gt=0)
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
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_scopes: str = "openid profile email"
    oidc_link_by: Literal["email", "account", "nothing"] = "email"
    oidc_account_claim: str = Field(default="preferred_username", min_length=1)
    oidc_role_claim: str = ""
    oidc_roles: dict[str, Role] = Field(default_factory=dict)
    oidc_leeway_seconds: int = Field(default=60, ge=0, le=300)
    oidc_timeout_seconds: float = Field(default=5.0, gt=0, le=30)
    oidc_pause_seconds: float = Field(default=3.0, ge=0)
    break_glass_account: str = ""
    geocoder: Literal["gazetteer", "nominatim", "photon", "pelias"] = "gazetteer"
    geocoder_url: str | None = None

    @model_validator(mode="after")
    def _nothing_of_the_fake_server_in_production(self) -> Self:
        fields = type(self).model_fields
        left = [name for name in _OF_THE_DEMO if getattr(self, name) == fields[name].default]
        if self.production and left:
            raise ValueError(f"must be set in production: {', '.join(left)}")
        return self

    @model_validator(mode="after")
    def _a_way_to_sign_in(self) -> Self:
        if self.oidc_issuer:
            for name in ("oidc_issuer", "intake_url"):
                if not is_protected(getattr(self, name)):
                    raise ValueError(f"{name} must be https, or on this machine")
            if not self.oidc_client_id:
                raise ValueError("oidc_issuer needs oidc_client_id")
            if "openid" not in self.oidc_scopes.split():
                raise ValueError("oidc_scopes must contain openid")
        elif self.oidc_client_id or self.oidc_client_secret_file:
            raise ValueError("oidc_client_id and oidc_client_secret_file need oidc_issuer")
        elif self.production and not self.break_glass_account:
            raise ValueError("nobody could sign in: oidc_issuer must be set in production")
        if bool(self.oidc_role_claim) != bool(self.oidc_roles):
            raise ValueError("oidc_role_claim and oidc_roles go together")
        return self

    @property
    def passwords_for(self) -> frozenset[str] | None:
        """The accounts that may sign in by password; None for all."""
        if not self.production:
            return None
        return frozenset({self.break_glass_account} - {""})
