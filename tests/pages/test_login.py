"""Closed by default: who is not logged in sees the login page and nothing else."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.urls import get_resolver

from audit.models import Event
from tests.make import PASSWORD
from tests.pages.conftest import log_in

OPEN = {"account_login", "account_inactive", "account_signup", "account_reset_password", "account_set_password",
        "mfa_authenticate", "mfa_login_webauthn", "openid_connect_login", "openid_connect_callback", "socialaccount_signup",
        "socialaccount_login_cancelled", "healthz", "metrics", "readyz", "language", "theme"}
FILLED = {"str:key_id": "key-lcl0000000000000000000", "str:instance_id": "kst-lcl0000000000000000000", "str:name": "alice",
          "str:access_key_id": "LTAI5t000000000000000000", "int:pk": "1", "int:number": "1", "slug:slug": "enable"}


@pytest.fixture(autouse=True)
def fresh_counters(db):
    cache.clear()


def addresses():
    """Every named address of the console, with its parameters filled in."""
    found = []

    def walk(patterns, prefix):
        for one in patterns:
            route = prefix + str(one.pattern)
            if route.startswith("admin/"):
                continue
            if hasattr(one, "url_patterns"):
                walk(one.url_patterns, route)
            elif one.name not in OPEN:
                for name, value in FILLED.items():
                    route = route.replace(f"<{name}>", value)
                found.append(f"/{route}")

    walk(get_resolver().url_patterns, "")
    return found


@pytest.mark.parametrize("address", addresses())
def test_anonymous_people_are_sent_to_the_login_page(client, address):
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")
    assert client.post(address).status_code in (302, 403)


def test_a_fragment_never_becomes_the_login_page(client):
    response = client.get("/keys/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/keys/"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/login/?next=/keys/")
    assert response.content == b""


def test_it_logs_in_and_out(client, alice):
    response = client.post("/login/", {"login": "alice", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302
    assert [event.action for event in Event.objects.filter(action__startswith="ConsoleSign").order_by("id")] == [
        "ConsoleSignin", "ConsoleSignout"]


def test_a_wrong_password_is_refused_and_noted(client, alice):
    response = client.post("/login/", {"login": "alice", "password": "not-the-password"})
    assert response.status_code == 200
    event = Event.objects.get(action="ConsoleSignin")
    assert (event.outcome, event.principal) == ("Forbidden.LoginFailed", "user/alice")
    assert "not-the-password" not in event.detail


def test_after_five_wrong_passwords_the_right_one_is_refused_too(client, alice):
    for _ in range(5):
        client.post("/login/", {"login": "alice", "password": "not-the-password"})
    client.post("/login/", {"login": "alice", "password": PASSWORD})
    assert client.get("/").status_code == 302


def test_nobody_signs_up(client, alice):
    for address in ("/login/none/", "/login/none/reset/", "/signup/", "/accounts/signup/"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"username": "eve"}).status_code in (403, 404)


def test_the_admin_has_no_login_form_of_its_own(client, db):
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/login/?next=/admin/"


def test_the_next_address_stays_on_this_site(client, alice):
    response = client.post("/login/", {"login": "alice", "password": PASSWORD, "next": "https://elsewhere.example/"})
    assert response["Location"] == "/"


def test_a_password_can_be_changed(alice):
    client = log_in(alice)
    fresh = "another-long-enough-0815"
    response = client.post("/password/", {"oldpassword": PASSWORD, "password1": fresh, "password2": fresh})
    assert response.status_code == 302
    alice.user.refresh_from_db()
    assert alice.user.check_password(fresh)
