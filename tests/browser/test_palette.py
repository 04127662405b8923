"""The palette: Ctrl K, some letters, Enter; and the same as a page without the script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from keys import operations as keys
from tests.browser.conftest import log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def card_key(alice, make_key):
    key = make_key()
    keys.create_alias(alice(), key, alias_name="alias/payments/cards")
    return key


def test_by_keyboard_alone(open_browser, live_server, alice, card_key):
    page = open_browser()
    log_in(page, live_server.url, alice)
    page.goto(live_server.url)
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    page.keyboard.type("cards")
    expect(page.get_by_role("option", name="payments/cards")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("payments/cards")
    page.wait_for_load_state()  # the heading stands before the deferred script listens
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).not_to_be_visible()


def test_by_hand(open_browser, live_server, alice, card_key):
    page = open_browser(width=390)
    log_in(page, live_server.url, alice)
    page.goto(live_server.url)
    page.locator("[data-palette]").click()
    page.get_by_role("combobox").fill("timel")
    page.get_by_role("option", name="Timeline").click()
    expect(page.locator("h1")).to_have_text("Timeline")


def test_without_the_script_it_is_a_page(open_browser, browser, live_server, alice, card_key):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_server.url, alice)
    page.goto(live_server.url)
    page.locator("[data-palette]").click()
    page.get_by_role("combobox").fill("cards")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("option", name="payments/cards").click()
    expect(page.locator("h1")).to_have_text("payments/cards")
    context.close()


def test_a_pasted_ciphertext_is_named(open_browser, live_server, alice, card_key):
    blob = keys.encrypt(alice(), card_key, plaintext="aGVsbG8=").ciphertext_blob
    page = open_browser()
    log_in(page, live_server.url, alice)
    page.goto(f"{live_server.url}/why/")
    page.locator("textarea").fill(blob)
    page.get_by_role("button", name="What is it?").click()
    expect(page.locator("#finding")).to_contain_text("A ciphertext made with payments/cards")
    expect(page.locator("#finding")).to_contain_text("can be decrypted now")
