"""A key whose instance has expired: unusable, visible, and never destroyed behind its owner's back."""

from __future__ import annotations

from datetime import timedelta

from instances import operations as instances
from keys import lookup, operations, sweeps
from keys.models import Key
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome


def test_from_the_instant_of_the_end_the_key_is_unavailable(alice, instance, make_key):
    key = make_key()
    before, end = alice(at=instance.end_at - timedelta(seconds=1)), alice(at=instance.end_at)
    assert outcome(lambda: operations.encrypt(before, key, plaintext=TEXT)) == "ok"
    assert outcome(lambda: operations.encrypt(end, key, plaintext=TEXT)) == "Rejected.Unavailable"
    assert operations.describe_key(end, key).state is State.UNAVAILABLE
    assert operations.list_keys(end, filters={"KeyState": ["Unavailable"]}).total == 1
    assert operations.list_keys(end, filters={"KeyState": ["Enabled"]}).total == 0


def test_the_refusal_names_the_way_out_and_its_date(alice, instance, make_key):
    from keys.gate import reasons

    [reason] = reasons("Encrypt", alice(at=instance.end_at), make_key())
    assert (reason.slug, reason.lifted_by) == ("instance_expired", "RenewInstance")
    assert reason.facts["renew_by"] == instance.end_at + timedelta(days=15)


def test_renewing_brings_it_back_at_once(alice, instance, make_key):
    key = make_key()
    late = instance.end_at + timedelta(days=3)
    instances.renew_instance(alice(at=late), instance, months=1)
    key = lookup.key_for(alice(at=late), key.pk)
    assert outcome(lambda: operations.encrypt(alice(at=late), key, plaintext=TEXT)) == "ok"


def test_no_key_is_created_in_it(alice, instance):
    assert outcome(lambda: operations.create_key(alice(at=instance.end_at), instance=instance)) == "Rejected.Unavailable"


def test_a_date_inside_the_expiry_destroys_nothing(alice, instance, make_key):
    key = make_key()
    scheduled = instance.end_at - timedelta(days=3)
    operations.schedule_key_deletion(alice(at=scheduled), key, window_days=7)
    overdue = key.delete_at + timedelta(days=2)
    assert sweeps.destroy_due(overdue) == 0
    assert lookup.key_for(alice(at=overdue), key.pk).state_at(overdue) is State.UNAVAILABLE


def test_after_the_renewal_the_owner_gets_a_fresh_day(alice, instance, make_key):
    key = make_key()
    operations.schedule_key_deletion(alice(at=instance.end_at - timedelta(days=3)), key, window_days=7)
    back = key.delete_at + timedelta(days=2)
    instances.renew_instance(alice(at=back), instance, months=1)
    for hours, destroyed in ((0, 0), (23, 0), (24, 1)):
        assert sweeps.destroy_due(back + timedelta(hours=hours)) == destroyed
    assert Key.objects.get(pk=key.pk).destroyed_at == back + timedelta(days=1)


def test_in_that_day_the_deletion_can_be_cancelled(alice, instance, make_key):
    key = make_key()
    operations.schedule_key_deletion(alice(at=instance.end_at - timedelta(days=3)), key, window_days=7)
    back = key.delete_at + timedelta(days=2)
    instances.renew_instance(alice(at=back), instance, months=1)
    within = alice(at=back + timedelta(hours=23))
    assert operations.cancel_key_deletion(within, lookup.key_for(within, key.pk)).state == State.ENABLED
    assert sweeps.destroy_due(back + timedelta(days=300)) == 0


def test_a_date_before_the_end_destroys_although_nobody_swept_in_time(alice, instance, make_key):
    """It fell due while the owner could still act; that beat slept until after the expiry changes nothing."""
    key = make_key()
    operations.schedule_key_deletion(alice(at=instance.end_at - timedelta(days=30)), key, window_days=7)
    assert sweeps.destroy_due(instance.end_at + timedelta(days=20)) == 1
    assert Key.objects.get(pk=key.pk).state == State.DESTROYED


def test_the_list_and_the_single_key_agree(alice, instance, make_key):
    """`living` and `due_for_destruction` say in SQL what `state_at` says in Python."""
    make.key(alice, State.UNAVAILABLE)
    for days in (1, 5, 10, 20):
        key = make_key()
        operations.schedule_key_deletion(alice(at=instance.end_at - timedelta(days=days)), key, window_days=7)
    end = instance.end_at
    back = end + timedelta(days=4)
    for renewed in (False, True):
        if renewed:
            instances.renew_instance(alice(at=back), instance, months=1)
        for hours in range(-24 * 20, 24 * 20, 7):
            now = end + timedelta(hours=hours)
            if renewed and now < back:
                continue
            rows = list(Key.objects.select_related("instance"))
            alive = {key.pk for key in rows if key.state_at(now) is not State.DESTROYED}
            assert alive == set(Key.objects.living(now).values_list("pk", flat=True))
            assert {key.pk for key in rows} - alive == {key.pk for key in Key.objects.due_for_destruction(now)}
