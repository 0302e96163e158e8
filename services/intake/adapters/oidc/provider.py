"""The `IdentityProvider` port by OpenID Connect: authorization code flow with PKCE S256."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from services.intake.adapters.oidc.client import OidcClient
from services.intake.adapters.oidc.discovery import Discovery, Metadata
from services.intake.adapters.oidc.id_token import IdTokens, claim_at
from services.intake.adapters.oidc.keys import KeyRing
from services.intake.adapters.oidc.wire import Wire
from services.intake.application.identity_port import ProofRefused, ProvenIdentity, ProviderSilent, Reason
from shared.clock import Clock, system_clock

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_OURS_TO_MEND = {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"}
"""Errors of the token endpoint that tell of wrong settings, not of a wrong code (RFC 6749, 5.2)."""

log = structlog.get_logger(__name__)


class OidcProvider:
    """One provider, found by its issuer address. Safe for several threads."""

    def __init__(self, client: OidcClient, wire: Wire, clock: Clock = system_clock) -> None:
        self._client = client
        self._wire = wire
        self._discovery = Discovery(client.issuer, wire.get)
        self._keys = KeyRing(lambda: wire.get(self._discovery.metadata().jwks_uri))
        self._tokens = IdTokens(
            client.issuer,
            client.client_id,
            self._keys.keys_for,
            leeway_seconds=client.leeway_seconds,
            clock=clock,
        )

    def departure(self, *, state: str, nonce: str, verifier: str, another: bool) -> str:
        """See `IdentityProvider.departure`."""
        more = {"prompt": "login"} if another else {}
        address: str = prepare_grant_uri(
            self._discovery.metadata().authorization_endpoint,
            client_id=self._client.client_id,
            response_type="code",
            redirect_uri=self._client.redirect_uri,
            scope=self._client.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            **more,
        )
        return address

    def check_sender(self, issuer: str) -> None:
        """See `IdentityProvider.check_sender`."""
        promised = self._discovery.metadata().authorization_response_iss_parameter_supported
        if issuer != self._client.issuer and (issuer or promised):
            raise ProofRefused("forged", "answer of another issuer")

    def arrival(self, *, code: str, nonce: str, verifier: str) -> ProvenIdentity:
        """See `IdentityProvider.arrival`."""
        metadata = self._discovery.metadata()
        answer = self._redeem(metadata, code, verifier)
        id_token = answer.get("id_token")
        claims = self._tokens.read(
            id_token, nonce=nonce, access_token=answer.get("access_token"), algorithms=metadata.algorithms
        )
        return ProvenIdentity(
            issuer=self._client.issuer,
            subject=claims["sub"],
            # Some providers write the word "true"; only the JSON value is a promise (Core 5.1).
            email=_text(claims.get("email")) if claims.get("email_verified") is True else "",
            account=_text(claim_at(claims, self._client.account_claim)),
            roles=_texts(claim_at(claims, self._client.role_claim)) if self._client.role_claim else (),
            id_token=str(id_token),
        )

    def farewell(self, id_token: str, back_to: str) -> str | None:
        """See `IdentityProvider.farewell` (RP-Initiated Logout 1.0)."""
        endpoint = self._discovery.metadata().end_session_endpoint
        if endpoint is None:
            return None
        query = {
            "client_id": self._client.client_id,
            "id_token_hint": id_token,
            "post_logout_redirect_uri": back_to,
        }
        return endpoint + ("&" if "?" in endpoint else "?") + urlencode(query)

    def _redeem(self, metadata: Metadata, code: str, verifier: str) -> dict[str, Any]:
        """The token endpoint's answer to `code`. Raises ProofRefused for a code that is not good."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_uri,
            "code_verifier": verifier,
        }
        address, headers, body = self._client_auth(metadata).prepare(
            "POST", metadata.token_endpoint, dict(_FORM), urlencode(form)
        )
        status, answer = self._wire.post(address, body, headers)
        error = answer.get("error")
        if error in _OURS_TO_MEND:
            log.error("provider.refuses_us", error=error)
            raise ProviderSilent(f"token endpoint says {error}")
        if error or not 200 <= status < 300:
            reason: Reason = "replayed" if error == "invalid_grant" else "forged"
            raise ProofRefused(reason, f"code: {error or status}")
        return answer

    def _client_auth(self, metadata: Metadata) -> ClientAuth:
        """How we prove to be the client: by the secret in the header where offered, else in the form."""
        client, offered = self._client, metadata.token_endpoint_auth_methods_supported
        if not client.secret:
            return ClientAuth(client.client_id, None, "none")
        if "client_secret_basic" not in offered and "client_secret_post" in offered:
            return ClientAuth(client.client_id, client.secret, "client_secret_post")
        # RFC 6749, 2.3.1: both are form-encoded before they go into the header; authlib leaves that to us.
        return ClientAuth(quote(client.client_id, ""), quote(client.secret, ""), "client_secret_basic")


def _text(claim: Any) -> str:
    return claim.strip()[:254] if isinstance(claim, str) else ""


def _texts(claim: Any) -> tuple[str, ...]:
    found = [claim] if isinstance(claim, str) else claim
    return tuple(str(name) for name in found) if isinstance(found, list) else ()
