"""Pictures of the main pages: light and dark, wide and narrow, in three languages, into test-artifacts/. And the one of the
README. Not a test; run it with ``pytest tests/browser/screenshots.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import log_in
from tests.browser.estate import build

ROOT = Path(__file__).parent.parent.parent
OUT = ROOT / "test-artifacts"
SHOWN = ("overview", "keys", "default-keys", "aliases", "instances", "instance", "expired-instance", "create-key", "key-enabled",
         "key-pendingdeletion", "key-service", "key-1.0", "key-destroyed", "key-sign", "key-mac", "form-schedule_deletion",
         "form-protection", "form-protection-off", "form-instance-protection-off", "form-refused", "missing",
         "tab-versions", "tab-material", "tab-material-bound",
         "tab-rotation", "tab-policy", "tab-tags", "tab-usage", "tab-activity", "form-delete-disabled", "form-delete-material",
         "list-filters", "bulk-new", "bulk-tag", "bulk-run",
         "audit", "timeline", "search", "why", "why-pendingdeletion")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("language", ["en", "ja", "zh-Hans"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pictures(open_browser, watch, live_server, alice, language, dark, width):
    watch.allowed = ("404",)
    folder = OUT / f"{language}-{'dark' if dark else 'light'}-{width}"
    folder.mkdir(parents=True, exist_ok=True)
    page = open_browser(language=language, width=width, dark=dark)
    page.goto(f"{live_server.url}/login/")
    page.screenshot(path=folder / "login.png")
    log_in(page, live_server.url, alice)
    pages = build(alice)
    for name in SHOWN:
        page.goto(live_server.url + pages[name])
        page.screenshot(path=folder / f"{name}.png", full_page=True)


def test_picture_of_the_readme(open_browser, live_server, alice):
    page = open_browser()
    page.set_viewport_size({"width": 1360, "height": 850})
    log_in(page, live_server.url, alice)
    address = live_server.url + build(alice)["key-enabled"]
    page.goto(address)
    page.goto(address)  # the first visit tells the server the zone of the reader
    target = ROOT / "docs" / "images" / "console.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target)
    assert target.stat().st_size < 300_000
