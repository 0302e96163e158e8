"""Sign-in at an OpenID Connect provider, by real HTTP with a provider process that can also lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from shared.actor import Role
from shared.observability.metrics import refused_tokens
from tests.integration.intake.conftest import Intake
from tests.integration.intake.oidc_support import (
    DISPATCHER,
    PAGE,
    Browser,
    ProviderProcess,
    opened,
    provider_process,
    register,
)

HOME = "http://127.0.0.1:8102/dieu-do"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """One provider for the tests of this file."""
    with provider_process(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, provider: ProviderProcess) -> Intake:
    """Intake for the tests that need no account of their own."""
    return opened(tmp_path_factory.mktemp("office"), provider)


@pytest.fixture
def browser(office: Intake) -> Browser:
    """Somebody's browser."""
    return Browser(office)


def refused(reason: str) -> float:
    """How many proofs were refused for this reason so far."""
    return refused_tokens.labels(reason)._value.get()  # type: ignore[no-any-return]


def changed(address: str, **values: str) -> str:
    """The address with other query values."""
    query = {name: found[0] for name, found in parse_qs(urlsplit(address).query).items()}
    return address.partition("?")[0] + "?" + urlencode({**query, **values})


def test_a_first_sign_in_finds_the_account_by_the_verified_address(browser: Browser) -> None:
    """Nobody could get in in production, or everybody would have to be linked by hand."""
    page = browser.here.get("/dang-nhap", params={"next": "/x?a=1&b=2"}, headers=PAGE).text
    assert "/dang-nhap/co-quan?next=%2Fx%3Fa%3D1%26b%3D2" in page
    answer = browser.sign_in("s-dieu")
    assert (answer.status_code, answer.headers["location"]) == (303, HOME)
    assert browser.signed_in
    again = Browser(browser.intake).sign_in("s-dieu", next="/quan-tri")
    assert again.headers["location"] == "/quan-tri"


def test_the_question_carries_what_the_protocol_demands(browser: Browser) -> None:
    """Without state, nonce and challenge an answer could be stolen, replayed or forged."""
    first, second = (parse_qs(urlsplit(browser.leave()).query) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == ["http://127.0.0.1:8101/dang-nhap/tro-ve"]
    assert "openid" in first["scope"][0].split()
    for secret in ("state", "nonce", "code_challenge"):
        assert len(first[secret][0]) >= 43
        assert first[secret] != second[secret]


LIES = {
    "wrong_nonce": "replayed",
    "no_nonce": "forged",
    "wrong_audience": "forged",
    "many_audiences": "forged",
    "wrong_party": "forged",
    "wrong_issuer": "forged",
    "expired": "expired",
    "from_the_future": "future",
    "no_subject": "forged",
    "wrong_access_hash": "forged",
    "alg_none": "forged",
    "alg_hmac_secret": "forged",
    "alg_hmac_public_key": "forged",
    "foreign_key": "forged",
    "unknown_key": "forged",
    "tampered": "forged",
    "no_id_token": "forged",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_lies_signs_nobody_in(browser: Browser, provider: ProviderProcess, lie: str) -> None:
    """A forged, foreign, expired or replayed token would open somebody's account."""
    before = refused(LIES[lie])
    provider.order(lie)
    answer = browser.sign_in("s-dieu")
    assert answer.status_code == 401
    assert "chưa ai được đăng nhập" in answer.text
    assert not browser.signed_in
    assert refused(LIES[lie]) == before + 1
    assert browser.sign_in("s-dieu").status_code == 303, "an honest token afterwards is taken"


def test_every_lie_of_the_provider_is_tried() -> None:
    """A lie that was added to the provider would prove nothing."""
    from deploy.fake_oidc.app import _LIES

    assert {kind.value for kind in _LIES} == set(LIES)


def test_an_answer_is_good_once(browser: Browser) -> None:
    """Whoever finds the address in a history or log could sign in again with it."""
    address = browser.pick(browser.leave(), "s-dieu")
    before = refused("replayed")
    kept = browser.here.cookies.get("tannha_sign_in", path="/dang-nhap")
    assert kept
    assert browser.back(address).status_code == 303
    browser.here.cookies.clear()
    browser.here.cookies.set("tannha_sign_in", kept, path="/dang-nhap")
    assert browser.back(address).status_code == 401
    assert refused("replayed") == before + 1
    assert not browser.signed_in


def test_a_code_is_good_once_even_with_a_new_state(browser: Browser) -> None:
    """A stolen code could be fed into the thief's own question."""
    address = browser.pick(browser.leave(), "s-dieu")
    code = parse_qs(urlsplit(address).query)["code"][0]
    thief = Browser(browser.intake)
    own = thief.pick(thief.leave(), "s-la")
    before = refused("replayed")
    assert thief.back(changed(own, code=code)).status_code == 401
    assert not thief.signed_in
    assert refused("replayed") == before + 1


def test_an_answer_to_another_browser_is_refused_and_not_used_up(browser: Browser) -> None:
    """A link sent by a stranger would sign a person in as that stranger."""
    address = browser.pick(browser.leave(), "s-dieu")
    victim = Browser(browser.intake)
    victim.leave()
    before = refused("forged")
    assert victim.back(address).status_code == 401
    assert Browser(browser.intake).back(address).status_code == 401
    assert refused("forged") == before + 2
    assert browser.back(address).status_code == 303


@pytest.mark.parametrize(
    "other", [{"state": "x" * 43}, {"state": ""}, {"iss": "https://evil.example"}, {"iss": ""}]
)
def test_a_changed_answer_is_refused(browser: Browser, other: dict[str, str]) -> None:
    """An answer to no question of ours, or of another provider, would be believed."""
    address = browser.pick(browser.leave(), "s-dieu")
    before = refused("forged")
    assert browser.back(changed(address, **other)).status_code == 401
    assert refused("forged") == before + 1


def test_a_code_that_took_too_long_is_refused(browser: Browser, provider: ProviderProcess) -> None:
    """A person would see a crash after a long lunch at the provider's page."""
    address = browser.pick(browser.leave(), "s-dieu")
    provider.http.post("/_test/expire-codes")
    assert browser.back(address).status_code == 401


def test_signing_in_never_leads_elsewhere(browser: Browser) -> None:
    """A link to our sign-in page could end on a stranger's page that looks like ours."""
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        assert Browser(browser.intake).sign_in("s-dieu", next=target).headers["location"] == HOME


def test_who_gives_up_there_is_told_so(browser: Browser) -> None:
    """A person who pressed "cancel" would see a failure."""
    address = browser.leave()
    state = parse_qs(urlsplit(address).query)["state"][0]
    back = {"error": "access_denied", "state": state, "iss": address.partition("/authorize")[0]}
    answer = browser.back("/dang-nhap/tro-ve?" + urlencode(back))
    assert answer.status_code == 401
    assert "chưa xác nhận" in answer.text


def test_an_unknown_person_is_told_so_and_gets_no_account(browser: Browser) -> None:
    """Anybody whom the provider knows would work here, or see nothing but a failure."""
    answer = browser.sign_in("s-la")
    assert answer.status_code == 403
    assert "s-la" in answer.text
    assert "another=true" in answer.text
    assert not browser.signed_in


def test_an_unverified_address_proves_nothing(browser: Browser) -> None:
    """Whoever may type an address at the provider could take a colleague's account."""
    assert browser.sign_in("s-chua-xac-minh").status_code == 403


def test_a_successor_with_the_same_address_does_not_get_the_account(browser: Browser) -> None:
    """Addresses are given to the next person; accounts are not."""
    assert browser.sign_in("s-dieu").status_code == 303
    assert Browser(browser.intake).sign_in("s-ke-nhiem").status_code == 403


def test_two_accounts_with_one_address_are_not_guessed_between(
    tmp_path: Path, provider: ProviderProcess
) -> None:
    """A person would work in a role that nobody meant."""
    browser = Browser(opened(tmp_path, provider))
    register(browser.intake, {**DISPATCHER, "account": "thuquy1", "role": "cashier"})
    assert browser.sign_in("s-dieu").status_code == 403


def test_the_account_claim_links_when_the_settings_say_so(tmp_path: Path, provider: ProviderProcess) -> None:
    """Offices whose people have no mail could not start."""
    browser = Browser(opened(tmp_path, provider, oidc_link_by="account"))
    assert browser.sign_in("s-dieu").status_code == 403
    assert browser.sign_in("s-chua-xac-minh").status_code == 303


def test_roles_come_from_the_provider_only_when_mapped(tmp_path: Path, provider: ProviderProcess) -> None:
    """A group at the provider would silently make somebody an inspector here, or never could."""
    person = {"account": "nhom1", "email": "nhom@buudien.example", "name": "Có Nhóm", "role": "operator"}
    plain = opened(tmp_path / "plain", provider)
    register(plain, person)
    assert Browser(plain).sign_in("s-nhom").headers["location"].endswith("/tong-dai")
    roles = {"tannha-thanh-tra": Role.INSPECTOR}
    mapped = opened(tmp_path / "mapped", provider, oidc_role_claim="realm_access.roles", oidc_roles=roles)
    register(mapped, person)
    assert Browser(mapped).sign_in("s-nhom").headers["location"].endswith("/quan-tri")
    assert Browser(mapped).sign_in("s-dieu").status_code == 403


def test_signing_out_ends_both_sessions(browser: Browser) -> None:
    """The next person at a shared computer would be signed in as the one before."""
    browser.back(browser.pick(browser.leave(), "s-dieu"))
    assert browser.there.get(browser.leave()).status_code == 303, "the provider remembers the person"
    answer = browser.sign_out()
    assert answer.status_code == 200
    assert not browser.signed_in
    address = answer.text.partition('<a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "id_token_hint=" in address
    gone = browser.there.get(address)
    assert gone.headers["location"] == "http://127.0.0.1:8101/"
    assert browser.there.get(browser.leave()).status_code == 200, "the provider asks again who is there"
