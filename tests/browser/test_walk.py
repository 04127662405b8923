"""Once through the console as a person goes, against the whole running product: nothing complains on the way."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect

DESCRIPTION = "Card numbers of the shop"
ALIAS = "shop/cards"


def log_in(page: Page, product) -> None:
    page.goto(f"{product.console_url}/")
    page.locator("#id_login").fill("admin")
    page.locator("#id_password").fill(product.admin_password)
    page.locator(".entrance form .btn.go").click()
    expect(page.locator(".side [aria-current=page]")).to_be_visible()


def create_key(page: Page) -> str:
    page.locator("main .head a.btn.go").click()
    page.locator("#id_description").fill(DESCRIPTION)
    page.locator("main form footer .btn.go").click()
    expect(page.locator(".badge.ok").first).to_be_visible()
    return page.url.rstrip("/").rsplit("/", 1)[-1]


def test_walk(open_browser, live_api):
    page = open_browser()
    log_in(page, live_api)
    key = create_key(page)
    expect(page.locator(".toast")).to_have_text("Created.")

    page.get_by_role("link", name="Create alias").click()
    dialog = page.locator("dialog#modal")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading")).to_be_focused()
    dialog.get_by_label("Alias", exact=True).fill(ALIAS)
    dialog.get_by_role("button", name="Create alias").click()
    expect(page.locator("h1")).to_have_text(ALIAS)

    the_page_names_a_program_that_works(page, live_api)

    page.get_by_role("link", name="Disable", exact=True).first.click()
    dialog.get_by_role("button", name="Disable key").click()
    expect(page.locator("main .head .badge").first).to_have_text("Disabled")
    page.get_by_role("button", name="Enable").click()
    expect(page.locator("main .head .badge").first).to_have_text("Enabled")

    page.locator(".zone").get_by_role("link", name="Schedule deletion").click()
    button = dialog.get_by_role("button", name="Schedule deletion")
    expect(button).to_be_disabled()
    dialog.get_by_role("button", name="90", exact=True).click()
    expect(dialog.get_by_label("Waiting time")).to_have_value("90")
    thirty = dialog.locator("#due time").get_attribute("datetime")
    dialog.get_by_label("Waiting time").fill("7")
    expect(dialog.locator("#due time")).not_to_have_attribute("datetime", thirty)
    expect(dialog.locator("#due")).to_contain_text("JST")
    dialog.locator("#id_confirm").fill("something else")
    expect(button).to_be_disabled()
    dialog.locator("#id_confirm").fill(key)
    button.click()
    expect(page.locator(".band.pend h2")).to_contain_text("This key will be destroyed on")

    page.goto(f"{live_api.console_url}/")
    expect(page.locator(".due")).to_contain_text(ALIAS)
    page.locator(".due").get_by_role("link", name=ALIAS).click()
    page.locator(".band").get_by_role("button", name="Cancel deletion").click()
    expect(page.locator(".toast")).to_have_text("Deletion cancelled. The key is enabled again.")

    page.goto(f"{live_api.console_url}/keys/")
    page.get_by_role("searchbox").fill("nothing")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#list")).to_contain_text("No key matches")
    page.get_by_role("searchbox").fill("shop/")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/keys/\?q=shop%2F&instance=&state="))
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.locator("#list summary").click()
    expect(page.locator("#list .menu")).to_contain_text("Schedule deletion")
    page.keyboard.press("Escape")
    expect(page.locator("#list summary")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("nothing")
    expect(page.locator(".side .n").first).to_have_text(re.compile(r"\d+"))

    page.goto(f"{live_api.console_url}/keys/{key}/")
    page.locator(".head .copy").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    with page.expect_response("**/preferences/theme/"):
        page.get_by_role("button", name="Change theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("summary.who").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#id_password")).to_be_visible()


def the_page_names_a_program_that_works(page: Page, product) -> None:
    """Both examples, copied from the page and run as they stand."""
    for chip, code in (("Python SDK V2", "#code-python"), ("Python SDK V1", "#code-old")):
        page.get_by_role("link", name=chip).click()
        assert run(page.locator(code).inner_text(), product) == "b'hello'"


def run(program: str, product) -> str:
    environment = {**os.environ, "KMS_ACCESS_KEY_ID": product.access_key_id,
                   "KMS_ACCESS_KEY_SECRET": product.access_key_secret}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], env=environment, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_kind_of_key_names_a_program_that_works(open_browser, live_api):
    page = open_browser()
    log_in(page, live_api)
    for title, says in (("Sign EC P-256", "True"), ("Sign, with RSA", "True"), ("Encrypt to a public key", "b'hello'"),
                        ("Authenticate messages", "True")):
        page.goto(f"{live_api.console_url}/keys/new/")
        page.get_by_role("radio", name=title).check()
        page.locator("main form footer .btn.go").click()
        expect(page.locator(".toast")).to_have_text("Created.")
        assert [run(code.text_content() or "", live_api) for code in page.locator("#call pre").all()] == (
            [says] if title == "Authenticate messages" else [says, says])


def test_the_switch_of_deletion_protection(open_browser, live_api):
    page = open_browser()
    log_in(page, live_api)
    key = create_key(page)
    page.locator("a.switch").click()
    dialog = page.locator("dialog#modal")
    dialog.get_by_label("Reason").fill("Audit")
    dialog.get_by_role("button", name="Turn on").click()
    expect(page.locator(".toast")).to_have_text("Deletion protection is on.")
    page.locator(".zone").get_by_role("link", name="Go to the switch").click()
    button = page.get_by_role("button", name="Turn off")
    expect(button).to_be_disabled()
    page.locator("#id_confirm").fill(key)
    button.click()
    expect(page.locator(".toast")).to_have_text("Deletion protection is off.")


@pytest.mark.parametrize(("language", "created", "pending"), [
    ("ja", "作成しました。", "破棄されます"), ("zh-Hans", "已创建。", "销毁")])
def test_walk_in_another_language(open_browser, live_api, language, created, pending):
    page = open_browser(language=language)
    page.goto(f"{live_api.console_url}/login/")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.locator("summary").first.click()
    page.get_by_role("button", name={"ja": "日本語", "zh-Hans": "简体中文"}[language]).click()
    log_in(page, live_api)
    page.locator("header.top summary").first.click()
    page.get_by_role("button", name={"ja": "日本語", "zh-Hans": "简体中文"}[language]).click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    key = create_key(page)
    expect(page.locator(".toast")).to_have_text(created)
    page.locator(".zone a.btn").nth(1).click()
    page.locator("#id_confirm").fill(key)
    page.locator("#go-delete").click()
    expect(page.locator(".band.pend h2")).to_contain_text(pending)
    page.locator(".band.pend .btn.go").click()
    expect(page.locator(".toast")).to_be_visible()
    page.locator("header.top summary").first.click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_stale_dialog_shows_its_reason_without_leaving(open_browser, live_api, watch):
    watch.allowed = ("409",)
    page, other = open_browser(), open_browser()
    log_in(page, live_api)
    key = create_key(page)
    log_in(other, live_api)
    page.get_by_role("link", name="Disable", exact=True).first.click()
    expect(page.locator("dialog#modal")).to_be_visible()
    other.goto(f"{live_api.console_url}/keys/{key}/description/")
    other.get_by_label("Description").fill("faster")
    other.get_by_role("button", name="Save description").click()
    expect(other.locator(".toast")).to_be_visible()
    page.locator("dialog#modal").get_by_role("button", name="Disable key").click()
    expect(page.locator("dialog#modal .refused")).to_contain_text("It changed since you opened this page")
    page.keyboard.press("Escape")
    expect(page.locator("dialog#modal")).not_to_be_visible()
    page.go_back()


def test_a_session_that_has_ended_leads_to_the_login_page(open_browser, live_api, watch):
    watch.allowed = ("401",)
    page = open_browser()
    log_in(page, live_api)
    key = create_key(page)
    page.context.clear_cookies()
    page.get_by_role("link", name="Disable", exact=True).first.click()
    expect(page.locator("#id_password")).to_be_visible()
    assert page.url == f"{live_api.console_url}/login/?next=/keys/{key}/"


def test_everything_works_without_javascript(browser, live_api):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_api)
    key = create_key(page)
    page.locator(".zone a.btn").nth(1).click()
    page.get_by_role("button", name="90", exact=True).click()
    expect(page.locator("#id_days")).to_have_value("90")
    page.locator("#id_confirm").fill(key)
    page.locator("#go-delete").click()
    expect(page.locator(".band.pend")).to_be_visible()
    page.locator(".band.pend .btn.go").click()
    expect(page.locator(".badge.ok").first).to_be_visible()
    page.locator("a.switch").click()
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("a.switch.on")).to_be_visible()
    page.locator("a.switch").click()
    page.locator("#id_confirm").fill(key)
    page.get_by_role("button", name="Turn off").click()
    expect(page.locator("a.switch:not(.on)")).to_be_visible()
    context.close()
