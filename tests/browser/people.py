"""People in front of screens: each has a browser window, and what goes wrong in it is written down."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Response, ViewportSize

from deploy.demo.accounts import PASSWORD
from deploy.stack import Ports

PHONE, DESKTOP = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=860)
EXPECTED_REFUSALS = {409, 422}
"""A refused form is shown again with these; Chromium writes them to its console as if they were faults."""
MOST_TABS = 60

_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_WIDE = """() => [...document.querySelectorAll('main *')]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 3).map(one => one.tagName + '.' + one.className)"""


@dataclass
class Person:
    """Somebody with a window: `page` is what they see."""

    page: Page
    ports: Ports
    pictures: Path
    complaints: list[str]

    def goes_to(self, service: str, path: str) -> None:
        """Types an address."""
        self.page.goto(self.ports.url(service) + path)

    def signs_in(self, account: str) -> None:
        """As staff, with the keyboard or not: this is the short way."""
        self.goes_to("intake", "/dang-nhap")
        self.page.get_by_label("Tài khoản").fill(account)
        self.page.get_by_label("Mật khẩu").fill(PASSWORD)
        self.presses("Đăng nhập", exact=True)

    def presses(self, name: str, *, exact: bool = False) -> None:
        """Clicks the button of that name."""
        self.page.get_by_role("button", name=name, exact=exact).first.click()

    def follows(self, name: str) -> None:
        """Clicks the link of that name."""
        self.page.get_by_role("link", name=name).first.click()

    def tabs_to(self, target: Locator) -> None:
        """Reaches something with the Tab key alone. AssertionError where it cannot get."""
        wanted = target.element_handle(timeout=5_000)
        for _ in range(MOST_TABS):
            if self.page.evaluate("one => document.activeElement === one", wanted):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} is out of the keyboard's reach")

    def picks(self, select: Locator, words: str) -> None:
        """Chooses an option by the arrow keys."""
        self.tabs_to(select)
        options = select.locator("option").all_inner_texts()
        place = next(number for number, text in enumerate(options) if words in text)
        self.page.keyboard.press("Home")
        for _ in range(place):
            self.page.keyboard.press("ArrowDown")

    def waits_for(self, words: Locator, seconds: float = 40.0) -> None:
        """Loads the page again until something is there. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while not words.first.is_visible():
            assert time.monotonic() < deadline, f"{words} did not come to {self.page.url}"
            self.page.wait_for_timeout(250)
            self.page.reload()

    def looks(self, name: str) -> None:
        """Keeps a picture of the whole page, and complains when it is wider than the screen."""
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)
        self.checks_width(name)

    def checks_width(self, name: str) -> None:
        """Complains when one has to scroll sideways."""
        if self.page.evaluate(_OVERFLOW) > 0:
            self.complaints.append(f"{name}: wider than the screen: {self.page.evaluate(_WIDE)}")

    def looks_on_a_phone_too(self, name: str) -> None:
        """The same page on a narrow screen."""
        self.looks(name)
        self.page.set_viewport_size(PHONE)
        self.looks(f"{name}-360")
        self.page.set_viewport_size(DESKTOP)


@dataclass
class People:
    """Everybody who takes part in a test."""

    browser: Browser
    ports: Ports
    pictures: Path
    complaints: list[str] = field(default_factory=list)
    _windows: list[BrowserContext] = field(default_factory=list)

    def somebody(self, device: Literal["phone", "desktop"] = "desktop", *, script: bool = True) -> Person:
        """A person with an empty browser; `script` says whether it runs JavaScript."""
        phone = device == "phone"
        window = self.browser.new_context(
            viewport=PHONE if phone else DESKTOP,
            java_script_enabled=script,
            has_touch=phone,
            is_mobile=phone,
            locale="vi-VN",
            timezone_id="Asia/Ho_Chi_Minh",
        )
        window.set_default_timeout(30_000)
        self._windows.append(window)
        page = window.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("response", self._judge)
        return Person(page, self.ports, self.pictures, self.complaints)

    def colleague(self, account: str, device: Literal["phone", "desktop"] = "desktop") -> Person:
        """A person who is signed in."""
        person = self.somebody(device)
        person.signs_in(account)
        return person

    def leave(self) -> None:
        """Everybody closes the window."""
        for window in self._windows:
            window.close()

    def _note(self, message: ConsoleMessage) -> None:
        """Errors and refusals by the content policy; the status of an answer is judged by `_judge`."""
        text = message.text
        if message.type == "error" and "the server responded with a status of" not in text:
            self.complaints.append(f"console: {text}")

    def _judge(self, answer: Response) -> None:
        if answer.status >= 400 and answer.status not in EXPECTED_REFUSALS:
            self.complaints.append(f"{answer.request.method} {answer.url}: {answer.status}")
