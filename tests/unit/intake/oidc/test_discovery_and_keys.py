"""The provider's document and keys: what is believed, and how often they are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from services.intake.adapters.oidc.client import is_protected
from services.intake.adapters.oidc.discovery import Discovery
from services.intake.adapters.oidc.keys import MAX_AGE_SECONDS, PAUSE_SECONDS, KeyRing
from services.intake.application.identity_port import ProviderSilent
from tests.unit.intake.oidc.test_wire import Watch

ISSUER = "https://dinh-danh.example/realms/buu-dien"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
    "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"],
    "a_parameter_of_its_own": {"x": 1},
}


@pytest.mark.parametrize(
    ("address", "protected"),
    [
        ("https://a.example/x", True),
        ("http://127.0.0.1:8110", True),
        ("http://[::1]:8110", True),
        ("http://localhost", True),
        ("http://a.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("https://", False),
        ("javascript:alert(1)", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_codes_and_tokens_travel_protected(address: str, protected: bool) -> None:
    """Whoever listens on the way could sign in as anybody."""
    assert is_protected(address) is protected


def found(**other: Any) -> Discovery:
    """The discovery of a document with other values; None leaves one out."""
    document = {name: value for name, value in {**DOCUMENT, **other}.items() if value is not None}
    return Discovery(ISSUER, lambda _: document)


def test_only_signatures_that_the_provider_alone_can_make_are_accepted() -> None:
    """A token without signature, or signed with our own secret, would be taken because it was offered."""
    assert found().metadata().algorithms == ["ES256", "RS256"]


@pytest.mark.parametrize(
    "other",
    [
        {"issuer": "https://evil.example"},
        {"issuer": ISSUER + "/"},
        {"token_endpoint": "http://dinh-danh.example/token"},
        {"jwks_uri": "http://dinh-danh.example/certs"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "http://evil.example"},
        {"token_endpoint": None},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"code_challenge_methods_supported": ["plain"]},
    ],
    ids=str,
)
def test_a_document_that_does_not_fit_is_not_used(other: dict[str, Any]) -> None:
    """A wrong or hostile document would lead people, codes or our secret elsewhere."""
    with pytest.raises(ProviderSilent):
        found(**other).metadata()


def test_the_document_is_asked_for_once_an_hour() -> None:
    """Each sign-in would cost a call more, or a moved endpoint never be noticed."""
    asked: list[str] = []
    watch = Watch()

    def get(address: str) -> dict[str, Any]:
        asked.append(address)
        return DOCUMENT

    discovery = Discovery(ISSUER, get, watch)
    for _ in range(3):
        discovery.metadata()
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"]
    watch.seconds += 3601
    discovery.metadata()
    assert len(asked) == 2


KEYS = {name: RSAKey.generate_key(2048, parameters={"kid": name}) for name in ("old", "new")}


class Certs:
    """The provider's key document, and how often it was asked for."""

    def __init__(self) -> None:
        self.names = ["old"]
        self.asked = 0
        self.silent = False

    def __call__(self) -> dict[str, Any]:
        """The document now."""
        self.asked += 1
        if self.silent:
            raise ProviderSilent("test")
        return {"keys": [KEYS[name].as_dict(private=False) for name in self.names]}


def kids(ring: KeyRing, kid: str | None) -> list[str | None]:
    """The ids of the keys that a token naming `kid` may be checked with."""
    return [key.kid for key in ring.keys_for(kid)]


def test_an_unknown_key_is_asked_for_once_and_then_rarely() -> None:
    """A rotation would lock everybody out, or tokens naming random keys flood the provider."""
    certs, watch = Certs(), Watch()
    ring = KeyRing(certs, watch)
    assert kids(ring, "old") == ["old"]
    certs.names = ["old", "new"]
    assert kids(ring, "new") == ["old", "new"]
    assert certs.asked == 2
    for n in range(20):
        kids(ring, f"random-{n}")
    assert certs.asked == 2
    watch.seconds += PAUSE_SECONDS
    kids(ring, "random")
    kids(ring, "random")
    assert certs.asked == 3


def test_a_withdrawn_key_is_forgotten_within_the_hour() -> None:
    """A stolen key of the provider would be believed until our next restart."""
    certs, watch = Certs(), Watch()
    ring = KeyRing(certs, watch)
    kids(ring, "old")
    certs.names = ["new"]
    assert kids(ring, "old") == ["old"]
    watch.seconds += MAX_AGE_SECONDS
    assert kids(ring, "old") == ["new"]


def test_a_failed_question_does_not_use_up_the_next_one() -> None:
    """A new key would stay unknown for half a minute after an outage of one second."""
    certs = Certs()
    ring = KeyRing(certs, Watch())
    kids(ring, "old")
    certs.names, certs.silent = ["new"], True
    with pytest.raises(ProviderSilent):
        kids(ring, "new")
    certs.silent = False
    assert kids(ring, "new") == ["new"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": "x"},
        {"keys": []},
        {"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]},
        {"keys": [OctKey.generate_key(256).as_dict()]},
        {"keys": [{**KEYS["old"].as_dict(private=False), "use": "enc"}]},
    ],
    ids=["nothing", "text", "empty", "broken", "symmetric", "for encryption"],
)
def test_a_set_without_usable_keys_counts_as_silence(document: dict[str, Any]) -> None:
    """A published symmetric key would let everybody sign, a broken one crash the sign-in."""
    with pytest.raises(ProviderSilent):
        KeyRing(lambda: document).keys_for(None)
