"""`/audit/`: who did what, in steps, and each line opens in place."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from keys import operations as keys
from tests import make


def test_it_works(alices, alice, make_key, words):
    key = make_key()
    keys.disable_key(alice(), key)
    page = alices.get("/audit/")
    assert [line.event.action for line in page.context["lines"]][:2] == ["DisableKey", "CreateKey"]
    assert reverse("keys:detail", args=[key.pk]) in page.content.decode()
    assert "Only decisions are shown" in words(page)


def test_a_refusal_says_its_code_and_reasons(alices, alice, make_key, words):
    key = make_key()
    keys.set_deletion_protection(alice(), key, enabled=True)
    alices.post(reverse("keys:schedule_deletion", args=[key.pk]), {"days": "7", "confirm": key.pk, "revision": key.revision})
    page = words(alices.get(f"/audit/?object={key.pk}&outcome=refused"))
    assert "Rejected.DeletionProtection" in page
    assert "deletion_protection_key" in page


def test_everything_can_be_shown(alices, make_key):
    make_key()
    alices.get("/keys/")
    assert "ListKeys" not in {line.event.action for line in alices.get("/audit/").context["lines"]}
    assert "ListKeys" in {line.event.action for line in alices.get("/audit/?show=all").context["lines"]}


def test_older_ones_are_a_step_away(alices, make_key):
    for _ in range(30):
        make_key()
    first = alices.get("/audit/?show=all&size=25")
    second = alices.get("/audit/" + first.context["older"])
    ids = [line.event.pk for page in (first, second) for line in page.context["lines"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) > 25
    assert second.context["newest"] == "?show=all&size=25"


@pytest.mark.parametrize("query", ["before=x", "before=99999999999999999999", "since=nonsense", "until=2026-13-45T99:99",
                                   "since=0001-01-01T00:00", "since=0001-01-01T00:00%2B09:00", "until=9999-12-31T23:59:59.999999",
                                   "until=9999-12-31T23:59-09:00", "size=7", "door=nowhere", "object=%00", "before=0"])
def test_nonsense_in_the_address_opens_a_page(alices, instance, query):
    assert alices.get(f"/audit/?{query}").status_code == 200


def test_a_time_is_the_readers(alices, make_key):
    key = make_key()
    alices.cookies["zone"] = "Asia/Tokyo"
    local = key.created_at.astimezone(ZoneInfo("Asia/Tokyo"))
    page = alices.get(f"/audit/?since={local:%Y-%m-%dT%H:%M}&action=CreateKey")
    assert key.pk in {line.event.object_id for line in page.context["lines"]}


def test_not_for_everybody(bobs, carols, charlies, instance, make_key, words):
    key = make_key()
    assert bobs.get("/audit/").status_code == 403
    assert "Your role does not allow this" in words(bobs.get("/audit/"))
    assert key.pk in carols.get("/audit/").content.decode()
    assert charlies.get(f"/audit/?object={key.pk}").context["lines"] == []


def test_a_fragment_is_the_list_alone(alices, instance):
    answer = alices.get("/audit/", headers={"HX-Request": "true", "HX-Target": "list"})
    assert b"<html" not in answer.content
    assert b'id="list"' in answer.content


def test_nothing_matches(alices, instance, words):
    assert "No event matches" in words(alices.get("/audit/?object=key-nothing"))


def test_charlie_sees_nothing_of_alices_instance(charlies, alice, words):
    make.instance(alice)
    assert "No event matches" in words(charlies.get("/audit/?action=CreateInstance"))
