"""The tabs of a key: rotation, policy, tags, versions, usage, activity. Each POST is one operation, each refusal says all."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Event
from base import clock
from base.refusal import Refused
from keys import history, key_policies, operations
from keys.models import Key, KeyTag, KeyVersion
from keys.states import State
from keys.usage_sweep import gather_uses
from tests import importing

PLAINTEXT = "aGVsbG8="


def page_of(key, name):
    return reverse(f"keys:{name}", args=[key.pk])


def fresh(key):
    return Key.objects.get(pk=key.pk)


# rotation

def test_rotation_can_be_switched_on_and_off(alices, make_key, words):
    key = make_key()
    answer = alices.post(page_of(key, "rotation"), {"turn": "on", "days": "90", "revision": key.revision})
    assert (answer.status_code, answer["Location"]) == (303, page_of(key, "rotation"))
    key = fresh(key)
    assert (key.automatic_rotation, key.rotation_interval_seconds) == (True, 90 * 86_400)
    page = alices.get(page_of(key, "rotation"))
    assert [date - key.next_rotation_at for date in page.context["dates"]] == [timedelta(days=n) for n in (0, 90, 180)]
    assert 'value="90"' in page.content.decode()
    alices.post(page_of(key, "rotation"), {"turn": "off", "revision": key.revision})
    assert not fresh(key).automatic_rotation


@pytest.mark.parametrize("sent", [{}, {"turn": "on"}, {"turn": "on", "days": "6"}, {"turn": "on", "days": "366"},
                                  {"turn": "on", "days": "x"}, {"turn": "sideways", "days": "30"}])
def test_a_wrong_interval_changes_nothing(alices, make_key, sent):
    key = make_key()
    assert alices.post(page_of(key, "rotation"), sent).status_code == 400
    assert not fresh(key).automatic_rotation


def test_a_second_click_makes_no_second_version(alices, make_key, words):
    key = make_key()
    assert alices.post(page_of(key, "rotate"), {"revision": key.revision}).status_code == 303
    again = alices.post(page_of(key, "rotate"), {"revision": key.revision})
    assert (again.status_code, "It changed since you opened this page" in words(again)) == (409, True)
    assert KeyVersion.objects.filter(key=key).count() == 2
    assert words(alices.get(page_of(key, "versions"))).count("Primary") == 1


def test_what_keeps_a_key_from_rotating_stands_on_the_page(alices, bobs, alice, make_key, words):
    imported = make_key(State.PENDING_IMPORT)
    importing.bring(alice(), imported)
    for key, reason in ((imported, "Keys with imported material do not rotate"),
                        (make_key(spec="EC_P256"), "Only symmetric keys rotate"),
                        (make_key(State.DISABLED), "The key is disabled")):
        page = alices.get(page_of(key, "rotation"))
        assert reason in words(page)
        assert b'name="days"' not in page.content
        assert alices.post(page_of(key, "rotate"), {"revision": key.revision}).status_code == 409
    key = make_key()
    assert "Your role does not allow this" in words(bobs.get(page_of(key, "rotation")))
    assert bobs.post(page_of(key, "rotation"), {"turn": "on", "days": "30"}).status_code == 403


# policy

def test_the_default_policy_is_shown_and_replaced(alices, alice, make_key, words):
    key = make_key()
    page = alices.get(page_of(key, "policy"))
    assert "Nobody gave this key a policy" in words(page)
    text = page.context["text"]
    assert json.loads(text) == json.loads(key_policies.default_document(alice.account.pk))
    answer = alices.post(page_of(key, "policy"), {"policy": text, "revision": key.revision, "do": "save"})
    assert answer.status_code == 303
    assert json.loads(fresh(key).policy) == json.loads(text)


def test_what_is_wrong_is_said_for_each_statement_and_the_text_stays(alices, make_key, words):
    key = make_key()
    text = '{"Version": "1", "Statement": [{"Effect": "Perhaps", "Action": "x"}, {"NotAction": ["kms:*"]}]}'
    answer = alices.post(page_of(key, "policy"), {"policy": text, "revision": key.revision, "do": "save"})
    assert answer.status_code == 400
    assert "In statement 1, Effect is missing" in words(answer)
    assert "Statement 2 has the element NotAction." in words(answer)
    assert "Perhaps" in answer.content.decode()
    assert fresh(key).policy == ""


def test_the_builder_adds_a_statement_and_says_who_gains(alices, bob, make_key, words):
    key = make_key()
    text = alices.get(page_of(key, "policy")).context["text"]
    answer = alices.post(page_of(key, "policy"), {"policy": text, "do": "add", "role": "Administrator", "principals": "bob"})
    made = json.loads(answer.context["text"])["Statement"]
    assert made[-1]["Principal"]["RAM"] == [f"acs:ram::{bob.account.pk}:user/bob"]
    assert key_policies.why_not_document(answer.context["text"]) == ()
    [gains] = [one for one in answer.context["effects"] if one.principal == "user/bob"]
    assert [(change.now, change.then) for change in gains.changes] == [(False, True), (False, True), (True, True), (True, True)]
    assert fresh(key).policy == ""
    for principals in ("", "acs:ram::1:group/x", "two words!"):
        bad = alices.post(page_of(key, "policy"), {"policy": text, "do": "add", "role": "User", "principals": principals})
        assert bad.status_code == 400


def test_a_check_says_who_would_be_locked_out(alices, bob, make_key, words):
    key = make_key()
    deny = {"Version": "1", "Statement": [{"Effect": "Deny", "Principal": {"RAM": [f"acs:ram::{bob.account.pk}:user/bob"]},
                                           "Action": ["kms:Encrypt"], "Resource": ["*"]}]}
    answer = alices.post(page_of(key, "policy"), {"policy": json.dumps(deny), "do": "check"})
    assert answer.context["effects"][0].principal == "user/bob"
    assert words(answer).count("loses it") == 1
    assert Event.objects.filter(action="SetKeyPolicy").count() == 0


def test_only_keys_of_an_instance_have_a_policy(alices, alice, words):
    page = alices.get(page_of(operations.create_key(alice()), "policy"))
    assert "This key has no policy" in words(page)
    assert b"<textarea" not in page.content


def test_bob_changes_no_policy(bobs, make_key, words):
    key = make_key()
    assert "Your role does not allow this" in words(bobs.get(page_of(key, "policy")))
    assert bobs.post(page_of(key, "policy"), {"policy": "{}", "do": "save"}).status_code in (400, 403)


# tags

def test_tags_are_set_changed_and_removed(alices, make_key, words):
    key = make_key()
    for value in ("red", "blue"):
        assert alices.post(page_of(key, "tags"), {"do": "set", "name": "team", "value": value}).status_code == 303
    assert list(KeyTag.objects.values_list("tag_key", "tag_value")) == [("team", "blue")]
    assert "blue" in words(alices.get(page_of(key, "tags")))
    assert 'value="blue"' in alices.get(page_of(key, "tags") + "?name=team&value=blue").content.decode()
    for _ in range(2):  # a second click finds the tag gone, and that is fine
        assert alices.post(page_of(key, "tags"), {"do": "remove", "name": "team"}).status_code == 303
    assert not KeyTag.objects.exists()


def test_a_tag_that_is_not_allowed_says_why(alices, bobs, make_key, words):
    key = make_key()
    answer = alices.post(page_of(key, "tags"), {"do": "set", "name": "acs:x", "value": ""})
    assert (answer.status_code, "The name of a tag is not allowed" in words(answer)) == (400, True)
    assert alices.post(page_of(key, "tags"), {"do": "set", "name": ""}).status_code == 400
    assert bobs.post(page_of(key, "tags"), {"do": "set", "name": "a"}).status_code == 403
    assert "Your role does not allow this" in words(bobs.get(page_of(key, "tags")))


# usage, versions, activity

def test_usage_tells_days_callers_operations_and_ciphertexts(alices, alice, bob, make_key, words):
    now = clock.now()
    key = make_key(at=now - timedelta(days=20))
    operations.encrypt(alice(at=now - timedelta(days=9)), key, plaintext=PLAINTEXT)
    operations.generate_data_key(bob(at=now - timedelta(days=2)), key)
    operations.disable_key(alice(), key)
    with pytest.raises(Refused):
        operations.encrypt(bob(), key, plaintext=PLAINTEXT)
    page = alices.get(page_of(key, "usage"))
    plot = page.context["plot"]
    assert [(bar.used.used, bar.used.refused) for bar in plot.busy] == [(0, 1), (1, 0), (1, 0)]
    assert all(bar.used_height + bar.refused_height <= 100 for bar in plot.bars)
    assert page.context["actions"] == [("Encrypt", 1, 1), ("GenerateDataKey", 1, 0)]
    assert "Rejected.Disabled" in words(page)
    gather_uses(clock.now())
    gather_uses(clock.now())
    assert words(alices.get(page_of(key, "usage"))).count("user/bob") == words(page).count("user/bob")
    [(_, issued)] = alices.get(page_of(key, "versions")).context["rows"]
    assert (issued.ciphertexts, issued.data_keys) == (2, 1)


def test_activity_is_paged_by_event_and_folds_repetitions(alices, alice, make_key, words, monkeypatch):
    key = make_key()
    other = make_key()
    operations.create_alias(alice(), key, alias_name="alias/shop")
    for _ in range(5):
        operations.encrypt(alice(), key, plaintext=PLAINTEXT)
    operations.disable_key(alice(), key)
    operations.disable_key(alice(), other)

    def lines(**query):
        found = alices.get(page_of(key, "activity"), query).context["found"]
        return [(line.event.action, line.count) for line in found.lines], found.older

    assert lines() == ([("DisableKey", 1), ("CreateAlias", 1), ("CreateKey", 1)], None)
    everything, _ = lines(show="all")
    assert ("Encrypt", 5) in everything
    assert any(action == "DescribeKey" for action, _ in everything)
    monkeypatch.setattr(history, "SIZE", 1)
    first, older = lines()
    assert first == [("DisableKey", 1)]
    assert lines(before=older)[0] == [("CreateAlias", 1)]
    assert lines(before="nonsense")[0] == first
    monkeypatch.setattr(history, "STRETCH", 3)
    seen, older, pages = [], "", 0
    while older is not None:
        found, older = lines(before=older, show="changes")
        seen, pages = seen + found, pages + 1
    assert [action for action, _ in seen] == ["DisableKey", "CreateAlias", "CreateKey"]
    assert pages > 3


def test_activity_is_for_administrators_and_auditors(alices, bobs, carols, charlies, make_key, words):
    key = make_key()
    assert "CreateKey" in words(carols.get(page_of(key, "activity")))
    page = words(bobs.get(page_of(key, "activity")))
    assert "Your role does not allow this" in page
    assert "CreateKey" not in page
    assert charlies.get(page_of(key, "activity")).status_code == 404
