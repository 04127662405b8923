"""Signing in by an identity provider: whom it lets in, and what it takes no word of."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from access.models import Role, User
from audit.models import Event
from kmsconsole import sign_in
from tests.make import PASSWORD
from tests.oidc import provider  # noqa: F401
from tests.pages.conftest import log_in
from tests.pages.proving import proved


@pytest.fixture(autouse=True)
def fresh_counters(db):
    cache.clear()


def through(client, **data):
    """Our button, the provider's page, and back to us."""
    there = client.post("/login/by/oidc/", data)["Location"]
    back = requests.get(there, allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(back)
    return client.get(f"{parts.path}?{parts.query}")


def connected(who, provider):  # noqa: F811
    through(proved(who), process="connect")
    return SocialAccount.objects.get(user=who.user)


def test_a_connected_identity_logs_in(client, alice, provider):  # noqa: F811
    account = connected(alice, provider)
    assert (account.uid, account.extra_data) == ("1001", {})
    assert not SocialToken.objects.exists()
    answer = through(client)
    assert answer["Location"] == "/"
    assert client.get("/keys/").status_code == 200
    assert [(event.action, event.principal) for event in Event.objects.filter(action__in=["ConnectIdentity", "ConsoleSignin"])
            .order_by("id")] == [("ConnectIdentity", "user/alice"), ("ConsoleSignin", "user/alice")]


def test_a_stranger_is_not_let_in_by_any_name_or_mail(client, alice, provider, words):  # noqa: F811
    User.objects.filter(pk=alice.user.pk).update(email="alice@example.com")
    provider.claims = {"sub": "6666", "preferred_username": "alice", "email": "alice@example.com", "email_verified": True}
    answer = through(client)
    assert answer.status_code == 403
    assert "Nobody is known by this identity" in words(answer)
    assert client.get("/keys/").status_code == 302
    assert User.objects.count() == 1
    assert Event.objects.get(action="ConsoleSignin").outcome == "Forbidden.LoginFailed"


def test_where_the_operator_says_so_strangers_become_people_of_that_role(client, alice, provider, settings):  # noqa: F811
    settings.KMS_OIDC = replace(settings.KMS_OIDC, role="auditor")
    provider.claims = {"sub": "7777", "preferred_username": "alice", "email": "alice@example.com"}
    through(client)
    made = User.objects.exclude(username="alice").get()
    assert (made.username, made.role, made.account, made.has_usable_password(), made.email) == (
        "alice-2", Role.AUDITOR, alice.account, False, "")
    assert client.get("/keys/").status_code == 200
    assert client.get("/account/security/").status_code == 200
    event = Event.objects.get(action="CreateUser", object_id="alice-2")
    assert (event.principal, "7777" in event.detail) == ("system/oidc", True)
    client.post("/logout/")
    through(client)
    assert User.objects.count() == 2


@pytest.mark.parametrize("wrong", ["key", "audience", "issuer", "expired"])
def test_a_token_that_is_not_right_opens_nothing(client, alice, provider, wrong):  # noqa: F811
    connected(alice, provider)
    if wrong == "key":
        provider.key = rsa.generate_private_key(65537, 2048)
    provider.claims |= {"audience": {"aud": "another"}, "issuer": {"iss": "https://elsewhere.example"}, "expired": {"exp": 1},
                        "key": {}}[wrong]
    assert through(client).status_code == 401
    assert client.get("/keys/").status_code == 302
    assert Event.objects.filter(action="ConsoleSignin", outcome="Forbidden.LoginFailed").count() == 1


def test_an_answer_nobody_asked_for_opens_nothing(client, alice, provider):  # noqa: F811
    connected(alice, provider)
    there = client.post("/login/by/oidc/")["Location"]
    back = urlsplit(requests.get(there, allow_redirects=False, timeout=5).headers["Location"])
    other = type(client)()
    assert other.get(f"{back.path}?{back.query}").status_code in (401, 403)
    assert other.get("/keys/").status_code == 302


def test_connecting_asks_for_the_password_first_and_disconnecting_too(alice, provider):  # noqa: F811
    client = log_in(alice)
    assert client.post("/login/by/oidc/", {"process": "connect"})["Location"] == "/confirm/?next=%2Faccount%2Fsecurity%2F"
    assert client.post("/confirm/", {"password": PASSWORD, "next": "/account/security/"})["Location"] == "/account/security/"
    through(client, process="connect")
    account = SocialAccount.objects.get()
    gone = f"/account/security/identities/{account.pk}/disconnect/"
    assert log_in(alice).post(gone)["Location"].startswith("/confirm/")
    assert SocialAccount.objects.exists()
    client.post(gone)
    assert not SocialAccount.objects.exists()
    assert Event.objects.filter(action="DisconnectIdentity").count() == 1


def test_another_persons_identity_is_not_disconnected(alice, bob, provider):  # noqa: F811
    account = connected(alice, provider)
    assert proved(bob).post(f"/account/security/identities/{account.pk}/disconnect/").status_code == 404


def test_a_second_factor_is_asked_for_after_it(client, alice, provider):  # noqa: F811
    from tests.pages.test_second_factor import set_up

    set_up(alice)
    connected(alice, provider)
    assert through(client)["Location"] == "/login/code/"


def test_without_settings_there_is_no_way_and_no_button(client, db, words):
    assert client.post("/login/by/oidc/").status_code == 404
    assert client.get("/login/by/oidc/back/?code=x&state=y").status_code == 404
    assert "Log in with" not in words(client.get("/login/")).replace("Log in with a passkey", "")


GOOD = {"issuer": "https://id.example/realms/x/", "client_id": "a", "client_secret": "b", "name": "ID", "role": "", "account": ""}


def test_the_settings():
    assert Role.of_people() == sign_in.ROLES
    assert sign_in.oidc(**GOOD).origin == "https://id.example"
    assert sign_in.oidc(**{**GOOD, "issuer": ""}) is None
    assert "b" not in repr(sign_in.oidc(**{**GOOD, "client_secret": "bbbb"})).replace("client_id", "")
    for wrong in ({"issuer": "http://id.example"}, {"issuer": "id.example"}, {"client_id": ""}, {"client_secret": ""},
                  {"role": "root"}):
        with pytest.raises(ImproperlyConfigured):
            sign_in.oidc(**{**GOOD, **wrong})
    assert sign_in.roles("") == sign_in.roles("none") == frozenset()
    assert sign_in.roles("all") == frozenset(Role.of_people())
    assert sign_in.roles("auditor, key-user") == {"auditor", "key-user"}
    with pytest.raises(ImproperlyConfigured):
        sign_in.roles("everybody")
