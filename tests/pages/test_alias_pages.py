"""Names of keys: create, re-point, delete; the list."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.urls import reverse

from access import lists
from audit.models import Event
from keys import operations
from keys.models import Alias
from keys.states import State

NAME = "alias/shop/cards"


def address(view, name=NAME):
    return f"{reverse(f'aliases:{view}')}?name={quote(name)}"


@pytest.fixture
def named(alice, make_key):
    key = make_key()
    operations.create_alias(alice(), key, alias_name=NAME)
    return key


@pytest.mark.parametrize("typed", ["shop/cards", "alias/shop/cards", " shop/cards "])
def test_it_creates_an_alias(alices, make_key, typed):
    key = make_key()
    answer = alices.post(reverse("keys:create_alias", args=[key.pk]), {"alias": typed})
    assert answer.status_code == 303
    assert Alias.objects.get().name == NAME


@pytest.mark.parametrize(("typed", "status", "said"), [
    ("", 400, "Type a name."), ("a b", 400, "characters that are not allowed"), ("acs/mine", 400, "This prefix is reserved"),
    ("shop/cards", 409, "The alias is taken")])
def test_a_refused_name_stays_in_the_field(alices, named, words, typed, status, said):
    answer = alices.post(reverse("keys:create_alias", args=[named.pk]), {"alias": typed})
    assert (answer.status_code, said in words(answer)) == (status, True)
    assert f'name="alias" value="{typed}"' in answer.content.decode()
    assert Alias.objects.count() == 1


def test_it_re_points_an_alias(alices, named, make_key):
    other = make_key()
    answer = alices.post(address("repoint"), {"key": other.pk})
    assert (answer.status_code, answer["Location"]) == (303, reverse("keys:detail", args=[other.pk]))
    assert Alias.objects.get().key_id == other.pk


def test_re_pointing_to_nothing_says_so(alices, named, charlie, words):
    answer = alices.post(address("repoint"), {"key": "key-nonsense"})
    assert (answer.status_code, "There is no such key" in words(answer)) == (409, True)
    assert Alias.objects.get().key_id == named.pk
    assert Event.objects.filter(action="UpdateAlias", outcome="Forbidden.KeyNotFound").count() == 1


def test_it_deletes_an_alias_and_never_the_key(alices, named, words):
    answer = alices.post(address("delete"))
    assert answer.status_code == 303
    assert not Alias.objects.exists()
    assert "The key stays." in words(alices.get(answer["Location"]))
    assert alices.post(address("delete")).status_code == 404


def test_charlie_finds_no_alias(charlies, named):
    for view in ("delete", "repoint"):
        assert charlies.get(address(view)).status_code == 404
        assert charlies.post(address(view), {"key": named.pk}).status_code == 404
    assert Alias.objects.exists()
    assert NAME not in charlies.get("/aliases/").content.decode()


def test_bob_sees_why_he_cannot(bobs, named, words):
    for view in ("delete", "repoint"):
        assert "Your role does not allow this" in words(bobs.get(address(view)))
        assert bobs.post(address(view), {"key": named.pk}).status_code == 403
    assert Alias.objects.get().key_id == named.pk


def test_the_list_can_be_searched(alices, alice, named, make_key):
    operations.create_alias(alice(), make_key(State.DISABLED), alias_name="alias/other")
    assert [row["alias"].name for row in alices.get("/aliases/").context["rows"]] == ["alias/other", NAME]
    assert [row["alias"].name for row in alices.get("/aliases/?q=shop").context["rows"]] == [NAME]
    assert alices.get("/aliases/?q=zzz").context["rows"] == []


@pytest.mark.parametrize(("cap", "count"), [(2, lists.Count(2, more=True)), (3, lists.Count(3))])
def test_many_names_are_said_to_be_many(alices, alice, make_key, monkeypatch, cap, count):
    monkeypatch.setattr(lists, "CAP", cap)
    for name in ("ca", "cb", "cc"):
        operations.create_alias(alice(), make_key(), alias_name=f"alias/{name}")
    assert alices.get("/aliases/?q=c").context["count"] == count
