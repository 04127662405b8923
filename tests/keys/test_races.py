"""Processes at once, on whatever database the run uses: each thing happens once, and losers lose politely."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access import nonces
from audit.models import Event
from base import clock
from instances import sweeps as instance_sweeps
from keys import lookup, operations, sweeps
from keys.key_policies import default_document
from keys.models import Alias, Key
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_sweeps_destroy_once(alice, instance):
    due = {make.due_key(alice, home=instance).pk for _ in range(40)}
    now = clock.now()
    assert sum(race(lambda _: sweeps.destroy_due(now), 3)) == len(due)
    done = Event.objects.filter(action="DestroyKey", outcome="ok").values_list("object_id", flat=True)
    assert sorted(done) == sorted(due)
    assert Key.objects.filter(state=State.DESTROYED).count() == len(due)


def test_two_sweeps_mark_an_expiry_once(alice):
    made = make.expired_instance(alice)
    assert sum(race(lambda _: instance_sweeps.mark_expired(clock.now()))) == 1
    assert Event.objects.filter(action="ExpireInstance", object_id=made.pk, outcome="ok").count() == 1


def test_a_cancel_and_a_sweep_at_the_same_moment_have_one_winner(alice, instance):
    """The cancel was sent in the last second, the sweep runs in the next: whoever commits first decides, wholly."""
    for _ in range(8):
        key = make.due_key(alice, home=instance)
        just_before, now = key.delete_at - timedelta(seconds=1), clock.now()

        def go(number, key=key, just_before=just_before, now=now):
            if number:
                return sweeps.destroy_due(now)
            caller = alice(at=just_before)
            return outcome(lambda: operations.cancel_key_deletion(caller, lookup.key_for(caller, key.pk)))

        cancelled, destroyed = race(go)
        state = Key.objects.get(pk=key.pk).state
        assert (cancelled == "ok", destroyed, state) in ((True, 0, State.ENABLED), (False, 1, State.DESTROYED))
        blob_works = outcome(lambda key=key: operations.encrypt(alice(), lookup.key_for(alice(), key.pk), plaintext=TEXT))
        assert (blob_works == "ok") == (cancelled == "ok")


def test_two_schedules_are_one(alice, instance):
    key = make.key(alice, home=instance)

    def go(number):
        return outcome(lambda: operations.schedule_key_deletion(alice(), lookup.key_for(alice(), key.pk), window_days=7 + number))

    assert sorted(race(go)) == ["Rejected.StateModifiedFailed", "ok"]


def test_two_default_keys_are_one(alice):
    assert sorted(race(lambda _: outcome(lambda: operations.create_key(alice())), 3)) == ["Rejected.LimitExceeded"] * 2 + ["ok"]
    assert Key.objects.filter(kind=Key.Kind.DEFAULT).count() == 1


def test_one_name_goes_to_one_key(alice, instance):
    keys = [make.key(alice, home=instance) for _ in range(2)]
    made = race(lambda number: outcome(lambda: operations.create_alias(alice(), keys[number], alias_name="alias/one")))
    assert sorted(made) == ["AliasAlreadyExists", "ok"]
    assert Alias.objects.count() == 1


def test_of_two_policies_set_from_one_reading_one_stands(alice, instance):
    key = make.key(alice, home=instance)
    seen = [Key.objects.select_related("instance").get(pk=key.pk) for _ in range(2)]
    texts = [default_document(alice.account.pk) + " " * number for number in range(2)]
    done = race(lambda number: outcome(lambda: operations.set_key_policy(alice(), seen[number], policy=texts[number])))
    assert sorted(done) == ["Rejected.StateModifiedFailed", "ok"]
    assert Key.objects.get(pk=key.pk).policy == texts[done.index("ok")]
    assert sorted(Event.objects.filter(action="SetKeyPolicy").values_list("outcome", flat=True)) == sorted(done)


def test_a_nonce_is_claimed_once(alice):
    until = clock.real_now() + timedelta(minutes=30)
    assert sorted(race(lambda _: nonces.claim_one("LTAI", "n" * 32, keep_until=until), 4)) == [False, False, False, True]


def test_no_use_is_recorded_behind_the_disable_that_was_answered(alice, instance):
    """Workers encrypt in a loop while one disables: in the trail, no successful use stands after the disable."""
    key = make.key(alice, home=instance)

    def go(number):
        if number == 0:
            for _ in range(5):
                outcome(lambda: operations.encrypt(alice(), lookup.key_for(alice(), key.pk), plaintext=TEXT))
            return outcome(lambda: operations.disable_key(alice(), lookup.key_for(alice(), key.pk)))
        codes = []
        while codes[-1:] in ([], ["ok"]) and len(codes) < 2000:
            codes.append(outcome(lambda: operations.encrypt(alice(), lookup.key_for(alice(), key.pk), plaintext=TEXT)))
        return codes

    disabled, *used = race(go, 3)
    assert disabled == "ok"
    assert all(codes[-1] == "Rejected.Disabled" and set(codes[:-1]) <= {"ok"} for codes in used)
    at = Event.objects.get(action="DisableKey", object_id=key.pk).pk
    assert not Event.objects.filter(action="Encrypt", outcome="ok", pk__gt=at).exists()
