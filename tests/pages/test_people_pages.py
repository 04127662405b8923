"""`/access/`: the people of the account, as their administrator sees and changes them."""

from __future__ import annotations

import re

import pytest

from access.models import AccessKey, User, UserPolicy
from audit.models import Event
from tests import make
from tests.make import PASSWORD
from tests.pages.conftest import log_in
from tests.pages.proving import proved


def post(client, address, **data):
    return client.post(address, data, follow=True)


def test_a_person_is_added_with_a_password_shown_once_and_changed_at_the_first_login(client, alice, words):
    admin = proved(alice)
    answer = post(admin, "/access/new/", name="dave", role="key-user")
    password = re.search(r'data-copy="(\w{20})"', answer.content.decode())[1]
    assert password not in admin.get("/access/once/").content.decode()
    assert "It was shown" in words(admin.get("/access/once/"))

    client.post("/login/", {"login": "dave", "password": password})
    for address in ("/", "/keys/", "/account/"):
        assert client.get(address)["Location"] == "/password/"
    assert client.get("/keys/", headers={"HX-Request": "true"})["HX-Redirect"] == "/password/"
    same = client.post("/password/", {"oldpassword": password, "password1": password, "password2": password})
    assert "Choose another password" in words(same)
    client.post("/password/", {"oldpassword": password, "password1": PASSWORD, "password2": PASSWORD})
    assert client.get("/keys/").status_code == 200
    assert password not in repr(list(Event.objects.values()))
    assert [one.action for one in Event.objects.filter(principal="user/dave", action__contains="Password")] == ["ChangePassword"]


def test_no_secret_waits_in_clear_for_its_page(alice):
    admin = proved(alice)
    admin.post("/access/new/", {"name": "dave", "role": "auditor"})
    assert set(admin.session["shown-once"]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert len(admin.session["shown-once"]) > 100


def test_the_list_finds_people_of_the_account_only(alice, bob, charlie, words):
    alices = proved(alice)
    page = words(alices.get("/access/"))
    assert "alice" in page
    assert "bob" in page
    assert "charlie" not in page
    assert "bob" not in words(alices.get("/access/?q=ali"))
    for address in ("/access/people/charlie/", "/access/people/charlie/role/", "/access/people/nobody/"):
        assert alices.get(address).status_code == 404


def test_a_key_user_is_told_why_not(bobs, words):
    answer = bobs.get("/access/")
    assert answer.status_code == 403
    assert "It needs the permission GetUsers" in words(answer)


def test_the_last_administrator_reads_why_on_every_dialog(alice, words):
    admin = proved(alice)
    page = words(admin.get("/access/people/alice/"))
    assert page.count("Nobody could administer the account any more") == 2
    answer = post(admin, "/access/people/alice/role/", role="auditor", revision=0)
    assert answer.status_code == 409
    assert "Make somebody else administrator first" in words(answer)
    assert User.objects.get(username="alice").role == "administrator"


def test_role_off_on_password_and_second_factor(alice, bob, words):
    admin = proved(alice)
    post(admin, "/access/people/bob/role/", role="auditor", revision=0)
    post(admin, "/access/people/bob/off/", revision=1)
    bob.user.refresh_from_db()
    assert (bob.user.role, bob.user.is_active) == ("auditor", False)
    assert "This was not done" in words(post(admin, "/access/people/bob/on/", revision=1))  # another tab was faster
    post(admin, "/access/people/bob/on/", revision=2)
    shown = post(admin, "/access/people/bob/password/", revision=3).content.decode()
    bob.user.refresh_from_db()
    assert bob.user.check_password(re.search(r'data-copy="(\w{20})"', shown)[1])
    assert "There is no second factor" in words(admin.get("/access/people/bob/second-factor/"))


def test_a_policy_is_attached_with_reasons_edited_and_detached(alice, bob, words):
    admin = proved(alice)
    bad = post(admin, "/access/people/bob/policies/attach/", name="red keys", document='{"Version": "1"}')
    assert bad.status_code == 400
    assert "The name of the policy is not allowed" in words(bad)
    assert "The policy has no statements" in words(bad)
    example = admin.get("/access/people/bob/policies/attach/").context["form"].initial["document"]
    assert "1 statement" in words(post(admin, "/access/people/bob/policies/attach/", name="red", document=example))
    assert "encrypt with red keys" in admin.get("/access/people/bob/policies/attach/?policy=red").content.decode()
    post(admin, "/access/people/bob/policies/detach/?policy=red", revision=0)
    assert not UserPolicy.objects.exists()


def test_an_access_key_is_made_stopped_and_deleted(alice, bob, words):
    admin = proved(alice)
    shown = post(admin, "/access/people/bob/access-keys/new/", revision=0)
    key = AccessKey.objects.get()
    assert key.pk in words(shown)
    assert "Disable it first" in words(admin.get(f"/access/access-keys/{key.pk}/delete/"))
    post(admin, f"/access/access-keys/{key.pk}/status/", to="Inactive")
    post(admin, f"/access/access-keys/{key.pk}/status/", to="Inactive")  # a second click turns nothing back
    key.refresh_from_db()
    assert key.status == "Inactive"
    post(admin, f"/access/access-keys/{key.pk}/delete/", revision=0)
    assert not AccessKey.objects.exists()


def test_ones_own_access_keys_stand_on_ones_own_page(bob, carol, words):
    key_id, _ = make.access_key(bob)
    mine = log_in(bob)
    page = words(mine.get("/account/access-keys/"))
    assert key_id in page
    assert "It needs the permission CreateAccessKey" in page
    assert mine.post(f"/access/access-keys/{key_id}/status/", {"to": "Inactive"})["Location"] == "/account/access-keys/"
    assert AccessKey.objects.get().status == "Inactive"
    assert key_id not in words(log_in(carol).get("/account/access-keys/"))


@pytest.mark.parametrize("address", ["/access/new/", "/access/people/bob/role/", "/access/people/bob/password/",
                                     "/access/people/bob/second-factor/", "/access/people/bob/policies/attach/",
                                     "/access/people/bob/policies/detach/", "/access/people/bob/access-keys/new/"])
def test_sensitive_changes_ask_who_it_is_first(alices, bob, address):
    for answer in (alices.get(address), alices.post(address, {"name": "eve", "role": "administrator"})):
        assert answer.status_code == 303
        assert answer["Location"].startswith("/confirm/?next=%2Faccess%2F")
    assert alices.get(address, headers={"HX-Request": "true"})["HX-Redirect"].startswith("/confirm/?next=")
    assert not User.objects.filter(username="eve").exists()
    back = alices.post("/confirm/", {"password": PASSWORD, "next": address})
    assert back["Location"] == address
    assert alices.get(address).status_code == 200


def test_roles_say_what_the_rules_say(carols, words):
    page = words(carols.get("/access/roles/"))
    row = re.search(r"ScheduleKeyDeletion (yes|– no) (yes|– no) (yes|– no)", page)
    assert row.groups() == ("yes", "– no", "– no")
    assert re.search(r"(?<!\w)Encrypt yes yes – no", page)
    assert re.search(r"GetUsers yes – no yes", page)


def test_settings_show_values_and_sources_but_no_secret(alices, bobs, words, settings):
    page = alices.get("/settings/").content.decode()
    assert "KMS_DATA_DIR" in page
    assert "a root key that only tests have." not in page
    assert settings.SECRET_KEY not in page
    assert "DJANGO_SECRET_KEY" in page
    assert bobs.get("/settings/").status_code == 403


def test_help_leads_to_places_that_exist(bobs, words):
    page = bobs.get("/help/")
    assert "Can I decrypt after deletion?" in words(page)
    for address in re.findall(r'href="(/(?:keys|instances)/[^"]*)"', page.content.decode()):
        assert bobs.get(address.replace("&amp;", "&")).status_code == 200
