"""Backup, loss, restore: every ciphertext made before opens, and everything a reader can see is as it was."""

from __future__ import annotations

import base64
import random

import pytest

from audit.models import Event
from backups import lookup
from backups.states import Outcome, State
from base.refusal import Refused
from crypto.specs import SPECS
from instances.models import Instance
from keys import operations as keys
from keys.models import Key, KeyMaterial
from keys.states import State as KeyState
from tests import importing, make
from tests.backups.estate import KINDS, back_up, grow, lines, lose, opens, picture, restore, use

pytestmark = pytest.mark.django_db
EVERY_KIND = tuple((spec.name, usage) for spec in SPECS.values() if spec.software for usage in spec.usages)


def test_it_works(alice, instance):
    made = grow(alice, instance)
    before = picture(instance)
    backup = back_up(alice, instance)
    assert (backup.state, backup.key_count) == (State.SUCCEEDED, len(KINDS) + 1)
    assert Instance.objects.get(pk=instance.pk).last_backup_at == backup.began_at
    lose(instance)
    done = restore(alice, backup, instance)
    assert (done.state, done.restored, done.refused) == (State.SUCCEEDED, len(KINDS) + 1, 0)
    assert all(opens(alice(), one) for one in made)
    assert picture(instance) == before


def test_keys_of_every_kind_come_back(alice, instance):
    made = [one for spec, usage in EVERY_KIND for one in use(alice(), keys.create_key(alice(), instance=instance, spec=spec,
                                                                                      usage=usage))]
    before, backup = picture(instance), back_up(alice, instance)
    lose(instance)
    assert restore(alice, backup, instance).refused == 0
    assert all(opens(alice(), one) for one in made)
    assert picture(instance) == before


@pytest.mark.parametrize("seed", range(6))
def test_a_random_estate_comes_back(alice, instance, seed):
    """Keys of random kinds and states, used, rotated, disabled, scheduled, aliased; some destroyed after the backup."""
    dice, made = random.Random(seed), []
    for number in range(dice.randrange(4, 12)):
        spec, usage = dice.choice(KINDS)
        key = keys.create_key(alice(), instance=instance, spec=spec, usage=usage, description="x" * dice.randrange(200))
        if dice.random() < .6:
            keys.create_alias(alice(), key, alias_name=f"alias/n{number}")
        for _ in range(dice.randrange(3) if SPECS[spec].symmetric else 0):
            keys.create_key_version(alice(), key)
        made += use(alice(), key)
        end = dice.random()
        if end < .2:
            keys.disable_key(alice(), key)
        elif end < .4:
            keys.schedule_key_deletion(alice(), key, window_days=dice.randrange(7, 367))
    before, backup = picture(instance), back_up(alice, instance)
    lose(instance)
    done = restore(alice, backup, instance)
    assert done.refused == 0
    assert picture(instance) == before
    for key in Key.objects.filter(instance=instance, state=KeyState.PENDING_DELETION).select_related("instance"):
        keys.cancel_key_deletion(alice(), key)
    for key in Key.objects.filter(instance=instance, state=KeyState.DISABLED).select_related("instance"):
        keys.enable_key(alice(), key)
    assert all(opens(alice(), one) for one in made)


def test_into_another_instance_after_the_source_is_released(alice, instance):
    made, backup = grow(alice, instance, KINDS[:3]), back_up(alice, instance)
    Instance.objects.filter(pk=instance.pk).update(released_at=alice().at)
    KeyMaterial.objects.all().delete()
    lose(instance)
    other = make.instance(alice, name="other")
    assert restore(alice, backup, other).refused == 0
    assert all(opens(alice(), one) for one in made)
    assert set(Key.objects.values_list("instance", flat=True)) == {other.pk}


def test_each_key_has_its_event_and_the_restore_a_summary(alice, instance, make_key):
    key = make_key()
    backup = back_up(alice, instance)
    lose(instance)
    done = restore(alice, backup, instance)
    event = Event.objects.get(action="RestoreKey")
    assert (event.object_id, done.pk in event.detail, "user/alice" in event.detail) == (key.pk, True, True)
    summary = Event.objects.get(action="RunRestore")
    assert (summary.object_id, '"restored":1' in summary.detail) == (instance.pk, True)
    assert Event.objects.filter(action__in=("CreateBackup", "RunBackup", "RestoreBackup"), outcome="ok").count() == 3


def test_a_chosen_key_alone(alice, instance, make_key):
    one, other, absent = make_key(), make_key(), "key-nowhere"
    backup = back_up(alice, instance)
    lose(instance)
    done = restore(alice, backup, instance, keys=[one.pk, absent])
    assert (done.restored, done.refused) == (1, 1)
    assert not Key.objects.filter(pk=other.pk).exists()
    assert lines(done)[absent].reasons[0]["reason"] == "restore_not_in_backup"
    assert lines(done)[one.pk].outcome == Outcome.RESTORED


def test_a_key_that_waits_for_material_takes_only_its_own_again(alice, instance):
    key = keys.create_key(alice(), instance=instance, origin="EXTERNAL")
    importing.bring(alice(), key)
    made = use(alice(), key)
    keys.delete_key_material(alice(), key)
    backup = back_up(alice, instance)
    lose(instance)
    assert restore(alice, backup, instance).restored == 1
    back = Key.objects.select_related("instance").get(pk=key.pk)
    assert back.state == KeyState.PENDING_IMPORT
    with pytest.raises(Refused):
        importing.bring(alice(), back, bytes(32))
    importing.bring(alice(), Key.objects.select_related("instance").get(pk=key.pk))
    assert opens(alice(), made[0])


def test_nothing_readable_is_in_the_file_or_the_log(alice, instance, make_key, caplog):
    """Neither raw material nor names: the payload is sealed as a whole, and material inside it once more."""
    raw = bytes(range(100, 132))
    key = keys.create_key(alice(), instance=instance, origin="EXTERNAL", description="What nobody should read here.")
    importing.bring(alice(), key, raw)
    keys.create_alias(alice(), key, alias_name="alias/nobody-reads")
    backup = back_up(alice, instance)
    data = lookup.files.path_of(backup.pk).read_bytes()
    with lookup.opened(backup) as (source, _, file_key):
        inside = b"\n".join(lookup.sealed_stream.lines(source, file_key))
    for secret in (raw, raw.hex().encode(), base64.b64encode(raw)):
        assert secret not in data
        assert secret not in inside
        assert secret.decode("latin-1") not in caplog.text
    assert b"nobody-reads" not in data
    assert b"alias/nobody-reads" in inside
    assert oct(lookup.files.path_of(backup.pk).stat().st_mode & 0o777) == "0o600"
