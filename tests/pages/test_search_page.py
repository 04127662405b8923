"""The search field and the palette: keys, aliases, instances, pages and actions by any part of their names."""

from __future__ import annotations

import pytest

from keys import operations as keys
from tests import make


def hits(response):
    return [hit for group in response.context["groups"] for hit in group.hits]


def test_it_works(alices, alice, make_key):
    key = make_key(description="Card numbers")
    keys.create_alias(alice(), key, alias_name="alias/payments/cards")
    for text in ("cards", "PAYMENTS", "alias/pay", "payments/cards"):
        assert any(hit.word == "payments/cards" and key.pk in hit.url for hit in hits(alices.get("/search/", {"q": text}))), text
    for text in (key.pk, key.pk[:12], key.arn, f"{key.pk}-abcdefghij"):
        assert hits(alices.get("/search/", {"q": text}))[0].word == key.pk


def test_pages_instances_and_actions(alices, instance):
    assert {"Timeline", "Create key"} <= {hit.word for hit in hits(alices.get("/search/"))}
    assert hits(alices.get("/search/", {"q": "main"}))[0].under == instance.pk
    assert [hit.word for hit in hits(alices.get("/search/", {"q": "timel"}))][0] == "Timeline"


def test_only_what_one_may_is_offered(bobs, instance):
    words = {hit.word for hit in hits(bobs.get("/search/"))}
    assert "Create key" not in words
    assert "Audit log" not in words


def test_charlie_finds_nothing_of_alices(charlies, alice, make_key):
    key = make_key()
    keys.create_alias(alice(), key, alias_name="alias/secret-project")
    for text in (key.pk, "secret-project", key.instance.pk):
        assert [hit.url.partition("?")[0] for hit in hits(charlies.get("/search/", {"q": text}))] == ["/why/"]


def test_anything_else_is_offered_to_the_diagnosis(alices, instance):
    assert "/why/?q=zzzz" in [hit.url for hit in hits(alices.get("/search/", {"q": "zzzz"}))]


@pytest.mark.parametrize("target", ["palette", "hits"])
def test_fragments(alices, instance, target):
    answer = alices.get("/search/", headers={"HX-Request": "true", "HX-Target": target})
    assert b"<html" not in answer.content
    assert b'id="hits"' in answer.content


def test_few_queries(alices, alice, make_key, django_assert_max_num_queries):
    for number in range(8):
        keys.create_alias(alice(), make_key(), alias_name=f"alias/n/{number}")
    make.instance(alice, name="n")
    with django_assert_max_num_queries(14):
        alices.get("/search/", {"q": "n"}, headers={"HX-Request": "true", "HX-Target": "hits"})
