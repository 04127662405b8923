"""Deletion protection of keys and of instances."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Event
from base.refusal import Refused
from instances import operations as instances
from keys import lookup, operations
from keys.states import State
from tests import make
from tests.keys.calls import outcome


def test_it_works(alice, make_key):
    key = make_key()
    operations.set_deletion_protection(alice(), key, enabled=True, description="payroll until March")
    assert outcome(lambda: operations.schedule_key_deletion(alice(), key, window_days=7)) == "Rejected.DeletionProtection"
    operations.set_deletion_protection(alice(), key, enabled=False)
    key.refresh_from_db()
    assert (key.deletion_protection, key.deletion_protection_description, key.deletion_protection_by,
            key.deletion_protection_at) == (False, "", "", None)
    operations.schedule_key_deletion(alice(), key, window_days=7)


def test_the_refusal_says_who_when_and_why(alice, instance, make_key):
    key, at = make_key(), alice().at - timedelta(days=2)
    operations.set_deletion_protection(alice(at=at), key, enabled=True, description="payroll")
    instances.set_deletion_protection(alice(at=at), instance, enabled=True, description="audit")
    with pytest.raises(Refused) as error:
        operations.schedule_key_deletion(alice(), lookup.key_for(alice(), key.pk), window_days=7)
    own, whole = error.value.refusals
    assert (own.slug, own.facts["by"], own.facts["at"], own.facts["description"]) == (
        "deletion_protection_key", "user/alice", at, "payroll")
    assert (whole.slug, whole.facts["by"], whole.facts["at"], whole.facts["description"], whole.facts["instance"]) == (
        "deletion_protection_instance", "user/alice", at, "audit", instance.pk)


def test_it_blocks_nothing_but_the_schedule(alice, make_key):
    key = make_key()
    operations.set_deletion_protection(alice(), key, enabled=True)
    operations.disable_key(alice(), key)
    operations.enable_key(alice(), key)
    operations.create_alias(alice(), key, alias_name="alias/x")
    operations.delete_alias(alice(), alias_name="alias/x")


def test_again_replaces_the_description(alice, make_key):
    key = make_key()
    operations.set_deletion_protection(alice(), key, enabled=True, description="one")
    operations.set_deletion_protection(alice(), key, enabled=True, description="two")
    operations.set_deletion_protection(alice(), key, enabled=False, description="ignored")
    assert key.deletion_protection_description == ""
    operations.set_deletion_protection(alice(), key, enabled=False)


def test_a_key_about_to_be_deleted_cannot_be_protected(alice, make_key):
    key = make_key(State.PENDING_DELETION)
    assert outcome(lambda: operations.set_deletion_protection(alice(), key, enabled=True)) == "Rejected.PendingDeletion"
    assert outcome(lambda: operations.set_deletion_protection(alice(), key, enabled=False)) == "Rejected.PendingDeletion"


def test_the_description_has_a_limit(alice, instance, make_key):
    key = make_key()
    operations.set_deletion_protection(alice(), key, enabled=True, description=8192 * "d")
    assert outcome(lambda: operations.set_deletion_protection(alice(), key, enabled=True, description=8193 * "d")) == \
        "InvalidParameter"
    assert outcome(lambda: instances.set_deletion_protection(alice(), instance, enabled=True, description=8193 * "d")) == \
        "InvalidParameter"


def test_bob_cannot(bob, instance, make_key):
    key = make_key()
    assert outcome(lambda: operations.set_deletion_protection(bob(), key, enabled=True)) == "Forbidden.NoPermission"
    assert outcome(lambda: instances.set_deletion_protection(bob(), instance, enabled=True)) == "Forbidden.NoPermission"


def test_an_instance_protects_all_its_keys(alice, instance, make_key):
    key = make_key()
    instances.set_deletion_protection(alice(), instance, enabled=True, description="audit")
    fresh = lookup.key_for(alice(), key.pk)
    assert outcome(lambda: operations.schedule_key_deletion(alice(), fresh, window_days=7)) == "Rejected.DeletionProtection"
    instances.set_deletion_protection(alice(), instance, enabled=False)
    instance.refresh_from_db()
    assert (instance.deletion_protection, instance.deletion_protection_description, instance.deletion_protection_by) == (
        False, "", "")
    operations.schedule_key_deletion(alice(), lookup.key_for(alice(), key.pk), window_days=7)
    assert Event.objects.filter(action="SetDeletionProtection", object_id=instance.pk, outcome="ok").count() == 2


def test_a_protection_that_was_answered_holds_for_requests_under_way(alice, instance, make_key):
    """One that read the key before the instance was protected, and wants to write after it."""
    under_way = lookup.key_for(alice(), make_key().pk)
    instances.set_deletion_protection(alice(), instance, enabled=True)
    assert outcome(lambda: operations.schedule_key_deletion(alice(), under_way, window_days=7)) == "Rejected.DeletionProtection"
    instance.refresh_from_db()
    instances.set_deletion_protection(alice(), instance, enabled=False)
    under_way = lookup.key_for(alice(), under_way.pk)
    instances.renew_instance(alice(), instance, months=1)
    operations.schedule_key_deletion(alice(), under_way, window_days=7)


def test_an_expired_instance_can_be_protected_and_a_released_one_not(alice):
    home = make.expired_instance(alice)
    instances.set_deletion_protection(alice(), home, enabled=True)
    home.move(released_at=alice().at)
    assert outcome(lambda: instances.set_deletion_protection(alice(), home, enabled=False)) == \
        "Forbidden.DKMSInstanceStateInvalid"


def test_a_stale_page_is_refused(alice, make_key):
    key = make_key()
    operations.disable_key(alice(), key)
    assert outcome(lambda: operations.set_deletion_protection(alice(), key, enabled=True, revision=0)) == \
        "Rejected.StateModifiedFailed"
