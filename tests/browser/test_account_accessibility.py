"""axe over the pages of people, accounts, settings and help, in both themes, wide and narrow; every language fits; nothing
complains, in the admin neither."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from playwright.sync_api import Page

from access import operations
from access.models import User
from tests import make
from tests.browser.test_accessibility import findings
from tests.make import Person
from tests.pages.proving import proved
from tests.pages.test_second_factor import set_up

DOCUMENT = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]}'
PAGES = ["/access/", "/access/?q=nobody-at-all", "/access/new/", "/access/once/", "/access/people/alice/", "/access/people/bob/",
         "/access/people/bob/role/", "/access/people/bob/off/", "/access/people/bob/policies/attach/", "/access/roles/",
         "/settings/", "/help/", "/account/", "/account/security/", "/account/sessions/", "/account/access-keys/",
         "/account/security/app/", "/account/security/passkeys/add/", "/password/", "/confirm/"]
# What shows only where there is a second factor, and what an auditor sees of others.
CAROLS = ["/account/security/", "/account/security/app/remove/", "/account/security/codes/", "/account/security/codes/new/",
          "/confirm/code/", "/access/people/bob/", "/account/access-keys/"]
pytestmark = pytest.mark.django_db(transaction=True)


def enter(page: Page, address: str, who: Person) -> None:
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": proved(who).cookies[name].value, "url": address}])


@pytest.fixture
def estate(alice, bob, carol):
    """Bob with everything that can stand on his page, Carol with a second factor of her own."""
    set_up(carol)
    make.access_key(bob)
    operations.attach_policy(alice(), bob.user, name="red-keys", document=DOCUMENT)
    for user, kind in ((bob.user, "totp"), (bob.user, "recovery_codes")):
        Authenticator.objects.create(user=user, type=kind, data={})
    return alice


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["wide light", "narrow dark"])
def test_axe_finds_nothing(open_browser, live_server, estate, carol, width, dark):
    page = open_browser(width=width, dark=dark)
    page.goto(f"{live_server.url}/login/")
    found = findings(page, "login")
    for who, addresses in ((estate, PAGES), (carol, CAROLS)):
        enter(page, live_server.url, who)
        for address in addresses:
            page.goto(live_server.url + address)
            found += findings(page, address)
    assert found == []


@pytest.mark.parametrize("language", ["ja", "zh-Hans"])
def test_other_languages_fit(open_browser, live_server, estate, language):
    page = open_browser(language=language, width=390)
    enter(page, live_server.url, estate)
    for address in PAGES:
        page.goto(live_server.url + address)
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address


def test_dialogs(open_browser, live_server, estate):
    page = open_browser()
    enter(page, live_server.url, estate)
    page.goto(f"{live_server.url}/access/people/bob/")
    found = []
    for name in ("Change the role…", "Switch off…", "Create AccessKey"):
        page.get_by_role("link", name=name).click()
        page.locator("dialog[open] footer").wait_for()
        found += findings(page, name)
        page.keyboard.press("Escape")
    assert found == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_admin_keeps_to_the_content_policy(open_browser, live_server, estate, dark):
    """`open_browser` fails on anything in the console, so a blocked script or style would show."""
    User.objects.filter(pk=estate.user.pk).update(is_superuser=True, is_staff=True)
    page = open_browser(dark=dark)
    enter(page, live_server.url, estate)
    one = f"/admin/access/user/{estate.user.pk}/change/"
    for address in ("/admin/", "/admin/access/user/?q=bob", "/admin/audit/event/", one):
        page.goto(live_server.url + address)
        page.get_by_text("No key operations here").wait_for()
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(14, 19, 17)") is dark
