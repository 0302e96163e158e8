"""What an ID token must be before it is believed (OpenID Connect Core 1.0, 3.1.3.7; RFC 8725)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from services.intake.application.identity_port import ProofRefused, Reason
from shared.clock import Clock, system_clock

LONGEST_TOKEN = 32 * 1024
_LONGEST_SUBJECT = 255
_REASONS: Mapping[str, Reason] = {"nonce": "replayed", "iat": "future", "nbf": "future"}


class IdTokens:
    """Reads ID tokens made by `issuer` for `client_id`. Expiry follows the machine's clock."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        keys_for: Callable[[str | None], KeySet],
        *,
        leeway_seconds: int,
        clock: Clock = system_clock,
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._keys_for = keys_for
        self._leeway_seconds = leeway_seconds
        self._clock = clock

    def read(
        self, id_token: object, *, nonce: str, access_token: object, algorithms: Sequence[str]
    ) -> dict[str, Any]:
        """The claims of a token that holds. Raises ProofRefused, ProviderSilent when keys cannot be had."""
        if not isinstance(id_token, str) or len(id_token) > LONGEST_TOKEN:
            raise ProofRefused("forged", "no ID token")
        try:
            kid = jws.extract_compact(id_token.encode()).headers().get("kid")
            keys = self._keys_for(kid if isinstance(kid, str) else None)
            token = jwt.decode(id_token, keys, registry=self._registry(algorithms))
            self._check(token, nonce, access_token)
        except ExpiredTokenError as error:
            raise ProofRefused("expired", "exp") from error
        except InvalidClaimError as error:
            raise ProofRefused(_REASONS.get(error.claim, "forged"), f"claim {error.claim}") from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProofRefused("forged", type(error).__name__) from error
        return token.claims

    def _registry(self, algorithms: Sequence[str]) -> JWSRegistry:
        # Unknown header parameters are allowed (providers add their own), unknown `crit` ones are not.
        return JWSRegistry(algorithms=list(algorithms), strict_check_header=False)

    def _check(self, token: jwt.Token, nonce: str, access_token: object) -> None:
        """Issuer, audience, authorised party, times, nonce and the hash of the access token."""
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._client_id},
                "sub": {"essential": True},
                "exp": {"essential": True},
                "iat": {"essential": True},
            },
            {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
        )
        claims.validate(now=int(self._clock().timestamp()), leeway=self._leeway_seconds)
        if len(token.claims["sub"]) > _LONGEST_SUBJECT:
            raise InvalidClaimError("sub")


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of a dotted `path`; a claim with dots in its own name wins. None when there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
