"""Signing in and out at the identity provider in a real browser: cookies, redirects and policies hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from tests.integration.intake.oidc_support import opened, provider_process

pytestmark = pytest.mark.browser


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """Intake on a free port, whose people sign in at a provider process."""
    config = uvicorn.Config(lambda: None, port=0, log_level="error", lifespan="off", factory=True)
    listening = config.bind_socket()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with provider_process(tmp_path, address) as provider:
        intake = opened(tmp_path, provider, intake_url=address)
        config.app, config.factory = intake.app, False
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield address
        server.should_exit = True
        thread.join(timeout=15)
    listening.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser window."""
    context = chromium.new_context(locale="vi-VN", viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


def test_a_person_signs_in_and_out_there(home: str, page: Page, pictures: Path) -> None:
    """A cookie or a content policy that tests without a browser ignore could lock everybody out, or leave
    the next person at this computer signed in."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(f"{home}/dang-nhap?next=/")
    page.screenshot(path=pictures / "oidc-sign-in.png")
    page.get_by_role("link", name="Đăng nhập bằng tài khoản cơ quan").click()
    page.get_by_role("link", name="Người Lạ").click()
    expect(page.get_by_role("alert")).to_contain_text("chưa có tài khoản làm việc")
    page.screenshot(path=pictures / "oidc-unknown.png", full_page=True)
    refused.clear()  # Chromium tells of every 403

    page.get_by_role("link", name="Đăng nhập bằng một người khác").click()
    page.get_by_role("link", name="Phan Thị Điều").click()
    page.goto(f"{home}/")
    expect(page.locator(".person-name")).to_have_text("Phan Thị Điều")

    page.get_by_role("button", name="Đăng xuất").click()
    page.wait_for_url(f"{home}/")
    expect(page.get_by_role("link", name="Cán bộ đăng nhập")).to_be_visible()
    page.goto(f"{home}/dang-nhap/co-quan")
    expect(page.get_by_role("heading", name="Ông/Bà là ai?")).to_be_visible()
    assert refused == []
