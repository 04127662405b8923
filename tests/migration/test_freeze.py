"""While a run is open: every change is refused with its reason, reads and cryptography are not; a lease, not a lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from access import freezes
from access.models import Freeze
from base import clock
from base.refusal import Refusal, Refused
from instances import rules as instance_rules
from keys import operations as keys
from keys.rules import why_not
from keys.states import CHANGES, CRYPTOGRAPHY, GATE, READS, State
from tests import make
from tests.migration import estate

FROZEN = Refusal("Rejected.MigrationInProgress", reason="frozen")


@pytest.mark.parametrize("action", GATE)
def test_changes_are_refused_and_the_rest_is_not(action):
    facts = replace(make.key_facts(action, State.ENABLED), frozen=(FROZEN,))
    assert (FROZEN in why_not(action, facts)) is (action in CHANGES)
    assert (action in CHANGES) is (action not in READS | CRYPTOGRAPHY)


@pytest.mark.parametrize("action", ["CreateKey", "ConnectKmsInstance", "SetDeletionProtection", "ReleaseInstance"])
def test_instances_are_frozen_too(action):
    assert FROZEN in instance_rules.why_not(action, replace(make.instance_facts(State.ENABLED), frozen=(FROZEN,)))


@pytest.mark.parametrize("action", ["RenewInstance", "GetKmsInstance", "ListKmsInstances"])
def test_renewing_and_reading_go_on(action):
    assert FROZEN not in instance_rules.why_not(action, replace(make.instance_facts(State.ENABLED), frozen=(FROZEN,)))


@pytest.mark.django_db
def test_through_the_operations(alice, charlie):
    home = make.instance(alice)
    key, old = make.key(alice, home=home), estate.key(alice)
    elsewhere = make.key(charlie, home=make.instance(charlie))
    assert freezes.begin(alice.account.pk, "mig-1", clock.now())
    for change in (lambda: keys.disable_key(alice(), key), lambda: keys.create_alias(alice(), key, alias_name="alias/a"),
                   lambda: keys.schedule_key_deletion(alice(door="console-1.0"), old, window_days=7),
                   lambda: keys.create_key(alice(), instance=home), lambda: make.instance(alice, name="other"),
                   lambda: keys.tag_resource(alice(), key, tags=(("a", "b"),))):
        with pytest.raises(Refused) as refused:
            change()
        assert "frozen" in {one.slug for one in refused.value.refusals}
    assert all(use() for one in (key, old) for use in estate.uses(alice, one))
    keys.describe_key(alice(), key)
    keys.disable_key(charlie(), elsewhere)
    keys.disable_key(alice(at=clock.now() + freezes.LEASE + timedelta(seconds=1)), key)


@pytest.mark.django_db
def test_one_work_at_a_time_and_a_lapsed_one_is_taken_over(account):
    now = clock.now()
    assert freezes.begin(account.pk, "mig-1", now)
    assert freezes.begin(account.pk, "mig-1", now)
    assert not freezes.begin(account.pk, "mig-2", now)
    assert not freezes.extend(account.pk, "mig-2", now)
    assert freezes.begin(account.pk, "mig-2", now + freezes.LEASE)
    assert not freezes.extend(account.pk, "mig-1", now + freezes.LEASE)
    freezes.end(account.pk, "mig-1")
    assert Freeze.objects.get().work == "mig-2"
    freezes.end(account.pk, "mig-2")
    assert not Freeze.objects.exists()
