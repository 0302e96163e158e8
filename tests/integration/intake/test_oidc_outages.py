"""New keys and outages of the identity provider, by real HTTP with a provider process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.intake.oidc_support import PAGE, Browser, ProviderProcess, opened, provider_process


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """One provider for the tests of this file."""
    with provider_process(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_key_of_the_provider_is_learned_at_once(
    tmp_path: Path, provider: ProviderProcess, keep: bool
) -> None:
    """After a rotation nobody could sign in until a restart."""
    browser = Browser(opened(tmp_path, provider))
    assert browser.sign_in("s-dieu").status_code == 303
    provider.http.post("/_test/rotate", params={"keep": keep})
    assert Browser(browser.intake).sign_in("s-dieu").status_code == 303


def test_a_silent_provider_stops_sign_ins_only(tmp_path: Path, provider: ProviderProcess) -> None:
    """An outage of the provider would send the whole office home."""
    browser = Browser(opened(tmp_path, provider, oidc_timeout_seconds=0.3))
    assert browser.sign_in("s-dieu").status_code == 303
    newcomer = Browser(browser.intake)
    for kind, path in (("http_500", "/token"), ("no_json", "/token"), ("slow", "/token"), ("slow", "/jwks")):
        if path == "/jwks":
            provider.http.post("/_test/rotate")
        address = newcomer.pick(newcomer.leave(), "s-dieu")
        provider.order(kind, path=path, seconds=1)
        answer = newcomer.back(address)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30"), kind
        assert "đang không trả lời" in answer.text
    assert not newcomer.signed_in
    assert browser.here.get("/", headers=PAGE).text.count("Phan Thị Điều")
    assert newcomer.sign_in("s-dieu").status_code == 303, "it recovers without a restart"


def test_a_provider_that_is_not_there_gives_a_clear_page(tmp_path: Path, provider: ProviderProcess) -> None:
    """A person would see a crash, and intake would not even start without the provider."""
    browser = Browser(opened(tmp_path, provider, oidc_issuer="http://127.0.0.1:9"))
    answer = browser.here.get("/dang-nhap/co-quan", headers=PAGE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert browser.here.get("/dang-nhap", headers=PAGE).status_code == 200
