"""Who we are at the identity provider, and which addresses of it may be used at all."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared.settings import SettingsRefused


@dataclass(frozen=True)
class OidcClient:
    """Our registration at the provider. `secret` is empty for a public client, which PKCE alone protects.

    `account_claim` and `role_claim` name claims of the ID token; a dotted name walks into objects, such as
    Keycloak's `realm_access.roles`.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    secret: str = ""
    scopes: str = "openid profile email"
    account_claim: str = "preferred_username"
    role_claim: str = ""
    leeway_seconds: int = 60


def read_secret(file: Path | None) -> str:
    """The client secret, one line; "" without a file.

    Raises OSError when the file cannot be read, SettingsRefused when nothing is in it.
    """
    if file is None:
        return ""
    secret = file.read_text(encoding="utf-8").strip()
    if not secret:
        raise SettingsRefused(f"oidc_client_secret_file: {file} is empty")
    return secret


def is_protected(address: str) -> bool:
    """Whether what is sent to `address` stays between us: https, or http that never leaves the machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
