"""`kill -9` at every write of a release and of the sweep that erases what was in the instance: not begun, or ended by the
next sweep, never half."""

from __future__ import annotations

import pytest

from audit.models import Event
from base import clock
from crypto.errors import MaterialGone
from instances import opening
from instances.models import Instance, WrappingKey
from instances.states import NEVER
from keys import lookup, operations, sweeps
from keys.models import Alias, Key, KeyMaterial
from keys.states import State
from tests import make
from tests.keys.calls import outcome
from tests.killing import deaths

pytestmark = pytest.mark.django_db(transaction=True)


class Estate:
    """A pay-as-you-go instance with keys, an alias and ciphertext. released: by an earlier process that lived."""

    number = 0

    def __init__(self, alice, *, keys=1, released=False):
        Estate.number += 1
        self.alice, self.home = alice, make.instance(alice, name=f"home-{Estate.number}", charge_type="POSTPAY")
        self.keys = [make.key(alice, home=self.home) for _ in range(keys)]
        self.alias = f"alias/own-{Estate.number}"
        operations.create_alias(alice(), self.keys[0], alias_name=self.alias)
        self.blob = make.sealed_by(alice(), self.keys[0])
        if released:
            self.release()

    def release(self):
        operations.release_kms_instance(self.alice(), Instance.objects.get(pk=self.home.pk), force_delete_without_backup=True)

    def events(self, action):
        return Event.objects.filter(action=action, outcome="ok",
                                    object_id__in=[self.home.pk, *(key.pk for key in self.keys)]).count()

    def lives(self):
        """Wholly: marked nowhere, and its ciphertext opens."""
        home, wrapping = Instance.objects.get(pk=self.home.pk), WrappingKey.objects.get(instance=self.home)
        assert (home.released_at, wrapping.destroyed_at, home.end_at) == (None, None, NEVER)
        opening.forget()
        return outcome(lambda: operations.decrypt(self.alice(), ciphertext_blob=self.blob)) == "ok"

    def is_dead(self):
        """Wholly: marked, and nothing that was wrapped opens any more."""
        home, wrapping = Instance.objects.get(pk=self.home.pk), WrappingKey.objects.get(instance=self.home)
        assert home.released_at
        with pytest.raises(MaterialGone):
            opening.engine_for(wrapping)
        return not any(bytes(wrapping.sealed)) and outcome(
            lambda: operations.decrypt(self.alice(), ciphertext_blob=self.blob)) == "Forbidden.KeyNotFound"

    def is_erased(self):
        """Wholly: tombstones, no material, no alias, one event a key, and one at the end."""
        rows = Key.objects.filter(instance=self.home)
        assert {key.state for key in rows} == {State.DESTROYED}
        assert not KeyMaterial.objects.filter(version__key__in=rows).exists()
        assert not Alias.objects.filter(name=self.alias).exists()
        assert self.events("DestroyKey") == len(self.keys)
        return self.events("ClearReleasedInstance") == 1 and Instance.objects.get(pk=self.home.pk).cleared_at is not None


def test_a_release_is_whole_or_was_never_begun(alice):
    places = set()
    for estate, place in deaths(lambda: Estate(alice), Estate.release):
        places.add(place.replace('"', ""))
        if place == "after COMMIT":
            assert estate.is_dead()
        else:
            assert estate.lives()
            estate.release()
        assert estate.events("ReleaseKmsInstance") == 1
        sweeps.clear_released(clock.now())
        assert estate.is_dead()
        assert estate.is_erased()
    assert places == {"before COMMIT", "after COMMIT"} | {
        f"{when} {write}" for when in ("before", "after")
        for write in ("UPDATE instances_instance SET", "UPDATE instances_wrappingkey SET", "UPDATE instances_hsmobject SET",
                      "INSERT INTO audit_event")}


def test_the_erasure_of_what_was_in_it_is_ended_by_the_next_sweep(alice):
    places = []
    for estate, place in deaths(lambda: Estate(alice, keys=2, released=True), lambda _: sweeps.clear_released(clock.now())):
        places.append(place.replace('"', ""))
        for key in estate.keys:
            row = Key.objects.get(pk=key.pk)
            material = KeyMaterial.objects.filter(version__key=key).exists()
            assert material == (row.state != State.DESTROYED), place
            assert outcome(lambda key=key: lookup.key_for(alice(), key.pk)) == "Forbidden.KeyNotFound"
        sweeps.clear_released(clock.now())
        assert estate.is_erased()
        assert sweeps.clear_released(clock.now()) == 0
    assert places.count("before COMMIT") == places.count("after COMMIT") == 2, "one for both keys, and one for the end"
    assert {"before UPDATE keys_keymaterial SET", "after DELETE FROM keys_keymaterial"} <= set(places)
