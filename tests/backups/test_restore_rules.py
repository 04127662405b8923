"""What comes back and what does not, and why; and the dry run says the same before."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from audit.models import Event
from backups import columns, lookup, operations
from backups.models import RestoredKey
from backups.operations import moving
from base import clock
from base.refusal import Refused
from instances.models import Instance
from keys import operations as keys
from keys.models import Alias, Key
from keys.states import State
from tests import importing, make
from tests.backups.estate import back_up, lines, lose, opens, reasons, restore, use
from tests.make import Person

pytestmark = pytest.mark.django_db


def row(key: Key) -> Key:
    return Key.objects.select_related("instance").get(pk=key.pk)


def foretold(who, backup, target, **more):
    return {plan.saved.id: ([reason.slug for reason in plan.refusals], [note["note"] for note in plan.notes])
            for plan in operations.foretold(who(), backup, target, **more)}


def said(done):
    return {pk: ([reason["reason"] for reason in line.reasons], [note["note"] for note in line.notes])
            for pk, line in lines(done).items()}


def refused(what) -> list[str]:
    with pytest.raises(Refused) as caught:
        what()
    return [reason.slug for reason in caught.value.refusals]


def destroyed(who: Person, key: Key, scheduled_at=None) -> Key:
    """Scheduled and destroyed as the clock does it, in the past."""
    at = scheduled_at or clock.now() - timedelta(days=8)
    scheduled = keys.schedule_key_deletion(who(at=at), row(key), window_days=7)
    return keys.destroy_key(make.Caller.system(clock.now()), scheduled)


def test_a_living_key_is_left_alone_wherever_it_lives(alice, instance, make_key):
    key, other = make_key(), make.instance(alice, name="other")
    backup = back_up(alice, instance)
    keys.update_key_description(alice(), key, description="newer than the backup")
    for target in (instance, other):
        done = restore(alice, backup, target)
        assert reasons(done) == {key.pk: ["restore_key_lives"]}
        assert lines(done)[key.pk].reasons[0]["facts"]["place"] == instance.pk
    assert row(key).description == "newer than the backup"


def test_a_key_deleted_by_mistake_comes_back_when_its_reader_says_so(alice, instance, make_key):
    at = clock.now() - timedelta(days=9)
    key = make_key(at=at)
    keys.create_alias(alice(at=at), key, alias_name="alias/gone")
    made = use(alice(at=at), key)
    backup = operations.run_backup(make.operator(at), operations.create_backup(alice(at=at), instance))
    destroyed(alice, key)
    assert foretold(alice, backup, instance) == {key.pk: (["restore_destroyed_on_purpose"], [])}
    assert reasons(restore(alice, backup, instance)) == {key.pk: ["restore_destroyed_on_purpose"]}
    assert row(key).state == State.DESTROYED
    done = restore(alice, backup, instance, again=True)
    assert (done.restored, row(key).state) == (1, State.ENABLED)
    assert all(opens(alice(), one) for one in made)
    assert Alias.objects.get(name="alias/gone").key_id == key.pk
    assert '"destroyed_on_purpose":true' in Event.objects.filter(action="RestoreKey").latest("pk").detail


def test_versions_made_after_the_backup_are_gone_and_named(alice, instance, make_key):
    at = clock.now() - timedelta(days=9)
    key = make_key(at=at)
    made = use(alice(at=at), key)
    backup = operations.run_backup(make.operator(at), operations.create_backup(alice(at=at), instance))
    later = keys.create_key_version(alice(at=at), row(key))
    destroyed(alice, key)
    done = restore(alice, backup, instance, again=True)
    assert lines(done)[key.pk].notes == [{"note": "version_lost", "version": later.pk}]
    assert opens(alice(), made[0])
    assert use(alice(), row(key))[0].version == made[0].version


def test_the_quota_counts_versions(alice, make_key, instance):
    key = make_key()
    keys.create_key_version(alice(), key)
    one = make_key()
    backup = back_up(alice, instance)
    lose(instance)
    small = make.instance(alice, name="small", key_quota=2)
    told = foretold(alice, backup, small)
    done = restore(alice, backup, small)
    assert said(done) == told
    assert sorted(map(tuple, reasons(done).values())) == [(), ("restore_no_room",)]
    assert {key.pk, one.pk} == set(told)


def test_aliases_that_are_taken_are_told_and_not_stolen(alice, instance, make_key):
    key = make_key()
    keys.create_alias(alice(), key, alias_name="alias/mine")
    keys.create_alias(alice(), key, alias_name="alias/free")
    backup = back_up(alice, instance)
    lose(instance)
    taker = make_key()
    keys.create_alias(alice(), taker, alias_name="alias/mine")
    told, done = foretold(alice, backup, instance), restore(alice, backup, instance)
    assert said(done) == told == {key.pk: ([], ["alias_taken"])}
    assert lines(done)[key.pk].notes == [{"note": "alias_taken", "alias": "alias/mine"}]
    assert Alias.objects.get(name="alias/mine").key_id == taker.pk
    assert Alias.objects.get(name="alias/free").key_id == key.pk


def test_dates_that_have_passed_do_not_destroy_what_was_just_restored(alice, instance, make_key):
    past = clock.now() - timedelta(days=30)
    soon, later = make_key(at=past), make_key(at=past)
    keys.schedule_key_deletion(alice(at=past), soon, window_days=7)
    keys.schedule_key_deletion(alice(at=past), later, window_days=300)
    expiring = keys.create_key(alice(), instance=instance, origin="EXTERNAL")
    importing.bring(alice(), expiring, key_material_expire_unix=int(clock.now().timestamp()) + 3600)
    backup = operations.run_backup(make.operator(past), operations.create_backup(alice(at=past), instance))
    lose(instance)
    asked = operations.restore_backup(alice(), backup, instance)
    done = operations.run_restore(make.operator(clock.now() + timedelta(hours=2)), asked)
    assert said(done) == {soon.pk: ([], ["deletion_dropped"]), later.pk: ([], []), expiring.pk: ([], ["material_expired"])}
    assert (row(soon).state, row(soon).delete_at) == (State.DISABLED, None)
    assert (row(later).state, row(later).delete_at) == (State.PENDING_DELETION, later.delete_at)
    assert row(expiring).state == State.PENDING_IMPORT


@pytest.mark.parametrize(("state", "reason"), [("expired", "instance_expired"), ("waiting", "instance_not_enabled"),
                                               ("released", "instance_released")])
def test_the_target_must_serve(alice, instance, make_key, state, reason):
    make_key()
    backup = back_up(alice, instance)
    target = make.expired_instance(alice) if state == "expired" else make.instance(alice, name="t", enabled=state != "waiting")
    if state == "released":
        Instance.objects.filter(pk=target.pk).update(released_at=clock.now())
        target.refresh_from_db()
    assert refused(lambda: operations.restore_backup(alice(), backup, target)) == [reason]
    assert refused(lambda: list(operations.foretold(alice(), backup, target))) == [reason]


def test_a_target_that_stops_serving_on_the_way_gets_nothing_more(alice, instance, make_key):
    make_key()
    backup = back_up(alice, instance)
    lose(instance)
    asked = operations.restore_backup(alice(), backup, instance)
    Instance.objects.filter(pk=instance.pk).update(end_at=clock.now() - timedelta(seconds=1), started_at=clock.now()
                                                   - timedelta(days=9))
    assert refused(lambda: operations.run_restore(make.operator(), asked)) == ["instance_expired"]
    assert not Key.objects.exists()


def elsewhere(who: Person, backup, other: Person):
    made = operations.download_backup(who(), backup)
    return operations.upload_backup(other(), other.account, io.BytesIO(b"".join(moving.blocks(made.download))),
                                    decryption_key=made.encryption_key)


def test_another_account_gets_keys_of_its_own(alice, charlie, instance):
    """As between two installations: the rows of the first are not there."""
    key = keys.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="30d")
    imported = keys.create_key(alice(), instance=instance, origin="EXTERNAL")
    importing.bring(alice(), imported)
    empty = keys.create_key(alice(), instance=instance, origin="EXTERNAL")
    importing.bring(alice(), empty, bytes(32))
    keys.delete_key_material(alice(), empty)
    made = use(alice(), key) + use(alice(), imported)
    policy = keys.get_key_policy(alice(), key)
    keys.set_key_policy(alice(), key, policy=policy if isinstance(policy, str) else policy.policy)
    backup = elsewhere(alice, back_up(alice, instance), charlie)
    home = make.instance(charlie, name="theirs")
    assert {tuple(said[0]) for said in foretold(charlie, backup, home).values()} == {("restore_id_taken",)}
    lose(instance)
    told, done = foretold(charlie, backup, home), restore(charlie, backup, home)
    assert said(done) == told == {key.pk: ([], ["policy_dropped", "rotation_off"]), imported.pk: ([], []),
                                  empty.pk: ([], ["binding_lost"])}
    assert all(opens(charlie(), one) for one in made)
    assert (row(key).account_id, row(key).creator) == (charlie.account.pk, charlie.account.pk)
    # The binding of the import was made anew for its new account.
    assert refused(lambda: importing.bring(charlie(), row(imported), bytes(32))) == ["material_differs"]
    importing.bring(charlie(), row(imported))


def test_a_file_cannot_say_what_no_key_may_be(alice, instance, make_key, monkeypatch):
    """Whoever holds a file's key can write one; it is read as a stranger's word."""
    make_key()
    real, made = columns.packed, []
    changes = ({"kind": "service"}, {"spec": "EC_SM2"}, {"usage": "SIGN/VERIFY"}, {"policy": "{}"}, {"id": "../etc"},
               {"state": "Destroyed"}, {"state": "PendingDeletion"})
    for change in changes:
        monkeypatch.setattr(columns, "packed", lambda one, change=change: real(one) | (change if isinstance(one, Key) else {}))
        made.append(back_up(alice, instance))
    lose(instance)
    assert [list(reasons(restore(alice, backup, instance)).values()) for backup in made] == [[["restore_unknown_kind"]]] * 7
    assert not Key.objects.exists()


def test_a_column_of_a_newer_product_is_not_dropped_in_silence(alice, instance, make_key, monkeypatch):
    make_key()
    real = columns.packed
    monkeypatch.setattr(columns, "packed", lambda one: real(one) | {"colour": "red"})
    backup = back_up(alice, instance)
    assert refused(lambda: list(operations.foretold(alice(), backup, instance))) == ["backup_newer_format"]


def test_who_may(alice, bob, carol, charlie, instance, make_key):
    make_key()
    backup = back_up(alice, instance)
    for who in (bob, carol):
        for what in (lambda w: operations.create_backup(w(), instance),
                     lambda w: operations.restore_backup(w(), backup, instance),
                     lambda w: operations.download_backup(w(), backup), lambda w: operations.delete_backup(w(), backup),
                     lambda w: operations.drill_backup(w(), backup),
                     lambda w: operations.upload_backup(w(), w.account, io.BytesIO())):
            assert "Forbidden.NoPermission" in refused(lambda what=what, who=who: what(who))
        assert operations.list_backups(who()).total == 1
    assert operations.list_backups(charlie()).total == 0
    assert refused(lambda: lookup.backup_for(charlie(), backup.pk)) == ["Forbidden.BackupNotFound"]
    assert not RestoredKey.objects.exists()
