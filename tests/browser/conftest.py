"""A browser that forgives nothing: an error in the console, a broken rule of the content policy or a failed request fails
the test. Everything goes through the product's own policy; it is never bypassed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from tests.make import Person

PATIENCE = 20_000  # ms; the first page of a busy machine has taken more than the library's 5,000
expect.set_options(timeout=PATIENCE)

LOCALES = {"en": "en-GB", "ja": "ja-JP", "zh-Hans": "zh-CN"}


@dataclass
class Watch:
    """What went wrong on a page. allowed: parts of texts that a test provokes on purpose."""

    complaints: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def over(self, page: Page) -> Page:
        page.on("console", lambda message: self.note(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("requestfailed", lambda request: self.note(f"{request.method} {request.url} {request.failure}"))
        return page

    def note(self, text: str) -> None:
        # Leaving a page while it still loads is not a failure.
        if "ERR_ABORTED" not in text and not any(part in text for part in self.allowed):
            self.complaints.append(text)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    assert watch.complaints == []


@pytest.fixture
def open_browser(browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """``open_browser(language="ja", width=390, dark=True)``: a fresh, watched page."""
    contexts = []

    def build(*, language: str = "en", width: int = 1440, dark: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale=LOCALES[language],
                                      timezone_id="Asia/Tokyo", color_scheme="dark" if dark else "light",
                                      reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return watch.over(context.new_page())

    yield build
    for context in contexts:
        context.close()


def log_in(page: Page, address: str, who: Person) -> None:
    """By the session's cookie, for tests that are not about logging in."""
    client = Client()
    client.force_login(who.user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": address}])
