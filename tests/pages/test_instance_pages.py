"""Instances and the overview: what needs the reader, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Event
from base import clock
from instances import sweeps
from keys import operations as keys
from keys.states import State
from tests import make


def page_of(instance):
    return reverse("instances:detail", args=[instance.pk])


def test_the_list_and_the_page(alices, instance, make_key, words):
    make_key()
    assert "1 / 1,000" in words(alices.get("/instances/"))
    page = words(alices.get(page_of(instance)))
    assert "Software-protected" in page
    assert "999 left" in page
    seen = Event.objects.filter(door="console").values_list("action", flat=True)
    assert {"ListKmsInstances", "GetKmsInstance", "ListKeys"} <= set(seen)


def test_an_expired_instance_says_how_it_comes_back(alices, alice, words):
    make.key(alice, State.UNAVAILABLE)
    expired = make.Instance.objects.get()
    page = alices.get(page_of(expired))
    assert "Calls to its 1 key now fail with Rejected.Unavailable" in words(page)
    assert f'action="{page_of(expired)}renew/"' in page.content.decode()
    assert "The instance has expired" in words(page)
    assert 'aria-disabled="true"' in page.content.decode()


def test_the_last_days_of_a_term_are_announced(alices, alice, words):
    soon = make.instance(alice, name="soon", at=clock.now() - timedelta(days=350))
    assert "This instance expires in" in words(alices.get(page_of(soon)))


def test_an_instance_that_nobody_enabled(alices, alice, words):
    waiting = make.instance(alice, enabled=False)
    page = words(alices.get(page_of(waiting)))
    assert "Not enabled" in page
    assert "This instance is not enabled yet" in page


def test_the_switch_of_an_instance(alices, alice, instance, make_key, words):
    one, _other, _third = make_key(), make_key(), make_key(State.PENDING_DELETION)
    keys.set_deletion_protection(alice(), one, enabled=True)
    switch = page_of(instance) + "protection/"
    assert switch in alices.get(page_of(instance)).content.decode()
    answer = alices.post(switch, {"turn": "on", "revision": instance.revision, "description": "Year end"})
    assert (answer.status_code, answer["Location"]) == (303, page_of(instance))
    page = words(alices.get(page_of(instance)))
    assert "user/alice switched it on," in page
    assert "Year end" in page
    assert "1 key also has its own protection." in page
    dialog = words(alices.get(switch))
    assert "1 key becomes deletable" in dialog
    assert "1 key stays protected by its own switch." in dialog
    fragment = alices.get(switch, headers={"HX-Request": "true", "HX-Target": "modal"})
    assert b"<html" not in fragment.content
    assert switch in alices.get(reverse("keys:schedule_deletion", args=[one.pk])).content.decode()
    instance.refresh_from_db()
    for wrong, status in (({"confirm": "Main"}, 400), ({}, 400), ({"confirm": "main", "revision": 0}, 409)):
        assert alices.post(switch, {"turn": "off", "revision": instance.revision, **wrong}).status_code == status
    assert alices.post(switch, {"turn": "off", "revision": instance.revision, "confirm": " main "}).status_code == 303
    instance.refresh_from_db()
    assert not instance.deletion_protection


def test_the_switch_of_an_instance_is_not_for_everybody(bobs, charlies, instance, words):
    switch = page_of(instance) + "protection/"
    assert "Your role does not allow this" in words(bobs.get(switch))
    assert bobs.post(switch, {"turn": "on"}).status_code == 403
    assert charlies.get(switch).status_code == charlies.post(switch, {"turn": "on"}).status_code == 404
    assert charlies.get(switch).status_code == 404
    instance.refresh_from_db()
    assert not instance.deletion_protection


def test_charlie_sees_nothing(charlies, instance):
    assert charlies.get(page_of(instance)).status_code == 404
    assert instance.pk not in charlies.get("/instances/").content.decode()
    assert instance.pk not in charlies.get("/").content.decode()


def test_the_overview_lists_what_needs_the_reader_by_date(alices, alice, instance, make_key, words):
    key = make_key(State.PENDING_DELETION)
    make.expired_instance(alice, name="old")
    page = alices.get("/")
    assert [need["kind"] for need in page.context["needs"]] == ["expired", "pending"]
    assert "Will be destroyed on" in words(page)
    assert reverse("keys:cancel_deletion", args=[key.pk]) in page.content.decode()


def test_a_reminder_stands_in_the_activity_of_its_owner(alices, alice, words):
    soon = make.instance(alice, name="soon", at=clock.now() - timedelta(days=350))
    assert sweeps.remind(clock.now()) == 1
    page = words(alices.get("/"))
    assert "RemindExpiry" in page
    assert f"{soon.pk} system/clock" in page


def test_an_expired_instance_that_drains_says_so(alices, alice, words):
    draining = make.instance(alice, name="draining", at=clock.now() - timedelta(days=370), grace_policy="drain")
    page = words(alices.get(page_of(draining)))
    assert "It drains: enabled keys still decrypt, verify and export" in page
    assert "days to renew" in page


def test_a_release_that_waits_says_for_what(alices, alice, words):
    make.key(alice, State.UNAVAILABLE)
    page = words(alices.get(page_of(make.Instance.objects.get())))
    assert "It should be released by now, and is not yet:" in page
    assert "There is no backup since the end of the term" in page
    assert "Go to the backups" in page


def test_an_empty_overview_says_so(alices, words):
    page = words(alices.get("/"))
    assert "Nothing needs you." in page


@pytest.mark.parametrize(("who", "shown"), [("alices", True), ("carols", True), ("bobs", False)])
def test_activity_is_for_those_who_may_see_it(request, who, shown, make_key, words):
    key = make_key()
    page = request.getfixturevalue(who).get("/").content.decode()
    assert ("CreateKey" in page and key.pk in page) is shown
