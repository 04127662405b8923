"""Batches of the clock beside each other, beside people, and cut off by `kill -9`, on whatever database the run uses."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction

from audit.models import Event
from base import clock
from instances.models import Instance
from keys import batches, lookup, operations, sweeps
from keys.models import Alias, Key, KeyMaterial, KeyVersion
from keys.states import State
from tests import importing, make
from tests.keys.calls import TEXT, outcome
from tests.killing import deaths
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def due(alice, home, count):
    return [make.due_key(alice, home=home) for _ in range(count)]


def turning(alice, home, count):
    return [operations.create_key(alice(at=clock.now() - 8 * DAY), instance=home, enable_automatic_rotation=True,
                                  rotation_interval="7d") for _ in range(count)]


def expired(alice, home, count):
    keys = [importing.bring(alice(), make.key(alice, State.PENDING_IMPORT, home=home)) for _ in range(count)]
    Key.objects.filter(pk__in=[key.pk for key in keys]).update(material_expires_at=clock.now())
    return keys


def orphaned(alice, home, count):
    keys = [make.key(alice, home=home) for _ in range(count)]
    operations.release_kms_instance(alice(), Instance.objects.get(pk=home.pk), force_delete_without_backup=True)
    return keys


@pytest.mark.parametrize(("build", "sweep", "action"), [
    (due, sweeps.destroy_due, "DestroyKey"), (turning, sweeps.rotate_due, "RotateKey"),
    (expired, sweeps.expire_material, "ExpireKeyMaterial"), (orphaned, sweeps.clear_released, "DestroyKey")])
def test_three_sweeps_take_each_key_once(build, sweep, action, alice, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 4)
    home = make.instance(alice, at=clock.now() - 9 * DAY, charge_type="POSTPAY")
    keys = build(alice, home, 14)
    now = clock.now()
    assert sum(race(lambda _: sweep(now), 3)) == len(keys)
    done = Counter(Event.objects.filter(action=action, outcome="ok").values_list("object_id", flat=True))
    assert done == Counter(key.pk for key in keys)
    assert not Event.objects.filter(action=action).exclude(outcome="ok").exists(), "nobody tries what another holds"


def test_what_was_cancelled_in_time_lives_and_the_rest_of_its_batch_goes(alice, instance, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 6)
    keys = due(alice, instance, 18)
    now = clock.now()

    def go(number):
        if number:
            return sweeps.destroy_due(now)
        just_before = alice(at=keys[0].delete_at - timedelta(seconds=1))
        answers = {key.pk: outcome(lambda key=key: operations.cancel_key_deletion(
            just_before, lookup.key_for(just_before, key.pk))) for key in keys[::3]}
        return [key for key, answer in answers.items() if answer == "ok"]

    cancelled, destroyed = race(go)
    left = sweeps.destroy_due(now)  # a key whose row the cancel held was left to it
    assert destroyed + left == len(keys) - len(cancelled)
    for key in Key.objects.filter(pk__in=[key.pk for key in keys]):
        assert key.state == (State.ENABLED if key.pk in cancelled else State.DESTROYED)
        used = outcome(lambda key=key: operations.encrypt(alice(), lookup.key_for(alice(), key.pk), plaintext=TEXT))
        assert (used == "ok") == (key.pk in cancelled)


def test_a_change_between_reading_and_holding_is_seen(alice, instance):
    """What is made before the transaction is for the key as it was read."""
    one, other = turning(alice, instance, 2)
    operations.disable_key(alice(), Key.objects.get(pk=one.pk))
    with transaction.atomic():
        assert batches.still([one, other]) == [other]


class Estate:
    """Two keys whose date has come, with a name."""

    number = 0

    def __init__(self, alice, build):
        Estate.number += 1
        self.alice, self.home = alice, make.instance(alice, name=f"home-{Estate.number}", at=clock.now() - 9 * DAY)
        self.keys = build(alice, self.home, 2)
        self.blobs = [make.sealed_by(alice(at=clock.now() - 2 * DAY), key) for key in self.keys] if build is turning else []

    def rows(self):
        return list(Key.objects.filter(instance=self.home).order_by("pk"))

    def events(self, action):
        return Event.objects.filter(action=action, outcome="ok", object_id__in=[key.pk for key in self.keys]).count()


def test_a_batch_that_is_cut_off_destroyed_nothing_or_everything(alice):
    places = []
    for made, place in deaths(lambda: Estate(alice, due), lambda _: sweeps.destroy_due(clock.now())):
        places.append(place.replace('"', ""))
        gone = place == "after COMMIT"
        assert {key.state for key in made.rows()} == {State.DESTROYED if gone else State.PENDING_DELETION}, place
        assert KeyMaterial.objects.filter(version__key__in=made.keys).count() == (0 if gone else 2)
        assert made.events("DestroyKey") == (2 if gone else 0)
        assert sweeps.destroy_due(clock.now()) == (0 if gone else 2)
        assert {key.state for key in made.rows()} == {State.DESTROYED}
        assert made.events("DestroyKey") == 2
    assert places.count("after COMMIT") == 1
    assert {f"after {write}" for write in (
        "UPDATE keys_key SET", "UPDATE keys_keymaterial SET", "DELETE FROM keys_keymaterial", "DELETE FROM keys_alias",
        "INSERT INTO audit_event")} <= set(places)
    assert not Alias.objects.exists()


def test_a_rotation_that_is_cut_off_made_no_version_or_all(alice):
    for made, place in deaths(lambda: Estate(alice, turning), lambda _: sweeps.rotate_due(clock.now())):
        turned = 2 if place == "after COMMIT" else 0
        assert KeyVersion.objects.filter(key__in=made.keys).count() == 2 + turned, place
        assert KeyVersion.objects.filter(key__in=made.keys, is_primary=True).count() == 2
        assert made.events("RotateKey") == turned
        assert sweeps.rotate_due(clock.now()) == 2 - turned
        assert [outcome(lambda blob=blob: operations.decrypt(alice(), ciphertext_blob=blob)) for blob in made.blobs] == ["ok"] * 2
