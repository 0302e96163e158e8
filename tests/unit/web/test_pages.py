"""Pages: escaped, in Vietnamese, showing who is signed in and where to go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jinja2 import UndefinedError

from shared.clock import DemoClock
from shared.web.addresses import Addresses
from shared.web.navigation import PLACES, home_of, nav_for
from shared.web.pages import make_templates
from shared.web.roles import Actor, Role
from shared.web.session import COOKIE, SessionSigner

PAGE = {"accept": "text/html"}
Read = Callable[[str, str], str]
INSPECTOR = Actor("in1", "Đỗ Thị Mẫu", Role.INSPECTOR)


def test_typed_text_never_becomes_markup(client: TestClient) -> None:
    """A name like <script> would run in every reader's browser."""
    page = client.get("/", headers=PAGE).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;Sen&lt;/b&gt;" in page


def test_map_data_cannot_leave_its_block(client: TestClient) -> None:
    """A label with </script> would end the data block and begin a script."""
    page = client.get("/", headers=PAGE).text
    block = page.partition('id="m1-data">')[2].partition("</script>")[0]
    assert "\\u003c/script\\u003e\\u003cscript\\u003e" in block


def test_no_page_needs_an_inline_script_or_style(client: TestClient) -> None:
    """The content policy would block it, and the page would break."""
    page = client.get("/", headers=PAGE).text
    for opening in page.split("<script")[1:]:
        assert 'src="' in opening.partition(">")[0] or "application/json" in opening.partition(">")[0]
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_a_signed_in_person_sees_name_role_and_places(client: TestClient, signer: SessionSigner) -> None:
    """Staff could not find their pages on the other services, nor sign out."""
    client.cookies.set(COOKIE, signer.issue(INSPECTOR))
    page = client.get("/", headers=PAGE).text
    for text in ("Đỗ Thị Mẫu", "Thanh tra", "http://127.0.0.1:8102/dieu-do", "/dang-xuat"):
        assert text in page
    assert "Cán bộ đăng nhập" not in page


def test_nobody_sees_no_places(client: TestClient) -> None:
    """Citizens would be offered doors that do not open."""
    page = client.get("/", headers=PAGE).text
    assert "Cán bộ đăng nhập" in page
    assert "/dieu-do" not in page


def test_every_role_has_a_place_to_land_on() -> None:
    """A role without a place would land on the citizens' front page."""
    for role in Role:
        actor = Actor("a", "Mẫu", role, office="po", unit="new-1", worker="w-001")
        assert any(role in place.roles for place in PLACES)
        assert home_of(actor, Addresses()).startswith("http://127.0.0.1:81")


def test_the_place_being_looked_at_is_marked_once() -> None:
    """Two marked places, or none, and people lose their bearings."""
    operator = Actor("op1", "Lê Thị Thử", Role.OPERATOR)
    links = nav_for(operator, Addresses(), "/tong-dai/moi")
    assert [link.label for link in links if link.current] == ["Nhập yêu cầu"]
    elsewhere = Addresses(own="http://127.0.0.1:8102")
    assert not any(link.current for link in nav_for(operator, elsewhere, "/tong-dai"))


def test_a_flash_is_shown_once(client: TestClient, field_of: Read) -> None:
    """People would not learn that their form worked, or read it for ever."""
    page = client.get("/", headers=PAGE).text
    form = {"name": "Sen", "csrf": field_of(page, "csrf"), "idempotency_key": "key-00001"}
    assert client.post("/notes", data=form).headers["location"] == "/"
    assert "Đã ghi key-00001" in client.get("/", headers=PAGE).text
    assert "Đã ghi key-00001" not in client.get("/", headers=PAGE).text


@pytest.mark.parametrize("cookie", ["x", "eyJ9", "W10=", "bnVsbA=="])
def test_a_broken_flash_is_ignored(client: TestClient, cookie: str) -> None:
    """A damaged cookie would make every page crash."""
    client.cookies.set("tannha_flash", cookie)
    assert client.get("/", headers=PAGE).status_code == 200


def test_the_demo_clock_is_announced(make_app: Callable[..., FastAPI], tmp_path: Path) -> None:
    """People would take the demonstration's time for the real one."""
    clock = DemoClock(tmp_path / "clock")
    clock.set(datetime(2026, 11, 25, 1, 30, 30, tzinfo=UTC))
    page = TestClient(make_app(clock=clock)).get("/", headers=PAGE).text
    assert "08:30 25/11/2026" in page
    assert "trình diễn" in page
    assert "trình diễn" not in TestClient(make_app()).get("/", headers=PAGE).text


def test_filters_write_vietnamese() -> None:
    """Money and times would be written the foreign way."""
    environment = make_templates()
    start, end = datetime(2026, 11, 25, 1, tzinfo=UTC), datetime(2026, 11, 25, 3, tzinfo=UTC)
    shown = environment.from_string(
        "{{ 1250000 | vnd }}; {{ (start, end) | window }}; {{ start | vn_instant }};"
        " {{ '+84900000123' | phone }}; {{ '+84900000123' | mask_phone }}"
    ).render(start=start, end=end)
    assert shown == (
        "1.250.000 đ; 08:00–10:00 thứ Tư 25/11/2026; 08:00 25/11/2026; 0900 000 123; ••• ••• 123"
    )


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    """A typo would leave a silent gap on the page."""
    with pytest.raises(UndefinedError):
        make_templates().from_string("{{ nobody_knows }}").render()
