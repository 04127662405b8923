"""`/account/`: preferences and sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from access import sweeps
from audit.models import Event
from base import clock
from kmsconsole.browsers import told
from tests.make import PASSWORD
from tests.pages.conftest import log_in


def test_language_theme_and_time_zone_are_kept(alices, alice, make_key, words):
    key = make_key()
    alices.post("/account/", {"language": "ja", "theme": "dark", "time_zone": "Asia/Tokyo"})
    alice.user.refresh_from_db()
    assert (alice.user.language, alice.user.theme, alice.user.time_zone) == ("ja", "dark", "Asia/Tokyo")
    alices.cookies["zone"] = "Europe/Berlin"  # the browser's; the choice counts more
    page = alices.get(f"/keys/{key.pk}/").content.decode()
    assert '<html lang="ja" data-theme="dark">' in page
    assert "(JST)" in page
    assert "マイアカウント" in words(alices.get("/account/"))


def test_nonsense_is_refused(alices, alice):
    for wrong in ({"time_zone": "../../etc/passwd"}, {"theme": "blue"}, {"language": "xx"}):
        assert alices.post("/account/", {"language": "en", "theme": "", "time_zone": "", **wrong}).status_code == 400
    alice.user.refresh_from_db()
    assert alice.user.time_zone == ""


def signed_in(who):
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"})
    client.post("/login/", {"login": who.name, "password": PASSWORD})
    return client


def test_another_session_is_seen_and_ended(alice, words):
    here, there = signed_in(alice), signed_in(alice)
    page = here.get("/account/sessions/")
    assert words(page).count("Chrome, Linux") == 2
    other = next(row for row in page.context["rows"] if row.session_key == there.session.session_key)
    assert there.get("/keys/").status_code == 200
    here.post("/account/sessions/", {"number": other.pk})
    assert there.get("/keys/").status_code == 302
    assert here.get("/keys/").status_code == 200
    assert Event.objects.filter(action="EndConsoleSession", outcome="ok").count() == 1
    assert "The session has ended already" in words(here.post("/account/sessions/", {"number": other.pk}))


def test_when_a_session_was_last_used_is_noted_every_five_minutes(alice):
    client = signed_in(alice)
    client.get("/keys/")
    row = UserSession.objects.get()
    UserSession.objects.update(last_seen_at=row.last_seen_at - timedelta(hours=1))
    client.get("/keys/")
    assert UserSession.objects.get().last_seen_at < row.last_seen_at
    session = client.session
    session["seen_at"] -= 301
    session.save()
    client.get("/keys/")
    assert UserSession.objects.get().last_seen_at >= row.last_seen_at


def test_all_others_end_at_once_and_none_of_somebody_else(alice, bob):
    here, there, bobs = signed_in(alice), signed_in(alice), signed_in(bob)
    theirs = bobs.get("/account/sessions/").context["rows"][0]
    here.post("/account/sessions/", {"number": theirs.pk})
    here.post("/account/sessions/", {})
    assert there.get("/keys/").status_code == 302
    assert bobs.get("/keys/").status_code == 200


def test_a_new_password_ends_the_other_sessions(alice):
    here, there = signed_in(alice), signed_in(alice)
    fresh = "another-long-enough-0815"
    here.post("/password/", {"oldpassword": PASSWORD, "password1": fresh, "password2": fresh})
    assert there.get("/keys/").status_code == 302
    assert here.get("/keys/").status_code == 200


@pytest.mark.parametrize(("agent", "words"), [
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0", "Edge, Windows"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Version/17.0 Safari/604.1", "Safari, iPhone"),
    ("curl/8.0", "curl/8.0"), ("", "unknown browser")])
def test_browsers_have_short_names(agent, words):
    assert told(agent) == words


def test_nobody_needs_a_permission_for_their_own_account(bob):
    client = log_in(bob)
    for address in ("/account/", "/account/security/", "/account/sessions/", "/account/access-keys/", "/help/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert len(answer.content) < 100_000


def test_sessions_that_are_over_are_forgotten(alice):
    here, there = signed_in(alice), signed_in(alice)
    Session.objects.filter(session_key=there.session.session_key).update(expire_date=clock.real_now())
    assert sweeps.forget_sessions(clock.real_now()) == 1
    assert [row.session_key for row in UserSession.objects.all()] == [here.session.session_key]
    assert here.get("/keys/").status_code == 200
