"""An estate moves, and comes back, as a person does it: the whole product, its own worker, in three languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_walk import log_in

MAKE = """
from tests.migration import estate
from tests.make import Person
from access.models import User
alice = Person(User.objects.get(username="admin"))
for name in ("{0}-one", "{0}-two"):
    estate.key(alice, alias=name, rotation=700)
"""
WORDS = {
    "en": ("KMS 1.0 reached its end of service", "Succeeded", "Rolled back", "The 1.0 console is closed"),
    "ja": ("KMS 1.0 は", "成功", "ロールバック済み", "1.0 コンソールは終了しました"),
    "zh-Hans": ("KMS 1.0 已于", "成功", "已回退", "1.0 控制台已关闭"),
}


@pytest.mark.parametrize("language", WORDS)
def test_walk(open_browser, live_api, language):
    ended, succeeded, back, closed = WORDS[language]
    live_api.manage("shell", "--no-imports", "--command", MAKE.format(language.lower()))
    page = open_browser(language=language)
    log_in(page, live_api)  # first: what the administrator has chosen in an earlier test would replace the choice
    page.locator("details.menu:has(button[name=language]) > summary").click()
    page.locator(f"button[name=language][value={language.lower()}]").click()
    expect(page.locator("html")).to_have_attribute("lang", language)  # else the next page may cut the answer off
    page.locator(".side .last a").click()
    expect(page.locator(".band.old h2")).to_contain_text(ended)
    page.get_by_role("link", name=f"{language.lower()}-one").click()
    page.locator(".acts a[href$='/rotation/']").click(force=True)  # inert, and says why when asked
    expect(page.locator("dialog#modal")).to_contain_text(closed)
    page.keyboard.press("Escape")

    page.goto(f"{live_api.console_url}/migration/new/")
    boxes = page.locator("input[name=keys]").all()
    for box in boxes:
        box.check()
    page.locator("main form button.go").click()
    page.locator("main .head a[href$='dry-run/']").click()
    expect(page.locator("td .badge.ok")).to_have_count(len(boxes))
    page.go_back()
    for box in page.locator("input[name=accepted]").all():
        box.check()
    page.locator("#id_confirm").fill(page.locator("label[for=id_confirm] .mono").inner_text())
    page.locator("main form button.go").click()
    expect(page.locator("main .head .badge")).to_have_text(succeeded, timeout=60_000)
    expect(page.locator("td .badge.ok")).to_have_count(len(boxes))

    page.locator("main .head .btn.danger").click()
    page.locator("dialog#modal button.danger-fill").click()
    expect(page.locator("main .head .badge")).to_have_text(back, timeout=60_000)
    page.goto(f"{live_api.console_url}/v1/keys/")
    expect(page.get_by_role("link", name=f"{language.lower()}-two")).to_be_visible()
