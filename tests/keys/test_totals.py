"""TotalCount of ListKeys and ListAliases is what a count row by row would say, whatever the clock has not done yet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from base.caller import Caller
from instances import operations as instances
from keys import listing, operations, sweeps
from keys.models import Alias, Key
from keys.states import State
from tests import make

DAY = timedelta(days=1)


def row_by_row(caller):
    return Key.objects.of(caller.account).living(caller.at).count(), listing.select_aliases(caller, "").rows.count()


def told(caller):
    return operations.list_keys(caller).total, operations.list_aliases(caller).total


def rows_left(caller):
    """What a total would be that knows nothing of keys that are dead and not swept."""
    return (Key.objects.of(caller.account).exclude(state=State.DESTROYED).count(),
            Alias.objects.filter(account_id=caller.account).count())


def named(who, state=State.ENABLED, *, at=None, **more):
    """A key with an alias; one that waits for its deletion got it before."""
    pending = state is State.PENDING_DELETION
    key = make.key(who, State.ENABLED if pending else state, at=at, **more)
    operations.create_alias(who(at=at), key, alias_name=f"alias/{key.pk}")
    return operations.schedule_key_deletion(who(at=at), key, window_days=7) if pending else key


@pytest.fixture
def estate(alice, instance, make_key):
    """Keys in every state, two of which wait for deletion in an instance that expires first; each living one has an alias."""
    for state in (State.ENABLED, State.DISABLED, State.PENDING_DELETION, State.PENDING_IMPORT):
        named(alice, state, home=instance)
    make_key(State.DESTROYED)
    home = make.instance(alice, name="short", months=1)
    late = home.end_at - 3 * DAY
    for days in (7, 30):
        key = named(alice, home=home)
        operations.schedule_key_deletion(alice(at=late), key, window_days=days)
    return home


@pytest.mark.parametrize("who", ["alice", "charlie"])
def test_in_every_state_and_before_every_sweep(estate, alice, charlie, who):
    people, seen = {"alice": alice, "charlie": charlie}, set()
    for days in (0, 6, 8, 29, 40, 60, 390, 500):
        caller = people[who](at=clock.now() + days * DAY)
        assert told(caller) == row_by_row(caller), days
        seen.add(told(caller))
    assert len(seen) > 1 if who == "alice" else seen == {(0, 0)}


def test_a_key_that_is_due_and_not_swept_is_gone_already(alice, instance):
    key = named(alice, State.PENDING_DELETION, home=instance, at=clock.now() - 8 * DAY)
    caller = alice()
    assert (told(caller), rows_left(caller)) == ((0, 0), (1, 1))
    operations.destroy_key(Caller.system(caller.at), key)
    assert (told(caller), rows_left(caller)) == ((0, 0), (0, 0))


def test_a_key_that_its_expired_instance_holds_is_there(alice, estate):
    caller = alice(at=estate.end_at + 6 * DAY)
    assert told(caller) == row_by_row(caller)
    assert Key.objects.of(caller.account).filter(instance=estate, delete_at__lte=caller.at).living(caller.at).count() == 1
    instances.renew_instance(caller, estate, months=12)
    for days, difference in ((0.5, 0), (1.5, 1)):
        later = alice(at=caller.at + days * DAY)
        assert told(later) == row_by_row(later)
        assert Key.objects.of(later.account).filter(instance=estate).living(later.at).count() == 2 - difference


def test_keys_of_a_released_instance_are_gone_before_they_are_cleared(alice, instance):
    home = make.instance(alice, name="flexible", charge_type="POSTPAY")
    for state in (State.ENABLED, State.PENDING_DELETION):
        named(alice, state, home=home)
    due = named(alice, State.PENDING_DELETION, home=home, at=clock.now() - 8 * DAY)
    named(alice, home=instance)
    caller = alice(at=clock.now() + DAY)
    operations.release_kms_instance(caller, home, force_delete_without_backup=True)
    assert (told(caller), rows_left(caller)) == ((1, 1), (4, 4))
    assert sweeps.clear_released(caller.at + DAY) == 3
    assert (told(caller), rows_left(caller)) == ((1, 1), (1, 1))
    assert Key.objects.get(pk=due.pk).state == State.DESTROYED


def test_filters_are_counted_row_by_row(alice, make_key):
    for state in (State.ENABLED, State.DISABLED):
        make_key(state)
    assert operations.list_keys(alice(), filters={"KeyState": ["Disabled"]}).total == 1
    assert operations.list_keys(alice(), filters={"KeyState": []}, page_size=1).total == 2
