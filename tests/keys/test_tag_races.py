"""Processes at once over tags, protection and the counting of uses, on whatever database the run uses."""

from __future__ import annotations

import multiprocessing

import pytest
from django.db import transaction

from audit.models import Event
from instances import lookup as instance_lookup
from instances import operations as instances
from keys import lookup, operations
from keys.models import Key, KeyTag, KeyUse
from keys.states import State
from keys.usage import usage_of
from keys.usage_sweep import gather_uses
from tests import make
from tests.keys.calls import TEXT, batch, outcome
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
ONE_EACH = ["Rejected.StateModifiedFailed", "ok"]


def fetched(who, key):
    """As each request does: the row of its own moment."""
    return lookup.key_for(who(), key.pk)


def both(outcomes):
    """Either both came one after the other, or one met the other's change."""
    return sorted(outcomes) in (["ok", "ok"], ONE_EACH)


def test_two_callers_never_overfill_a_key(alice, instance):
    for _ in range(6):
        key = make.key(alice, home=instance, tags=tuple((f"t{n}", "") for n in range(12)))

        def go(number, key=key):
            tags = [(f"from-{number}-{n}", "") for n in range(8)]
            return outcome(lambda: operations.tag_resource(alice(), fetched(alice, key), tags=tags))

        first, second = race(go)
        assert "ok" in (first, second)
        assert {first, second} - {"ok"} <= {"Rejected.LimitExceeded", "Rejected.StateModifiedFailed"}
        assert KeyTag.objects.filter(key=key).count() == 20
        outcomes = Event.objects.filter(action="TagResource", object_id=key.pk).values_list("outcome", flat=True)
        assert sorted(outcomes) == sorted([first, second])


def test_of_two_on_the_same_row_one_wins(alice, instance):
    """Both have read the row before either writes."""
    key = make.key(alice, home=instance)
    for change in (lambda one: operations.tag_resource(alice(), one, tags=[("a", "1")]),
                   lambda one: operations.untag_resource(alice(), one, tag_keys=["a"]),
                   lambda one: operations.set_deletion_protection(alice(), one, enabled=True)):
        seen = [fetched(alice, key) for _ in range(2)]
        assert sorted(race(lambda number, change=change, seen=seen: outcome(lambda: change(seen[number])))) == ONE_EACH
    codes = Event.objects.filter(object_id=key.pk, action__in=("TagResource", "UntagResource", "SetDeletionProtection"))
    assert sorted(codes.values_list("outcome", flat=True)) == sorted(ONE_EACH * 3)


def test_a_key_is_protected_or_scheduled_and_never_both(alice, instance):
    for _ in range(8):
        key = make.key(alice, home=instance)

        def go(number, key=key):
            row = fetched(alice, key)
            if number:
                return outcome(lambda: operations.schedule_key_deletion(alice(), row, window_days=7))
            return outcome(lambda: operations.set_deletion_protection(alice(), row, enabled=True))

        protected, scheduled = race(go)
        now = Key.objects.get(pk=key.pk)
        assert [protected, scheduled].count("ok") == 1
        assert (now.deletion_protection, now.state == State.PENDING_DELETION) == (protected == "ok", scheduled == "ok")


def test_an_instance_is_protected_once(alice, instance):
    seen = [instance_lookup.instance_for(alice(), instance.pk) for _ in range(2)]
    assert sorted(race(lambda number: outcome(
        lambda: instances.set_deletion_protection(alice(), seen[number], enabled=True)))) == ONE_EACH


def test_batches_over_the_same_keys_end(alice, instance):
    """In opposite orders: neither waits for the other for ever, and no key gets half of a batch."""
    keys = [make.key(alice, home=instance) for _ in range(6)]
    for _ in range(4):
        def go(number):
            order = [key.pk for key in (keys if number else reversed(keys))]
            return outcome(lambda: operations.tag_resources(alice(), **batch(keys[0]) | {"resource_ids": order},
                                                            tags=[("by", str(number)), (f"n{number}", "")]))

        assert both(race(go))
        assert len({tuple(KeyTag.objects.filter(key=key).values_list("tag_key", "tag_value")) for key in keys}) == 1


def test_sweeps_at_once_count_every_use_once(alice, bob, instance):
    """Two sweep without pause while two others use the key."""
    keys = [make.key(alice, home=instance) for _ in range(2)]
    made = 30

    def go(number):
        if number < 2:
            return sum(gather_uses(alice().at) for _ in range(25))
        for _ in range(made):
            who = alice if number == 2 else bob
            operations.encrypt(who(), fetched(who, keys[number - 2]), plaintext=TEXT)
        return 0

    gathered = sum(race(go, 4)) + gather_uses(alice().at) + gather_uses(alice().at)
    assert gathered == 2 * made
    assert sorted(KeyUse.objects.values_list("key_id", "count")) == sorted((key.pk, made) for key in keys)


def test_an_event_of_a_slow_transaction_is_counted(alice, instance):
    """Its id is given, a later one is committed and swept up, and only then does it commit (PostgreSQL; SQLite's second
    writer waits for the first)."""
    slow, quick = (make.key(alice, home=instance) for _ in range(2))
    context = multiprocessing.get_context("fork")
    written, swept = context.Event(), context.Event()

    def go(number):
        if number == 0:
            with transaction.atomic():
                operations.encrypt(alice(), fetched(alice, slow), plaintext=TEXT)
                written.set()
                swept.wait(0.7)  # a sweep that is right waits for this transaction, so nobody sets it in time
            return 0
        written.wait(10)
        operations.encrypt(alice(), fetched(alice, quick), plaintext=TEXT)
        done = sum(gather_uses(alice().at) for _ in range(3))
        swept.set()
        return done

    assert sum(race(go)) + gather_uses(alice().at) + gather_uses(alice().at) == 2
    assert sorted(KeyUse.objects.values_list("key_id", "count")) == sorted([(slow.pk, 1), (quick.pk, 1)])


def test_a_reader_is_never_off_while_a_sweep_runs(alice, instance):
    key = make.key(alice, home=instance)
    for _ in range(20):
        operations.encrypt(alice(), key, plaintext=TEXT)

    def go(number):
        if number:
            return {sum(gather_uses(alice().at) for _ in range(3))}
        return {sum(one.count for one in usage_of(key).callers) for _ in range(40)}

    told, _ = race(go)
    assert told == {20}
