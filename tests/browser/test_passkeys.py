"""Passkeys in Chromium with its virtual authenticator, under the product's own content policy."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from playwright.sync_api import Page, expect

from audit.models import Event
from tests.make import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(open_browser, live_server, alice):
    """A browser with a device that knows its owner, by the name that passkeys need: localhost."""
    cache.clear()
    made = open_browser()
    devices = made.context.new_cdp_session(made)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True}})
    assert live_server.url.startswith("http://localhost")
    return made


def log_in(page: Page, live_server) -> None:
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def add_passkey(page: Page, live_server, *, alone: bool) -> None:
    page.goto(f"{live_server.url}/account/security/passkeys/add/")
    if "/confirm/" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.get_by_role("checkbox").set_checked(alone)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#codes")).to_be_visible()


def log_out(page: Page) -> None:
    page.locator("summary.who").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#id_password")).to_be_visible()


def test_a_passkey_alone(page, live_server):
    log_in(page, live_server)
    add_passkey(page, live_server, alone=True)
    page.get_by_role("link", name="I have noted them").click()
    expect(page.locator(".due")).to_contain_text("signs in alone")
    log_out(page)
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator(".side [aria-current=page]")).to_be_visible()
    last = Event.objects.filter(action="ConsoleSignin").latest("id")
    assert (last.principal, last.outcome, last.detail) == ("user/alice", "ok", '{"by":["webauthn"]}')

    page.goto(f"{live_server.url}/account/security/")
    page.get_by_role("link", name="Rename Laptop").click()
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_label("Name", exact=True).fill("Desk")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Desk").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#h-passkeys")).to_be_visible()
    assert not Authenticator.objects.exists()
    assert list(Event.objects.filter(action__contains="MFA").order_by("id").values_list("action", flat=True)) == [
        "BindMFADevice", "UpdateMFADevice", "UnbindMFADevice"]


def test_a_passkey_as_second_step(page, live_server):
    log_in(page, live_server)
    add_passkey(page, live_server, alone=False)
    page.get_by_role("link", name="I have noted them").click()
    log_out(page)
    log_in(page, live_server)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator(".side [aria-current=page]")).to_be_visible()
    assert Event.objects.filter(action="ConsoleSignin").latest("id").detail == '{"by":["password","webauthn"]}'


def test_what_the_browser_refuses_is_said(page, live_server):
    """Nobody has a passkey: the device answers no, and the page says so instead of doing nothing."""
    page.goto(f"{live_server.url}/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
