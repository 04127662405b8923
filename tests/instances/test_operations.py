"""Instances: ordered, enabled, renewed, expired, listed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.models import Event
from instances import lookup, opening, operations, sweeps
from instances.models import Instance, WrappingKey
from instances.states import State
from tests import make
from tests.keys.calls import outcome


def test_it_works(alice):
    caller = alice()
    made = operations.order_instance(caller, alice.account, name="payments", months=12)
    assert made.state_at(caller.at) is State.UNINITIALIZED
    operations.enable_instance(caller, made)
    assert made.state_at(caller.at) is State.CONNECTED
    assert made.is_default
    assert WrappingKey.objects.get(instance=made).generation == 1


def test_only_the_first_becomes_the_default(alice, instance):
    assert not make.instance(alice, name="second").is_default
    assert operations.get_default_kms_instance(alice()) == instance


def test_enabling_twice_is_refused(alice, instance):
    assert outcome(lambda: operations.enable_instance(alice(), instance)) == "Forbidden.DKMSInstanceStateInvalid"


def test_renewing_early_adds_whole_months_and_loses_no_day(alice, instance):
    before = instance.end_at
    operations.renew_instance(alice(), instance, months=1)
    assert timedelta(days=28) <= instance.end_at - before <= timedelta(days=31)
    assert instance.lapsed_at is None


def test_renewing_after_the_end_serves_at_once_and_notes_the_gap(alice, instance):
    lapsed = instance.end_at
    late = lapsed + timedelta(days=3)
    operations.renew_instance(alice(at=late), instance, months=1)
    assert instance.serves(late)
    assert (instance.lapsed_at, instance.resumed_at) == (lapsed, late)
    assert instance.end_at > late + timedelta(days=27)


@pytest.mark.parametrize("months", [0, -1, 37])
def test_months_are_1_to_36(alice, instance, months):
    assert outcome(lambda: operations.renew_instance(alice(), instance, months=months)) == "InvalidParameter"


def test_an_expiry_is_marked_once_and_again_after_a_renewal(alice, instance):
    end = instance.end_at
    assert [sweeps.mark_expired(end - timedelta(seconds=1)), sweeps.mark_expired(end), sweeps.mark_expired(end)] == [0, 1, 0]
    instance.refresh_from_db()
    operations.renew_instance(alice(at=end), instance, months=1)
    assert sweeps.mark_expired(instance.end_at) == 1
    assert Event.objects.filter(action="ExpireInstance", outcome="ok").count() == 2


def test_lists_and_reads(alice, charlie, carol, instance):
    make.instance(alice, name="second", enabled=False)
    assert operations.list_kms_instances(alice()).total == 2
    assert operations.list_kms_instances(carol()).total == 2
    assert operations.list_kms_instances(charlie()).total == 0
    assert outcome(lambda: lookup.instance_for(charlie(), instance.pk)) == "Forbidden.DKMSInstanceNotFound"


def test_bob_cannot(bob, instance):
    assert outcome(lambda: operations.renew_instance(bob(), instance, months=1)) == "Forbidden.NoPermission"
    assert outcome(lambda: operations.order_instance(bob(), bob.account, name="x")) == "Forbidden.NoPermission"


def test_a_stale_row_loses(alice, instance):
    other = Instance.objects.get(pk=instance.pk)
    operations.renew_instance(alice(), instance, months=1)
    assert outcome(lambda: operations.renew_instance(alice(), other, months=1)) == "Rejected.StateModifiedFailed"


def test_the_database_refuses_a_second_default(alice, instance):
    second = make.instance(alice, name="second")
    with pytest.raises(IntegrityError), transaction.atomic():
        second.move(is_default=True)


def test_an_instance_key_is_never_made_by_accident(alice):
    bare = make.instance(alice, enabled=False)
    with pytest.raises(WrappingKey.DoesNotExist):
        opening.wrapping_key_for(alice(), alice.account, bare)


def test_an_instance_key_moved_to_another_instance_does_not_open(alice, instance):
    from crypto.errors import BadCiphertext

    other = make.instance(alice, name="second")
    mine, theirs = WrappingKey.objects.get(instance=instance), WrappingKey.objects.get(instance=other)
    theirs.sealed = mine.sealed
    with pytest.raises(BadCiphertext):
        opening.engine_for(theirs)
