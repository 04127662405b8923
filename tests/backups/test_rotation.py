"""A restore while the instance key of its target is rotated: nothing is left under a key that is gone."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta

import pytest

from backups import operations, restoring
from base import clock
from base.refusal import Refused
from instances import hsm_objects, opening
from instances.models import WrappingKey
from keys import operations as keys
from keys import rewrapping
from keys.models import Key, KeyMaterial
from tests import make
from tests.backups.estate import back_up, lose, opens, restore, use
from tests.racing import race

LATER = rewrapping.REST + timedelta(seconds=1)


def finish() -> None:
    rewrapping.rewrap_superseded(clock.now() + LATER)


@pytest.fixture
def lost(alice, instance):
    """(backup, what was made): the keys are gone from the database."""
    made = [one for _ in range(3) for one in use(alice(), keys.create_key(alice(), instance=instance))]
    backup = back_up(alice, instance)
    lose(instance)
    return backup, made


@pytest.mark.django_db
def test_a_restore_that_outlives_the_instance_key_goes_on_under_the_next(alice, instance, lost, monkeypatch):
    backup, made = lost
    real, seen = restoring.bring_back, []

    def rotated_after_the_first(*args):
        real(*args)
        if not seen:
            keys.rotate_instance_key(make.operator(), instance)
            finish()
        seen.append(args)

    monkeypatch.setattr(restoring, "bring_back", rotated_after_the_first)
    assert restore(alice, backup, instance).restored == 3
    assert set(KeyMaterial.objects.values_list("wrapping_key__generation", flat=True)) == {2}
    assert all(opens(alice(), one) for one in made)


@pytest.mark.django_db
def test_material_sealed_under_a_key_that_is_gone_is_not_stored(alice, instance, lost, monkeypatch):
    backup, made = lost
    real = restoring.planned

    def planned_and_rotated(work, saved):
        plan = real(work, saved)
        keys.rotate_instance_key(make.operator(), instance)
        finish()
        return plan

    monkeypatch.setattr(restoring, "planned", planned_and_rotated)
    report = operations.restore_backup(alice(), backup, instance, keys=[made[0].key])
    assert operations.run_restore(make.operator(), report).refused == 1
    assert not Key.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_old_key_stays_under_what_is_being_restored(alice, instance, lost, monkeypatch):
    """The restore has picked the old key just before the rotation, and holds it from its first row to its commit."""
    backup, made = lost
    old = WrappingKey.objects.of(alice.account.pk, instance.pk)[0]
    asked = operations.restore_backup(alice(), backup, instance, keys=[made[0].key])
    keys.rotate_instance_key(make.operator(), instance)
    written, tried = multiprocessing.Event(), multiprocessing.Event()

    def after_the_row(*args):
        written.set()
        tried.wait(1)  # if the key is held, the other process cannot come to its end

    monkeypatch.setattr(opening, "wrapping_key_for", lambda *args: old)
    monkeypatch.setattr(hsm_objects, "take_up", after_the_row)

    def work(number):
        if not number:
            return operations.run_restore(make.operator(), asked).restored
        assert written.wait(60)
        try:
            rewrapping.destroy_instance_key(make.operator(), old)
        except Refused as refused:
            return refused.first.slug
        finally:
            tried.set()
        return "destroyed"

    assert race(work) == [1, "changed_meanwhile"]
    monkeypatch.undo()
    finish()
    assert WrappingKey.objects.get(pk=old.pk).destroyed_at
    assert opens(alice(), made[0])
