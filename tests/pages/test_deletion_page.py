"""Deletion done right: what is known stands before the date is chosen, and what is not known is said."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Event
from base import clock
from base.refusal import Refused
from keys import evidence, operations
from keys.models import Key
from keys.states import State
from tests import importing, make

PLAINTEXT = "aGVsbG8="


def page_of(key, name="schedule_deletion"):
    return reverse(f"keys:{name}", args=[key.pk])


def test_evidence_stands_before_the_date(alices, alice, bob, make_key, words):
    now = clock.now()
    key = make_key(at=now - timedelta(days=40))
    operations.create_alias(alice(), key, alias_name="alias/shop")
    operations.encrypt(bob(at=now - timedelta(days=3)), key, plaintext=PLAINTEXT)
    operations.generate_data_key(alice(at=now - timedelta(days=35)), key)
    page = words(alices.get(page_of(key)))
    for text in ("Used 3 days ago user/bob · Encrypt", "It gave out 2 ciphertexts", "1 alias points at it", "Versions 1",
                 "Ciphertexts issued 2 1 of them data keys", "What is not known", "Backups that hold it",
                 "it is read without a call to this service", "Disable instead"):
        assert text in page, text
    assert page.index("What is known about this key") < page.index("Waiting time")


def test_failures_since_disabling_are_the_proof_that_something_needs_it(alices, alice, bob, make_key, words):
    now = clock.now()
    key = make_key(at=now - timedelta(days=40))
    operations.disable_key(alice(at=now - timedelta(days=30, hours=1)), key)
    assert "Disabled for 30 days No call has failed since." in words(alices.get(page_of(key)))
    with pytest.raises(Refused):
        operations.encrypt(bob(at=now - timedelta(days=2)), key, plaintext=PLAINTEXT)
    page = words(alices.get(page_of(key)))
    assert "1 call failed since it stopped Something still needs it: user/bob" in page
    assert "Disable instead" not in page
    operations.enable_key(alice(), key)
    assert fresh(key).disabled_at is None


def fresh(key):
    return Key.objects.get(pk=key.pk)


def test_refusals_of_before_do_not_count_as_since(alices, alice, bob, make_key):
    now = clock.now()
    key = make_key(at=now - timedelta(days=40))
    operations.disable_key(alice(at=now - timedelta(days=30)), key)
    with pytest.raises(Refused):
        operations.encrypt(bob(at=now - timedelta(days=29)), key, plaintext=PLAINTEXT)
    operations.enable_key(alice(at=now - timedelta(days=28)), key)
    operations.disable_key(alice(at=now - timedelta(days=10)), key)
    facts = alices.get(page_of(key)).context["evidence"]
    assert (facts.refused_since, facts.days_stopped, len(facts.refused)) == ((), 10, 1)


def test_what_the_log_does_not_cover_is_said(alices, alice, make_key, words):
    started = timedelta(hours=1)  # the day that has begun counts, so a second more or less must not begin another
    key = make_key(at=clock.now() - timedelta(days=400) + started)
    Event.objects.update(at=clock.now() - timedelta(days=500))
    assert "The log covers the whole life of the key, 400 days." in words(alices.get(page_of(key)))
    Event.objects.update(at=clock.now() - timedelta(days=10) + started)
    page = words(alices.get(page_of(key)))
    assert "The log covers the last 10 days; what happened before" in page
    assert "The log covers the whole life" not in page


def test_other_accounts_and_imported_material_are_named(alices, alice, charlie, make_key, words):
    key = make_key(State.PENDING_IMPORT)
    importing.bring(alice(), key)
    document = {"Version": "1", "Statement": [
        {"Effect": "Allow", "Principal": {"RAM": [f"acs:ram::{charlie.account.pk}:*"]}, "Action": ["kms:Encrypt"],
         "Resource": ["*"]}]}
    operations.set_key_policy(alice(), key, policy=json.dumps(document))
    page = words(alices.get(page_of(key)))
    assert f"Other accounts may use it {charlie.account.pk}" in page
    assert "The same material in a new key does not open" in page


def test_the_floor_of_backups_says_which_hold_it(alices, make_key, words):
    """The page `backups:of_key` fills the slot by itself; without scripts there is a link to it."""
    key = make_key()
    page = alices.get(page_of(key))
    address = reverse("backups:of_key", args=[key.pk])
    assert f'hx-get="{address}"' in page.content.decode()
    assert f'<a href="{address}"' in page.content.decode()
    assert "Whether a backup holds the key." not in words(page)
    assert alices.get(address).status_code == 200


def test_evidence_costs_the_same_however_much_there_is(alice, bob, make_key, django_assert_max_num_queries):
    key = make_key()
    for _ in range(3):
        operations.encrypt(bob(), key, plaintext=PLAINTEXT)
        operations.encrypt(alice(), key, plaintext=PLAINTEXT)
    with django_assert_max_num_queries(12):
        evidence.evidence(alice(), key, State.ENABLED)


def test_cancel_is_offered_until_the_end(alices, alice, make_key):
    key = make_key(State.PENDING_DELETION)
    address = page_of(key, "cancel_deletion")
    for page in ("/", "/keys/", page_of(key, "detail"), page_of(key, "usage"), page_of(key, "rotation")):
        assert address in alices.get(page).content.decode(), page
    last = clock.now() + timedelta(days=7) - timedelta(minutes=1)
    assert operations.cancel_key_deletion(alice(at=last), key).state == State.ENABLED


def test_a_key_that_is_gone_has_no_page_to_cancel_on(alices, alice, instance):
    assert alices.post(page_of(make.due_key(alice, home=instance), "cancel_deletion")).status_code == 404
