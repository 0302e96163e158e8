"""Lies and failures to order: what a broken, slow or hostile provider might answer."""

from __future__ import annotations

import threading
from collections.abc import Collection
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong, at the token endpoint unless said otherwise."""

    SLOW = "slow"
    """Any path: the answer comes `seconds` later."""
    HTTP_500 = "http_500"
    """Any path: the server fails."""
    NO_JSON = "no_json"
    """Any path: a gateway's page in place of the answer."""
    WRONG_NONCE = "wrong_nonce"
    NO_NONCE = "no_nonce"
    WRONG_AUDIENCE = "wrong_audience"
    MANY_AUDIENCES = "many_audiences"
    """Ours among others, and nobody named as the one it was made for."""
    WRONG_PARTY = "wrong_party"
    """`azp` names another client."""
    WRONG_ISSUER = "wrong_issuer"
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from_the_future"
    NO_SUBJECT = "no_subject"
    WRONG_ACCESS_HASH = "wrong_access_hash"
    ALG_NONE = "alg_none"
    """No signature at all."""
    ALG_HMAC_SECRET = "alg_hmac_secret"  # noqa: S105 - a kind of fault
    """Signed with the client's secret."""
    ALG_HMAC_PUBLIC_KEY = "alg_hmac_public_key"
    """Signed with the public key used as if it were a secret."""
    FOREIGN_KEY = "foreign_key"
    """Signed by somebody else under a published key's name."""
    UNKNOWN_KEY = "unknown_key"
    """Signed by a key that is never published."""
    TAMPERED = "tampered"
    """The claims were changed after signing."""
    NO_ID_TOKEN = "no_id_token"  # noqa: S105 - a kind of fault


class Fault(BaseModel):
    """One ordered failure: for the next `times` calls whose path contains `path`."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    times: int = Field(default=1, ge=1)
    path: str = "/token"
    seconds: float = Field(default=5.0, ge=0, le=60)


class FaultBoard:
    """The failures still to happen, first ordered first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        """Add a failure."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._faults.clear()

    def take(self, path: str, kinds: Collection[FaultKind]) -> Fault | None:
        """The next failure of one of these kinds for a call to `path`, used up by one."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.kind in kinds and fault.path in path:
                    if fault.times == 1:
                        del self._faults[place]
                    else:
                        self._faults[place] = fault.model_copy(update={"times": fault.times - 1})
                    return fault
        return None
