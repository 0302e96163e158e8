"""Redirects lead to our own pages only."""

from __future__ import annotations

import pytest

from shared.web.addresses import Addresses

ADDRESSES = Addresses(own="http://127.0.0.1:8102")


@pytest.mark.parametrize(
    "target",
    [
        "/desk",
        "/desk?day=1#x",
        "http://127.0.0.1:8101/requests",
        "http://127.0.0.1:8103/worker?stop=2",
        "http://127.0.0.1:8102",
    ],
)
def test_our_own_pages_are_reached(target: str) -> None:
    """People would not come back to where they were after signing in."""
    assert ADDRESSES.safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "http://other.example/",
        "https://127.0.0.1:8101/",
        "http://127.0.0.1:9999/",
        "http://127.0.0.1:8101@other.example/",
        "http://127.0.0.1:8101.other.example/",
        "//other.example/",
        "///other.example/",
        "/\\other.example/",
        "\\\\other.example/",
        "/\t/other.example/",
        " /desk",
        "javascript:alert(1)",
        "data:text/html,x",
        "desk",
        "http://[broken",
        "/desk\r\nset-cookie: a=b",
    ],
)
def test_everything_else_leads_home(target: str | None) -> None:
    """A link to our sign-in page could end on a copy of it elsewhere."""
    assert ADDRESSES.safe_next(target) == "/"


@pytest.mark.parametrize("address", ["127.0.0.1:8101", "http://127.0.0.1:8101/", "ftp://x", "http://"])
def test_an_address_that_is_no_origin_is_refused(address: str) -> None:
    """A trailing slash would make every comparison of origins fail at run time."""
    with pytest.raises(ValueError, match="origin"):
        Addresses(intake=address)
