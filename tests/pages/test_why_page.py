"""`/why/`: whatever somebody holds in hand is named, and told whether it works and what would make it work."""

from __future__ import annotations

import base64

import pytest
from django.urls import reverse

from access import operations as access
from base.refusal import Refused
from keys import operations as keys
from keys.models import KeyVersion
from keys.states import State
from kmsconsole.diagnosing import KINDS, diagnose
from tests import make
from tests.make import sealed_by
from tests.pages.test_key_pages import foreign_key


def slugs(found, action):
    [ability] = [one for one in found.abilities if one.action == action]
    return [reason.slug for reason in ability.reasons]


def test_a_key_by_every_name(alice, make_key):
    key = make_key()
    keys.create_alias(alice(), key, alias_name="alias/payments/cards")
    arn_of_alias = key.arn.rpartition(":")[0] + ":alias/payments/cards"
    for text in (key.pk, key.arn, "alias/payments/cards", "payments/cards", arn_of_alias, f"  {key.pk}\n"):
        found = diagnose(alice(), text)
        assert (found.kind, found.key, found.name) == ("key", key, "payments/cards")
        assert slugs(found, "Encrypt") == []


@pytest.mark.parametrize("state", [State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT, State.UNAVAILABLE])
def test_what_does_not_work_says_why_and_what_lifts_it(alice, make_key, state):
    found = diagnose(alice(), make.key(alice, state, home=make_key().instance).pk)
    assert slugs(found, "Encrypt") != []
    assert all(reason.who for one in found.abilities for reason in one.reasons)


def test_every_kind_of_key_is_asked_for_what_it_does(alice, make_key):
    for spec, usage, action in (("EC_P256", "SIGN/VERIFY", "AsymmetricSign"),
                                ("RSA_2048", "ENCRYPT/DECRYPT", "AsymmetricDecrypt"),
                                ("HMAC_SHA_256", "GENERATE_MAC/VERIFY_MAC", "GenerateMac")):
        assert slugs(diagnose(alice(), make_key(spec=spec, usage=usage).pk), action) == []


def test_a_ciphertext_names_its_key_and_says_whether_it_opens(alice, make_key):
    key = make_key()
    blob = sealed_by(alice(), key)
    found = diagnose(alice(), blob)
    assert (found.kind, found.key, found.works) == ("ciphertext", key, True)
    keys.disable_key(alice(), key)
    found = diagnose(alice(), blob)
    assert (found.works, slugs(found, "Decrypt")) == (False, ["Rejected.Disabled"])


def test_a_ciphertext_of_a_destroyed_key(alice, make_key):
    key = make.due_key(alice, home=make_key().instance)
    version = KeyVersion.objects.get(key=key)
    blob = base64.b64encode(version.pk.encode() + bytes(40)).decode()
    found = diagnose(alice(), blob)
    assert (found.kind, [reason.slug for reason in found.refusals]) == ("destroyed", ["key_destroyed"])


def test_a_version_an_instance_and_an_access_key(alice, make_key):
    key = make_key()
    assert diagnose(alice(), KeyVersion.objects.get(key=key).pk).kind == "version"
    assert diagnose(alice(), key.instance.pk).instance == key.instance
    pair, _ = access.create_access_key(make.operator(), alice.user)
    assert diagnose(alice(), pair).access_key.user == alice.user


def test_a_request_says_what_happened_and_whether_it_would_work_now(alice, bob, make_key):
    key, caller = make_key(State.DISABLED), bob()
    with pytest.raises(Refused):
        keys.encrypt(caller, key, plaintext="aGVsbG8=")
    found = diagnose(alice(), caller.request_id)
    assert (found.kind, found.whose, slugs(found, "Encrypt")) == ("request", "user/bob", ["Rejected.Disabled"])
    keys.enable_key(alice(), key)
    assert diagnose(alice(), caller.request_id.lower()).works


def test_requests_are_for_those_who_may_see_the_trail(bob, alice, make_key):
    caller = alice()
    keys.disable_key(caller, make_key())
    found = diagnose(bob(), caller.request_id)
    assert [reason.slug for reason in found.refusals] == ["Forbidden.NoPermission"]
    assert found.events == ()


def test_a_key_of_1_0_works_at_the_api_and_is_managed_elsewhere(alice):
    found = diagnose(alice(door="console"), foreign_key(alice.account, edition="1.0").pk)
    assert slugs(found, "Encrypt") == []
    assert "legacy_read_only" in slugs(found, "ScheduleKeyDeletion")


@pytest.mark.parametrize("text", ["nothing", "key-lcl0000000000000000000", "kst-nothing", "LTAI5tNothingAtAll1", "alias/none",
                                  "6a2f0c91-0000-0000-0000-000000000000", "acs:kms:elsewhere:1:key/x", "\0", "%" * 200, "键"])
def test_nothing_is_said_so(alice, instance, text):
    assert diagnose(alice(), text).kind == "nothing"


def test_what_looks_like_a_ciphertext_but_names_no_key_of_ours(alice, instance):
    for raw in (bytes(range(256)), b"x" * 36 + bytes(40)):
        assert diagnose(alice(), base64.b64encode(raw).decode()).kind == "foreign-ciphertext"


def test_charlie_learns_nothing(charlie, alice, make_key):
    key = make_key()
    blob, version, (pair, _) = sealed_by(alice(), key), KeyVersion.objects.get(key=key).pk, make.access_key(alice)
    caller = alice()
    keys.disable_key(caller, key)
    for text in (key.pk, key.arn, key.instance.pk, version, pair, caller.request_id):
        assert diagnose(charlie(), text).kind == "nothing"
    assert diagnose(charlie(), blob).kind == "foreign-ciphertext"


def test_the_page_says_every_kind_in_words(alices, alice, make_key, words):
    key, caller = make_key(), alice()
    keys.disable_key(caller, make_key())
    destroyed = make.destroyed_key(alice, home=key.instance)
    told = {"key": key.pk, "version": KeyVersion.objects.get(key=key).pk, "ciphertext": sealed_by(alice(), key),
            "foreign-ciphertext": base64.b64encode(bytes(range(256))).decode(), "destroyed": destroyed.pk,
            "instance": key.instance.pk, "access-key": make.access_key(alice)[0], "request": caller.request_id, "nothing": "zzz"}
    assert set(told) == set(KINDS)
    for kind, text in told.items():
        page = alices.post("/why/", {"q": text})
        assert (page.status_code, page.context["found"].kind) == (200, kind)
    assert "can be decrypted now" in words(alices.post("/why/", {"q": told["ciphertext"]}))
    assert "works now" in words(alices.get("/why/?q=" + key.pk))


def test_the_questions_are_answered_from_the_account(alices, alice, make_key, words):
    make_key(State.PENDING_DELETION)
    keys.set_deletion_protection(alice(), make_key(), enabled=True)
    make.key(alice, State.UNAVAILABLE)
    foreign_key(alice.account, kind="service")
    foreign_key(alice.account, edition="1.0")
    make_key(State.PENDING_IMPORT)
    page = alices.get("/why/")
    text = words(page)
    for sentence in ("1 key waits for its deletion", "1 key is under deletion protection", "1 instance has expired",
                     "1 key belongs to a cloud service", "1 key was made in the 1.0 console", "1 key waits for its material",
                     "can be scheduled for deletion now"):
        assert sentence in text
    assert f"{reverse('keys:list')}?state=PendingDeletion" in page.content.decode()


def test_the_answers_cost_the_same_in_every_estate(alices, alice, make_key, django_assert_max_num_queries):
    alices.get("/why/")
    with django_assert_max_num_queries(25):
        alices.get("/why/")
