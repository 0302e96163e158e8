"""The provider's discovery document (OpenID Connect Discovery 1.0), believed only where it must be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import structlog
from pydantic import AfterValidator, BaseModel, ValidationError

from services.intake.adapters.oidc.client import is_protected
from services.intake.application.identity_port import ProviderSilent

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make. `none` and the HMAC family, whose key is our own secret, never
count, whatever the document offers (RFC 8725, 3.1)."""
_MAX_AGE_SECONDS = 3600.0

log = structlog.get_logger(__name__)


def _protected(address: str) -> str:
    if not is_protected(address):
        raise ValueError("must be https")
    return address


Endpoint = Annotated[str, AfterValidator(_protected)]


class Metadata(BaseModel):
    """What we use of the document; the rest is ignored."""

    issuer: str
    authorization_endpoint: Endpoint
    token_endpoint: Endpoint
    jwks_uri: Endpoint
    end_session_endpoint: Endpoint | None = None
    id_token_signing_alg_values_supported: Sequence[str] = ("RS256",)
    token_endpoint_auth_methods_supported: Sequence[str] = ("client_secret_basic",)
    code_challenge_methods_supported: Sequence[str] = ("S256",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """Those of the offered signature algorithms that we accept."""
        return [name for name in self.id_token_signing_alg_values_supported if name in ALGORITHMS]


class Discovery:
    """The document of one issuer, fetched when first needed and renewed every hour."""

    def __init__(
        self,
        issuer: str,
        get: Callable[[str], dict[str, Any]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._get = get
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: Metadata | None = None
        self._fetched_at = 0.0

    def metadata(self) -> Metadata:
        """The document. Raises ProviderSilent when it cannot be had or does not fit."""
        found = self._found
        if found is not None and self._monotonic() - self._fetched_at < _MAX_AGE_SECONDS:
            return found
        document = self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        with self._lock:
            self._found, self._fetched_at = self._fitting(document), self._monotonic()
            return self._found

    def _fitting(self, document: dict[str, Any]) -> Metadata:
        try:
            metadata = Metadata.model_validate(document)
        except ValidationError as error:
            raise self._unfit(", ".join(".".join(map(str, e["loc"])) for e in error.errors())) from None
        if metadata.issuer != self._issuer:
            raise self._unfit("issuer is another one")  # Discovery 4.3: it must be exactly the same
        if not metadata.algorithms:
            raise self._unfit("no asymmetric signature")
        if "S256" not in metadata.code_challenge_methods_supported:
            raise self._unfit("no PKCE with S256")
        return metadata

    def _unfit(self, detail: str) -> ProviderSilent:
        # An operator has to act; for the person at the page it is the same as no answer.
        log.error("provider.unfit", issuer=self._issuer, detail=detail)
        return ProviderSilent(detail)
