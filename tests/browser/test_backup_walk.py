"""Backing up and restoring by hand in a browser: the pages follow by themselves, and axe finds nothing on any of them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from backups import sweeps
from backups.models import Backup, Restore
from base import clock
from keys import operations as keys
from keys.states import State
from tests import make
from tests.backups.estate import back_up, lose
from tests.browser.conftest import log_in
from tests.browser.test_accessibility import findings

pytestmark = pytest.mark.django_db(transaction=True)


def estate(alice, instance, make_key) -> None:
    for name in ("payments/card-vault", "payments/settlement", "reports"):
        keys.create_alias(alice(), make_key(), alias_name=f"alias/{name}")
    make_key(State.PENDING_DELETION)


@pytest.mark.parametrize(("width", "dark", "language"), [(1440, False, "en"), (390, True, "ja")], ids=["wide", "narrow"])
def test_a_backup_and_its_restore(open_browser, live_server, alice, instance, make_key, width, dark, language):
    estate(alice, instance, make_key)
    page = open_browser(width=width, dark=dark, language=language)
    log_in(page, live_server.url, alice)
    found: list[str] = []
    page.goto(live_server.url + reverse("instances:detail", args=[instance.pk]))
    page.locator("#backups .btn").click()
    page.locator("dialog[open] button.go").click()
    page.wait_for_url("**/backups/bkp-*/")
    found += findings(page, "being made")
    sweeps.keep(clock.now())
    page.locator("#backup .badge.ok").wait_for()
    found += findings(page, "backup")
    lose(instance)
    page.goto(live_server.url + reverse("backups:restore", args=[Backup.objects.get(kind="manual").pk]))
    page.locator("input[name=into]").check()
    page.locator("button", has=page.locator(".ic-s")).first.click()
    page.locator("input[name=key]").first.wait_for()
    page.locator("input[name=key]").first.uncheck()
    found += findings(page, "preview")
    page.locator("form[method=post] .btn.go").click()
    page.wait_for_url("**/backups/restores/rst-*/")
    found += findings(page, "restoring")
    sweeps.keep(clock.now())
    page.locator("#result .badge.ok").first.wait_for()
    found += findings(page, "result")
    assert Restore.objects.get().restored == 3
    for name in ("list", "upload", "new"):
        page.goto(live_server.url + reverse(f"backups:{name}"))
        found += findings(page, name)
    back_up(alice, make.instance(alice, name="other"))
    made = Backup.objects.usable().first()
    page.goto(live_server.url + reverse("backups:download", args=[made.pk]))
    page.locator("main button.go").click()
    page.locator("main .copy").wait_for()
    found += findings(page, "download key")
    with page.expect_download() as download:
        page.locator("main a.btn.go").click()
    assert download.value.path().stat().st_size == made.size
    assert found == []
