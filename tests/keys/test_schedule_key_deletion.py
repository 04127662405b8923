"""ScheduleKeyDeletion and CancelKeyDeletion: the only way to lose a key, and the way back until the last second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Event
from base.refusal import Refused
from keys import erasing, lookup, operations, sweeps
from keys.gate import reasons
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from keys.states import State
from tests.keys.calls import TEXT, outcome


def test_it_works(alice, make_key):
    key = make_key()
    caller = alice()
    operations.schedule_key_deletion(caller, key, window_days=7)
    key.refresh_from_db()
    assert key.state == State.PENDING_DELETION
    assert key.delete_at == caller.at + timedelta(days=7)
    assert key.deletion_scheduled_by == "user/alice"
    assert outcome(lambda: operations.encrypt(caller, key, plaintext=TEXT)) == "Rejected.PendingDeletion"


@pytest.mark.parametrize(("days", "code"), [(6, "InvalidParameter"), (7, "ok"), (366, "ok"), (367, "InvalidParameter"),
                                            (0, "InvalidParameter"), (-7, "InvalidParameter")])
def test_the_window_is_7_to_366_days(alice, make_key, days, code):
    assert outcome(lambda: operations.schedule_key_deletion(alice(), make_key(), window_days=days)) == code


def test_it_can_be_cancelled_to_the_last_second_and_not_after(alice, make_key):
    start = alice().at
    for late, code in ((-1, "ok"), (0, "Forbidden.KeyNotFound")):
        key = make_key()
        operations.schedule_key_deletion(alice(at=start), key, window_days=7)
        at = start + timedelta(days=7, seconds=late)
        assert outcome(lambda at=at, key=key: operations.cancel_key_deletion(alice(at=at), key)) == code


def test_cancelling_enables_a_key_that_was_disabled(alice, make_key):
    key = make_key(State.DISABLED)
    operations.schedule_key_deletion(alice(), key, window_days=7)
    assert operations.cancel_key_deletion(alice(), key).state == State.ENABLED
    assert key.delete_at is None


def test_cancelling_without_material_goes_back_to_waiting_for_it(alice, make_key):
    key = make_key(State.PENDING_IMPORT)
    operations.schedule_key_deletion(alice(), key, window_days=7)
    assert operations.cancel_key_deletion(alice(), key).state == State.PENDING_IMPORT


def test_a_stale_page_loses(alice, make_key):
    key = make_key()
    shown = key.revision
    operations.disable_key(alice(), key)
    assert outcome(lambda: operations.schedule_key_deletion(alice(), key, window_days=7, revision=shown)) \
        == "Rejected.StateModifiedFailed"


def test_two_at_once_are_one(alice, make_key):
    one = make_key()
    other = Key.objects.select_related("instance").get(pk=one.pk)
    operations.schedule_key_deletion(alice(), one, window_days=7)
    assert outcome(lambda: operations.schedule_key_deletion(alice(), other, window_days=300)) == "Rejected.StateModifiedFailed"
    other.refresh_from_db()
    assert other.delete_at == one.delete_at


@pytest.mark.parametrize(("own", "whole", "slugs"), [
    (True, False, {"deletion_protection_key"}), (False, True, {"deletion_protection_instance"}),
    (True, True, {"deletion_protection_key", "deletion_protection_instance"})])
def test_protection_blocks_it_and_every_switch_is_named(alice, make_key, instance, own, whole, slugs):
    instance.move(deletion_protection=whole)
    key = make_key()
    key.move(deletion_protection=own, deletion_protection_description="payroll")
    key = lookup.key_for(alice(), key.pk)
    with pytest.raises(Refused) as error:
        operations.schedule_key_deletion(alice(), key, window_days=7)
    assert {reason.slug for reason in error.value.refusals} == slugs
    assert {reason.code for reason in error.value.refusals} == {"Rejected.DeletionProtection"}
    assert all(reason.lifted_by and reason.who == "administrator" for reason in error.value.refusals)


def test_every_reason_is_said_at_once_and_in_order(bob, make_key):
    key = make_key(State.PENDING_DELETION)
    key.move(deletion_protection=True)
    codes = [reason.code for reason in reasons("ScheduleKeyDeletion", bob(), key, window_days=3)]
    assert codes == ["InvalidParameter", "Forbidden.NoPermission", "Rejected.StateModifiedFailed", "Rejected.DeletionProtection"]


def test_destruction_removes_the_material_and_leaves_a_tombstone(alice, make_key):
    key = make_key(tags=(("team", "payments"),))
    caller = alice()
    operations.create_alias(caller, key, alias_name="alias/gone")
    blob = operations.encrypt(caller, key, plaintext=TEXT).ciphertext_blob
    operations.schedule_key_deletion(caller, key, window_days=7)
    due = caller.at + timedelta(days=7)
    assert sweeps.destroy_due(due - timedelta(seconds=1)) == 0
    assert sweeps.destroy_due(due) == 1
    assert sweeps.destroy_due(due) == 0
    grave = Key.objects.get(pk=key.pk)
    assert (grave.state, grave.destroyed_at, grave.deletion_scheduled_by) == (State.DESTROYED, due, "user/alice")
    assert not KeyMaterial.objects.filter(version__key=key).exists()
    assert KeyVersion.objects.filter(key=key).count() == 1
    assert not Alias.objects.filter(key=key).exists()
    assert not KeyTag.objects.filter(key=key).exists()
    with pytest.raises(Refused) as error:
        operations.decrypt(alice(at=due), ciphertext_blob=blob)
    assert error.value.first.code == "Forbidden.KeyNotFound"
    assert error.value.first.facts["scheduled_by"] == "user/alice"
    assert error.value.first.facts["destroyed_at"] == due


def test_a_due_key_is_gone_for_everybody_before_any_sweep(alice, make_key):
    key = make_key()
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    operations.create_alias(alice(), key, alias_name="alias/due")
    operations.schedule_key_deletion(alice(), key, window_days=7)
    late = alice(at=key.delete_at)
    assert outcome(lambda: lookup.key_for(late, key.pk)) == "Forbidden.KeyNotFound"
    assert outcome(lambda: lookup.key_for(late, "alias/due")) == "Forbidden.KeyNotFound"
    assert outcome(lambda: operations.decrypt(late, ciphertext_blob=blob)) == "Forbidden.KeyNotFound"
    assert operations.list_keys(late).total == 0


def test_destroying_before_the_date_is_refused_even_to_the_clock(alice, make_key):
    from base.caller import Caller

    key = make_key(State.PENDING_DELETION)
    assert outcome(lambda: operations.destroy_key(Caller.system(key.delete_at - timedelta(seconds=1)), key)) \
        == "Rejected.StateModifiedFailed"
    assert KeyMaterial.objects.filter(version__key=key).exists()


def test_one_key_that_cannot_be_destroyed_does_not_stop_the_others(alice, make_key, monkeypatch):
    """It breaks its batch; then all of them go one by one."""
    keys = [make_key(State.PENDING_DELETION) for _ in range(3)]
    real, stuck = erasing.erase, keys[1].pk

    def breaks(*some):
        if any(key.pk == stuck for key in some):
            raise RuntimeError("the token is gone")
        return real(*some)

    monkeypatch.setattr(erasing, "erase", breaks)
    late = max(key.delete_at for key in keys)
    assert sweeps.destroy_due(late) == 2
    assert Key.objects.get(pk=stuck).next_try_at == late + sweeps.TRY_AGAIN_AFTER
    assert sorted(Event.objects.filter(action="DestroyKey").values_list("object_id", "outcome")) == sorted(
        (key.pk, "InternalFailure" if key.pk == stuck else "ok") for key in keys)
    monkeypatch.undo()
    assert sweeps.destroy_due(late) == 0, "put off"
    assert sweeps.destroy_due(late + sweeps.TRY_AGAIN_AFTER) == 1


def test_bob_cannot(bob, make_key):
    assert outcome(lambda: operations.schedule_key_deletion(bob(), make_key(), window_days=7)) == "Forbidden.NoPermission"


def test_charlie_sees_nothing(charlie, make_key):
    key = make_key()
    assert outcome(lambda: lookup.key_for(charlie(), key.pk)) == "Forbidden.KeyNotFound"
    assert outcome(lambda: lookup.key_for(charlie(), key.arn)) == "Forbidden.KeyNotFound"
