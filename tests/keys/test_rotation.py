"""Versions: by hand, by policy and clock, suspended and caught up; what rotates at all, and what stops it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access.models import Account
from api.answers import described_key
from audit.models import Event
from base import clock, ids
from base.caller import Caller
from base.refusal import Refused
from instances import operations as instances
from keys import gate, moving, operations, rotating, sweeps
from keys.models import Key, KeyVersion
from keys.operations.lifecycle import store_new_key
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome

DAY = timedelta(days=1)


def refusals(call) -> list[str]:
    with pytest.raises(Refused) as error:
        call()
    return [reason.slug for reason in error.value.refusals]


def versions(key) -> list[KeyVersion]:
    return list(KeyVersion.objects.filter(key=key).order_by("created_at", "id"))


def legacy(alice, spec="Aliyun_AES_256", usage="ENCRYPT/DECRYPT", at=None):
    """A key of the 1.0 edition, as no call makes it any more."""
    caller = alice(at=at)
    key = Key(id=ids.legacy_id(), account=Account.objects.get(pk=caller.account), edition="1.0", state=State.ENABLED, spec=spec,
              usage=usage, creator=caller.account, created_at=caller.at, last_rotation_at=caller.at)
    store_new_key(caller, key)
    return key


def metadata(alice, key, at):
    caller = alice(at=at)
    fresh = Key.objects.select_related("instance").get(pk=key.pk)
    return described_key(caller, operations.describe_key(caller, fresh))["KeyMetadata"]


def test_it_works(alice, make_key):
    key = make_key()
    old = operations.encrypt(alice(), key, plaintext=TEXT)
    caller = alice(at=key.created_at + DAY)
    made = operations.create_key_version(caller, key)
    assert [version.is_primary for version in versions(key)] == [False, True]
    assert (made.pk, made.created_at, key.last_rotation_at) == (versions(key)[1].pk, caller.at, caller.at)
    new = operations.encrypt(alice(), key, plaintext=TEXT)
    assert (old.key_version_id, new.key_version_id) == (versions(key)[0].pk, made.pk)
    for blob in (old, new):
        assert operations.decrypt(alice(), ciphertext_blob=blob.ciphertext_blob).plaintext == TEXT
    assert operations.describe_key(alice(), key).primary_version_id == made.pk
    assert Event.objects.filter(action="CreateKeyVersion", outcome="ok", object_id=key.pk).count() == 1


def test_the_clock_rotates_on_the_date_and_counts_on_from_there(alice, instance):
    caller = alice()
    key = operations.create_key(caller, instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
    due = caller.at + 7 * DAY
    assert (key.automatic_rotation, key.rotation_interval_seconds, key.next_rotation_at) == (True, 7 * 86400, due)
    assert sweeps.rotate_due(due - timedelta(seconds=1)) == 0
    assert sweeps.rotate_due(due) == 1
    assert sweeps.rotate_due(due) == 0
    key.refresh_from_db()
    assert (key.last_rotation_at, key.next_rotation_at) == (due, due + 7 * DAY)
    assert [version.is_primary for version in versions(key)] == [False, True]
    assert Event.objects.get(action="RotateKey").principal == "system/clock"


def test_a_beat_that_slept_for_weeks_rotates_once(alice, instance):
    key = operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
    late = key.created_at + 30 * DAY
    assert sweeps.rotate_due(late) == 1
    key.refresh_from_db()
    assert (len(versions(key)), key.next_rotation_at) == (2, late + 7 * DAY)


def test_every_key_that_is_due_has_its_turn(alice, instance, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    keys = [operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
            for _ in range(5)]
    assert sweeps.rotate_due(keys[-1].next_rotation_at) == 5


@pytest.mark.parametrize("stop", ["disable", "schedule"])
def test_it_is_suspended_while_not_enabled_and_catches_up(stop, alice, instance):
    caller = alice()
    key = operations.create_key(caller, instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
    assert metadata(alice, key, caller.at)["AutomaticRotation"] == "Enabled"
    if stop == "disable":
        operations.disable_key(caller, key)
    else:
        operations.schedule_key_deletion(caller, key, window_days=60)
    late = caller.at + 30 * DAY
    assert sweeps.rotate_due(late) == 0
    shown = metadata(alice, key, late)
    assert (shown["AutomaticRotation"], shown["RotationInterval"]) == ("Suspended", "604800s")
    assert shown["NextRotationDate"] == clock.iso(caller.at + 7 * DAY)
    if stop == "disable":
        operations.enable_key(alice(at=late), key)
    else:
        operations.cancel_key_deletion(alice(at=late), key)
    assert sweeps.rotate_due(late) == 1
    assert sweeps.rotate_due(late) == 0
    shown = metadata(alice, key, late)
    assert shown["AutomaticRotation"] == "Enabled"
    assert len(versions(key)) == 2


def test_an_expired_instance_suspends_it_and_the_renewal_brings_it_back(alice):
    home = make.instance(alice, months=1)
    key = operations.create_key(alice(at=home.created_at), instance=home, enable_automatic_rotation=True, rotation_interval="40d")
    due = key.next_rotation_at
    assert due > home.end_at
    assert metadata(alice, key, due)["AutomaticRotation"] == "Suspended"
    assert sweeps.rotate_due(due) == 0
    assert not Event.objects.filter(action="RotateKey").exists(), "nothing is tried that cannot be"
    instances.renew_instance(alice(at=due), home, months=1)
    assert sweeps.rotate_due(due) == 1


def test_the_policy_can_be_set_changed_and_switched_off(alice, make_key):
    key = make_key()
    shown = metadata(alice, key, alice().at)
    assert shown["AutomaticRotation"] == "Disabled"
    assert not {"RotationInterval", "NextRotationDate"} & set(shown)
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="365d")
    assert key.next_rotation_at == key.last_rotation_at + 365 * DAY
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="240h")
    shown = metadata(alice, key, alice().at)
    assert (shown["AutomaticRotation"], shown["RotationInterval"]) == ("Enabled", "864000s")
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=False, rotation_interval="nonsense")
    assert (key.automatic_rotation, key.rotation_interval_seconds, key.next_rotation_at) == (False, None, None)
    assert metadata(alice, key, alice().at)["AutomaticRotation"] == "Disabled"


def test_an_interval_that_is_over_already_rotates_at_the_next_tick(alice, instance):
    old = alice().at - 30 * DAY
    home = make.instance(alice, at=old, name="old")
    key = operations.create_key(alice(at=old), instance=home)
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="7d")
    assert key.next_rotation_at < alice().at
    assert sweeps.rotate_due(alice().at) == 1


def test_a_version_by_hand_moves_the_next_date(alice, instance):
    key = operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
    later = key.created_at + 3 * DAY
    operations.create_key_version(alice(at=later), key)
    assert (key.last_rotation_at, key.next_rotation_at) == (later, later + 7 * DAY)


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604800), ("168h", 604800), ("10080m", 604800), ("604800s", 604800),
                                               ("7D", None), ("7", None), ("d", None), ("-7d", None), ("7.5d", None),
                                               ("7 d", None), ("٧d", None), ("7d\n", None), ("9" * 10 + "s", None)])
def test_the_syntax_of_an_interval(text, seconds):
    assert rotating.seconds(text) == seconds


@pytest.mark.parametrize(("text", "edition", "slug"), [
    ("", "3.0", "MissingParameter"), ("weekly", "3.0", "interval_syntax"), ("604799s", "3.0", "interval_out_of_range"),
    ("7d", "3.0", None), ("365d", "3.0", None), ("31536001s", "3.0", "interval_out_of_range"), ("366d", "1.0", None),
    ("730d", "1.0", None), ("731d", "1.0", "interval_out_of_range"), ("6d", "1.0", "interval_out_of_range")])
def test_the_range_of_an_interval(text, edition, slug, alice, instance):
    assert [reason.slug for reason in rotating.why_not_interval(True, text, edition)] == ([slug] if slug else [])
    if edition == "3.0" and slug:
        assert refusals(lambda: operations.create_key(
            alice(), instance=instance, enable_automatic_rotation=True, rotation_interval=text)) == [slug]


@pytest.mark.parametrize(("parameters", "slug"), [
    ({"spec": "RSA_2048"}, "only_symmetric_rotates"), ({"spec": "HMAC_SHA_256"}, "only_symmetric_rotates"),
    ({"origin": "EXTERNAL"}, "imported_never_rotates")])
def test_keys_that_never_rotate(parameters, slug, alice, instance):
    key = operations.create_key(alice(), instance=instance, **parameters)
    for call in (lambda: operations.create_key_version(alice(), key),
                 lambda: operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="7d"),
                 lambda: operations.update_rotation_policy(alice(), key, enable_automatic_rotation=False)):
        assert slug in refusals(call)
    assert slug in refusals(lambda: operations.create_key(
        alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d", **parameters))


def test_the_default_key_never_rotates(alice):
    assert refusals(lambda: operations.create_key(alice(), enable_automatic_rotation=True, rotation_interval="365d")) \
        == ["default_key_never_rotates"]
    key = operations.create_key(alice())
    assert refusals(lambda: operations.create_key_version(alice(), key)) == ["default_key_never_rotates"]


def test_a_1_0_key_rotates_by_itself_for_up_to_two_years(alice):
    key = legacy(alice)
    assert refusals(lambda: operations.create_key_version(alice(), key)) == ["legacy_rotates_by_itself"]
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="730d")
    assert sweeps.rotate_due(key.next_rotation_at) == 1
    assert [len(version.pk) for version in versions(key)] == [36, 36]


def test_a_1_0_pair_takes_versions_by_hand_seven_days_apart_and_fifty_in_all(alice):
    key = legacy(alice, "EC_P256", "SIGN/VERIFY")
    soon = key.created_at + 7 * DAY
    assert refusals(lambda: operations.create_key_version(alice(at=soon - timedelta(seconds=1)), key)) == ["version_too_early"]
    made = operations.create_key_version(alice(at=soon), key)
    assert made.public_key
    assert [version.is_primary for version in versions(key)] == [False, False]
    full = list(rotating.why_not_another_pair(rotating.Versions(key.pk, 50, soon), soon + 7 * DAY))
    assert [(reason.code, reason.slug) for reason in full] == [("Rejected.LimitExceeded", "quota_versions")]


def test_at_the_quota_it_fails_says_so_and_tries_again_later(alice):
    home = make.instance(alice, key_quota=2)
    key = operations.create_key(alice(), instance=home, enable_automatic_rotation=True, rotation_interval="7d")
    other = operations.create_key(alice(), instance=home)
    assert refusals(lambda: operations.create_key_version(alice(), other)) == ["quota_keys"]
    due = key.next_rotation_at
    assert sweeps.rotate_due(due) == 0
    [event] = Event.objects.filter(action="RotateKey")
    assert (event.outcome, event.object_id) == ("Rejected.LimitExceeded", key.pk)
    key.refresh_from_db()
    assert (len(versions(key)), key.next_try_at) == (1, due + sweeps.ROOM_AGAIN_AFTER)
    assert sweeps.rotate_due(due + sweeps.ROOM_AGAIN_AFTER - timedelta(seconds=1)) == 0
    assert Event.objects.filter(action="RotateKey").count() == 1
    operations.schedule_key_deletion(alice(), other, window_days=7)
    operations.destroy_key(Caller.system(other.delete_at), other)
    assert sweeps.rotate_due(due + sweeps.ROOM_AGAIN_AFTER) == 1
    key.refresh_from_db()
    assert key.next_try_at is None


def test_one_key_that_cannot_rotate_does_not_stop_the_others(alice, instance, monkeypatch):
    """It breaks its batch; then all of them go one by one."""
    keys = [operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
            for _ in range(3)]
    real, stuck = moving.move, keys[0].pk

    def breaks(some, **changes):
        real(some, **changes)
        if any(key.pk == stuck for key in some):
            raise RuntimeError("the token is gone")  # after the compare-and-set, which leaves another revision in the object

    monkeypatch.setattr(moving, "move", breaks)
    late = keys[-1].next_rotation_at
    assert sweeps.rotate_due(late) == 2
    assert Key.objects.get(pk=stuck).next_try_at == late + sweeps.TRY_AGAIN_AFTER


def test_the_clock_does_not_rotate_what_is_not_due(alice, make_key):
    assert refusals(lambda: operations.rotate_key(Caller.system(alice().at), make_key())) == ["rotation_not_due"]


def test_pages_ask_before_the_button_is_pressed(alice, make_key):
    key = make_key(State.PENDING_IMPORT)
    assert [reason.slug for reason in gate.reasons("CreateKeyVersion", alice(), key)] \
        == ["Rejected.PendingImport", "imported_never_rotates"]


def test_a_stale_page_changes_no_policy(alice, make_key):
    key = make_key()
    assert refusals(lambda: operations.update_rotation_policy(
        alice(), key, enable_automatic_rotation=False, revision=key.revision + 1)) == ["changed_meanwhile"]


def test_bob_cannot(bob, make_key):
    key = make_key()
    assert outcome(lambda: operations.create_key_version(bob(), key)) == "Forbidden.NoPermission"
    assert outcome(lambda: operations.update_rotation_policy(bob(), key, enable_automatic_rotation=False)) \
        == "Forbidden.NoPermission"
