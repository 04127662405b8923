"""Every state-changing operation, by two processes that read the key before either wrote: exactly one wins, the other gets
the vendor's code, and the trail has both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from audit.models import Event
from keys import key_policies, operations
from keys.models import Alias, Key
from keys.states import State
from tests import importing, make
from tests.keys.calls import outcome
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "Rejected.StateModifiedFailed"


def imported(alice: Any, home: Any) -> Key:
    return importing.bring(alice(), make.key(alice, State.PENDING_IMPORT, home=home))


# operation -> (how the key is made, the call; `more` is prepared once, before the fork)
CHANGES: dict[str, tuple[Callable[[Any, Any], Key], Callable[[Any, Key, dict[str, Any]], object]]] = {
    "EnableKey": (lambda a, home: make.key(a, State.DISABLED, home=home), lambda c, key, more: operations.enable_key(c, key)),
    "DisableKey": (lambda a, home: make.key(a, home=home), lambda c, key, more: operations.disable_key(c, key)),
    "ScheduleKeyDeletion": (lambda a, home: make.key(a, home=home),
                            lambda c, key, more: operations.schedule_key_deletion(c, key, window_days=7)),
    "CancelKeyDeletion": (lambda a, home: make.key(a, State.PENDING_DELETION, home=home),
                          lambda c, key, more: operations.cancel_key_deletion(c, key)),
    "UpdateKeyDescription": (lambda a, home: make.key(a, home=home),
                             lambda c, key, more: operations.update_key_description(c, key, description="new")),
    "SetDeletionProtection": (lambda a, home: make.key(a, home=home),
                              lambda c, key, more: operations.set_deletion_protection(c, key, enabled=True)),
    "SetKeyPolicy": (lambda a, home: make.key(a, home=home), lambda c, key, more: operations.set_key_policy(
        c, key, policy=key_policies.default_document(key.account_id))),
    "CreateKeyVersion": (lambda a, home: make.key(a, home=home), lambda c, key, more: operations.create_key_version(c, key)),
    "UpdateRotationPolicy": (lambda a, home: make.key(a, home=home), lambda c, key, more: operations.update_rotation_policy(
        c, key, enable_automatic_rotation=True, rotation_interval="30d")),
    "TagResource": (lambda a, home: make.key(a, home=home),
                    lambda c, key, more: operations.tag_resource(c, key, tags=(("team", "red"),))),
    "UntagResource": (lambda a, home: make.key(a, home=home, tags=(("team", "red"),)),
                      lambda c, key, more: operations.untag_resource(c, key, tag_keys=["team"])),
    "ImportKeyMaterial": (imported, lambda c, key, more: operations.import_key_material(c, key, **more)),
    "DeleteKeyMaterial": (imported, lambda c, key, more: operations.delete_key_material(c, key)),
}


@pytest.mark.parametrize("operation", CHANGES)
def test_one_wins_and_the_trail_has_both(operation, alice, instance):
    build, call = CHANGES[operation]
    made = build(alice, instance)
    more = importing.parcel(alice(), made) if operation == "ImportKeyMaterial" else {}
    read = Key.objects.select_related("instance").get(pk=made.pk)
    before = Event.objects.filter(action=operation).count()
    assert sorted(race(lambda _: outcome(lambda: call(alice(), read, more)))) == [LOST, "ok"]
    written = Event.objects.filter(action=operation, object_id=made.pk).order_by("id")[before:]
    assert sorted(written.values_list("outcome", flat=True)) == [LOST, "ok"]
    assert Key.objects.get(pk=made.pk).revision == read.revision + 1


def test_an_alias_moves_once_and_goes_once(alice, instance):
    keys = [make.key(alice, home=instance) for _ in range(3)]
    operations.create_alias(alice(), keys[0], alias_name="alias/one")
    moved = race(lambda number: outcome(lambda: operations.update_alias(alice(), keys[number + 1], alias_name="alias/one")))
    assert "ok" in moved
    assert set(moved) <= {"ok", LOST}
    assert Alias.objects.get().key in keys[1:]
    gone = race(lambda _: outcome(lambda: operations.delete_alias(alice(), alias_name="alias/one")))
    assert sorted(gone) == ["Forbidden.AliasNotFound", "ok"]
