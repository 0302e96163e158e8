"""Settings of the fake provider, by environment (`TANNHA_FAKE_OIDC_…`) or command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_INTAKE = "http://127.0.0.1:8101"


class Person(BaseModel):
    """Somebody who may sign in. `claims` are added to the ID token and win over what is made up here."""

    model_config = ConfigDict(extra="forbid")

    sub: str
    account: str
    name: str = ""
    email: str = ""
    email_verified: bool = True
    claims: dict[str, object] = Field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """What the ID token says about the person."""
        known: dict[str, object] = {"name": self.name, "preferred_username": self.account}
        if self.email:
            known |= {"email": self.email, "email_verified": self.email_verified}
        return {"sub": self.sub, **known, **self.claims}


class FakeOidcSettings(BaseSettings):
    """Where it listens, which client it knows, and how long things live.

    The secret is a demonstration value that intake must be given too; it opens nothing real. `people` is a
    JSON file with a list of persons; without it the demonstration's accounts are known.
    """

    model_config = SettingsConfigDict(env_prefix="TANNHA_FAKE_OIDC_", extra="forbid")

    host: str = "127.0.0.1"
    port: int = 8110
    people: Path | None = None
    client_id: str = "tannha"
    client_secret: str = "demo-oidc-secret"  # noqa: S105 - opens the fake provider only
    redirect_uris: list[str] = [f"{_INTAKE}/dang-nhap/tro-ve"]
    post_logout_redirect_uris: list[str] = [f"{_INTAKE}/"]
    code_seconds: int = 60
    token_seconds: int = 300

    @property
    def issuer(self) -> str:
        """The provider's name, which is its address."""
        return f"http://{self.host}:{self.port}"
