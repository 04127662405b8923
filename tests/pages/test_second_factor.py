"""The authenticator app and recovery codes, with real codes; who must have a second factor; what stands in the database."""

from __future__ import annotations

import json
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache

from audit.models import Event
from crypto.errors import BadCiphertext
from tests.make import PASSWORD
from tests.pages.conftest import log_in
from tests.pages.proving import proved


@pytest.fixture(autouse=True)
def fresh_counters(db):
    cache.clear()


def code_of(secret):
    """What the app shows: RFC 6238, six digits, 30 seconds."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def set_up(who):
    """(client, secret, recovery codes) of somebody who has just set up the app."""
    client = proved(who)
    secret = client.get("/account/security/app/").context["form"].secret
    answer = client.post("/account/security/app/", {"code": code_of(secret)}, follow=True)
    codes = re.search(r'<pre id="codes"[^>]*>([\d\s]+)</pre>', answer.content.decode())[1].split()
    return client, secret, codes


def events(action):
    found = Event.objects.filter(action=action).order_by("id")
    return [(event.principal, event.outcome, json.loads(event.detail)) for event in found]


def test_the_app_is_a_second_step(client, alice):
    _, secret, codes = set_up(alice)
    assert len(set(codes)) == 10
    assert events("BindMFADevice") == [("user/alice", "ok", {"factor": "totp"})]
    cache.clear()  # the code of the set-up may serve once more in the same 30 seconds
    assert client.post("/login/", {"login": "alice", "password": PASSWORD})["Location"] == "/login/code/"
    assert client.get("/keys/").status_code == 302  # the password alone opens nothing
    assert client.get("/login/code/").status_code == 200
    assert client.post("/login/code/", {"code": "000000"}).status_code == 200
    assert events("ConsoleSignin")[-1] == ("user/alice", "Forbidden.LoginFailed", {"factor": True})
    client.post("/login/code/", {"code": code_of(secret)})
    assert client.get("/keys/").status_code == 200
    assert events("ConsoleSignin")[-1] == ("user/alice", "ok", {"by": ["password", "totp"]})


def test_a_code_opens_once(client, alice):
    _, secret, _ = set_up(alice)
    cache.clear()
    code = code_of(secret)
    client.post("/login/", {"login": "alice", "password": PASSWORD})
    client.post("/login/code/", {"code": code})
    client.post("/logout/")
    client.post("/login/", {"login": "alice", "password": PASSWORD})
    assert client.post("/login/code/", {"code": code}).status_code == 200


def test_a_recovery_code_opens_once(client, alice):
    _, _, codes = set_up(alice)
    for works in (True, False):
        client.post("/login/", {"login": "alice", "password": PASSWORD})
        client.post("/login/code/", {"code": codes[0]})
        assert (client.get("/keys/").status_code == 200) is works
        client.post("/logout/")


def test_codes_are_shown_once_and_can_be_made_anew(alice, words):
    client, _, codes = set_up(alice)
    again = words(client.get("/account/security/codes/"))
    assert "10 of 10 codes are left" in again
    assert codes[0] not in again
    fresh = client.post("/account/security/codes/new/", follow=True).content.decode()
    assert codes[0] not in fresh
    assert '<pre id="codes"' in fresh


def test_after_five_wrong_codes_the_right_one_is_refused_too(client, alice):
    _, secret, _ = set_up(alice)
    cache.clear()
    client.post("/login/", {"login": "alice", "password": PASSWORD})
    for _ in range(5):
        client.post("/login/code/", {"code": "000000"})
    client.post("/login/code/", {"code": code_of(secret)})
    assert client.get("/keys/").status_code == 302


def test_secrets_are_sealed_for_their_owner(alice, bob):
    _, secret, codes = set_up(alice)
    stored = repr(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert codes[0] not in stored
    row = Authenticator.objects.get(type="recovery_codes")
    Authenticator.objects.filter(pk=row.pk).update(user=bob.user)
    with pytest.raises(BadCiphertext):
        proved(bob).get("/account/security/")


def test_the_secret_waits_sealed_in_the_session(alice):
    client = proved(alice)
    secret = client.get("/account/security/app/").context["form"].secret
    assert secret not in repr(dict(client.session.items()))
    wrong = client.post("/account/security/app/", {"code": "000000"})
    assert wrong.context["form"].secret == secret  # the picture the person scanned still counts


def test_changes_ask_for_the_password_first(alice):
    client = log_in(alice)
    for address in ("/account/security/app/", "/account/security/passkeys/add/", "/account/security/codes/new/"):
        assert client.get(address)["Location"].startswith("/confirm/?next=")
    assert client.post("/confirm/", {"password": "wrong", "next": "/account/security/app/"}).status_code == 200
    assert client.get("/account/security/app/").status_code == 302
    client.post("/confirm/", {"password": PASSWORD, "next": "/account/security/app/"})
    assert client.get("/account/security/app/").status_code == 200


def test_the_app_is_removed_with_its_codes(alice, client):
    mine, _, _ = set_up(alice)
    mine.post("/account/security/app/remove/")
    assert not Authenticator.objects.exists()
    assert events("UnbindMFADevice") == [("user/alice", "ok", {"factor": "totp"})]
    client.post("/login/", {"login": "alice", "password": PASSWORD})
    assert client.get("/keys/").status_code == 200


@pytest.mark.parametrize(("required", "alice_must", "bob_must"), [
    (frozenset(), False, False), (frozenset({"administrator"}), True, False),
    (frozenset({"administrator", "key-user", "auditor"}), True, True)])
def test_whom_the_operator_requires_it_of_does_nothing_before(alices, bobs, settings, required, alice_must, bob_must):
    settings.KMS_REQUIRE_MFA = required
    for client, must in ((alices, alice_must), (bobs, bob_must)):
        assert client.get("/keys/").status_code == (302 if must else 200)
        if must:
            assert client.get("/keys/")["Location"] == "/account/security/"
            assert client.get("/account/security/").status_code == 200
            assert client.post("/access/new/", {"name": "eve", "role": "administrator"})["Location"] == "/account/security/"


def test_who_has_set_it_up_goes_on(alice, settings):
    settings.KMS_REQUIRE_MFA = frozenset({"administrator"})
    client, _, _ = set_up(alice)
    assert client.get("/keys/").status_code == 200


def test_a_passkey_that_is_none_opens_nothing(client, alice):
    for credential in ("{}", '{"id": "x", "response": {"userHandle": "MQ"}}', "nonsense", "[]"):
        answer = client.post("/login/passkey/", {"credential": credential})
        assert answer["Location"] == "/login/"
    assert client.get("/keys/").status_code == 302
    assert {outcome for _, outcome, _ in events("ConsoleSignin")} == {"Forbidden.LoginFailed"}
