"""WCAG 2.2 AA by axe on every page in every state, light and dark, wide and narrow; and nothing scrolls sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import log_in
from tests.browser.estate import build

RULES = {"resultTypes": ["violations"],
         "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
pytestmark = pytest.mark.django_db(transaction=True)


def findings(page: Page, name: str) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    notes = [f"{name}: {one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}" for one in found
             for node in one["nodes"]]
    wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return notes + ([f"{name}: {wide} px too wide"] if wide > 0 else [])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(open_browser, watch, live_server, alice, width, dark):
    watch.allowed = ("404",)
    page = open_browser(width=width, dark=dark)
    page.goto(f"{live_server.url}/login/")
    found = findings(page, "login")
    log_in(page, live_server.url, alice)
    for name, address in build(alice).items():
        page.goto(live_server.url + address)
        found += findings(page, name)
    assert found == []


def test_dialogs_menus_and_narrow_screens(open_browser, live_server, alice):
    page = open_browser()
    log_in(page, live_server.url, alice)
    pages = build(alice)
    page.goto(live_server.url + pages["key-enabled"])
    page.locator(".head details.menu summary").click()
    found = findings(page, "open menu")
    page.locator(".head details.menu").get_by_text("Schedule deletion").click()
    page.locator("dialog[open] #id_days").wait_for()
    found += findings(page, "open dialog")
    page.keyboard.press("Escape")
    page.locator("a.switch").click()
    page.locator("dialog[open] #id_description").wait_for()
    found += findings(page, "open switch")
    page.keyboard.press("Escape")
    page.goto(live_server.url + pages["create-key"])
    page.get_by_role("radio", name="Another key spec").check()
    found += findings(page, "full list of specs")
    page.set_viewport_size({"width": 320, "height": 700})
    for name in ("overview", "keys", "key-pendingdeletion", "expired-instance", "form-schedule_deletion", "default-keys",
                 "form-instance-protection-off", "key-sign", "create-key"):
        page.goto(live_server.url + pages[name])
        found += findings(page, f"{name} at 320")
    page.locator("[data-menu]").click()
    found += findings(page, "open side menu")
    assert found == []


def test_axe_would_notice(open_browser, live_server, db):
    page = open_browser()
    page.goto(f"{live_server.url}/login/")
    page.evaluate("() => { document.querySelector('label').remove(); document.body.style.minWidth = '3000px'; }")
    found = findings(page, "broken")
    assert any("label" in one for one in found)
    assert any("too wide" in one for one in found)


@pytest.mark.parametrize("language", ["ja", "zh-Hans"])
def test_other_languages_fit(open_browser, live_server, alice, language):
    page = open_browser(language=language, width=390)
    log_in(page, live_server.url, alice)
    found = []
    for name, address in build(alice).items():
        if name != "missing":
            page.goto(live_server.url + address)
            wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{name}: {wide} px too wide"] if wide > 0 else []
    assert found == []
