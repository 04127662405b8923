"""A new instance key under everything in an instance, while its keys are made, used, imported and erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from audit.models import Event
from base import clock
from base.refusal import Refused
from crypto.errors import MaterialGone
from instances import opening
from instances.models import Instance, WrappingKey
from keys import operations as keys
from keys import rewrapping
from keys.models import Key, KeyMaterial
from keys.states import State
from tests import importing, make
from tests.killing import deaths
from tests.make import Person
from tests.racing import race

LATER = rewrapping.REST + timedelta(seconds=1)


def sealed(alice: Person, key: Key) -> str:
    return keys.encrypt(alice(), key, plaintext="aGVsbG8=").ciphertext_blob


def opens(alice: Person, blob: str) -> bool:
    return keys.decrypt(alice(), ciphertext_blob=blob).plaintext == "aGVsbG8="


def finish() -> None:
    rewrapping.rewrap_superseded(clock.now() + LATER)


@pytest.mark.django_db
class TestRotation:
    def test_it_works(self, alice: Person, instance: Instance, make_key: Callable[..., Key]) -> None:
        pair = make_key(spec="EC_P256", usage="SIGN/VERIFY")
        blobs = [sealed(alice, make_key()) for _ in range(3)]
        old = WrappingKey.objects.get(instance=instance)
        new = keys.rotate_instance_key(alice(), instance)
        assert (new.generation, rewrapping.progress(alice.account.pk, instance.pk)) == (2, rewrapping.Progress(2, 4, 0))
        fresh = make_key()
        assert KeyMaterial.objects.get(version__key=fresh).wrapping_key == new
        assert rewrapping.rewrap_superseded(clock.now()) == 4
        old.refresh_from_db()
        assert old.destroyed_at is None, "somebody may hold material under it that is not stored yet"
        finish()
        old.refresh_from_db()
        assert old.destroyed_at is not None
        assert set(bytes(old.sealed)) == {0}
        opening.forget()
        assert all(opens(alice, blob) for blob in [*blobs, sealed(alice, fresh)])
        version = keys.list_key_versions(alice(), pair).items[0].pk
        assert keys.asymmetric_sign(alice(), pair, key_version_id=version, algorithm="ECDSA_SHA_256", digest="A" * 43 + "=").value
        assert rewrapping.progress(alice.account.pk, instance.pk) == rewrapping.Progress(2, 0, 1)
        assert list(Event.objects.filter(action__contains="InstanceKey").order_by("pk").values_list("action", "outcome")) == [
            ("RotateInstanceKey", "ok"), ("DestroyInstanceKey", "ok")]

    def test_the_shared_store_has_one_too(self, alice: Person) -> None:
        key = make.key(alice)
        assert key.instance is None
        keys.rotate_instance_key(make.operator(), None, account=alice.account)
        finish()
        assert KeyMaterial.objects.get(version__key=key).wrapping_key.generation == 2

    def test_other_instances_are_left_alone(self, alice: Person, instance: Instance) -> None:
        other = make.key(alice, home=make.instance(alice, name="other"))
        keys.rotate_instance_key(alice(), instance)
        finish()
        assert KeyMaterial.objects.get(version__key=other).wrapping_key.generation == 1

    def test_it_refuses(self, alice: Person, bob: Person, instance: Instance) -> None:
        cases = [(bob, instance, "Forbidden.NoPermission"), (alice, make.instance(alice, enabled=False), "no_instance_key")]
        hardware = make.instance(alice)
        Instance.objects.filter(pk=hardware.pk).update(type="hardware")
        cases.append((alice, Instance.objects.get(pk=hardware.pk), "hardware_key_in_hsm"))
        for who, where, slug in cases:
            with pytest.raises(Refused) as refused:
                keys.rotate_instance_key(who(), where)
            assert slug in [reason.slug for reason in refused.value.refusals]

    def test_a_second_one_waits_for_the_first(self, alice: Person, instance: Instance) -> None:
        keys.rotate_instance_key(alice(), instance)
        with pytest.raises(Refused, match="rotation_under_way"):
            keys.rotate_instance_key(alice(), instance)
        finish()
        assert keys.rotate_instance_key(alice(), instance).generation == 3

    def test_material_that_does_not_open_keeps_the_old_key(self, alice: Person, instance: Instance,
                                                           make_key: Callable[..., Key]) -> None:
        row, good = KeyMaterial.objects.get(version__key=make_key()), sealed(alice, make_key())
        stored = bytes(row.stored)
        KeyMaterial.objects.filter(pk=row.pk).update(stored=stored[:-1] + bytes([stored[-1] ^ 1]))
        keys.rotate_instance_key(alice(), instance)
        finish()
        assert opens(alice, good)
        assert WrappingKey.objects.get(instance=instance, generation=1).destroyed_at is None
        KeyMaterial.objects.filter(pk=row.pk).update(stored=stored)
        finish()
        assert WrappingKey.objects.get(instance=instance, generation=1).destroyed_at is not None

    def test_what_moved_badly_keeps_the_old_key_too(self, alice: Person, instance: Instance,
                                                    make_key: Callable[..., Key]) -> None:
        row = KeyMaterial.objects.get(version__key=make_key())
        keys.rotate_instance_key(alice(), instance)
        rewrapping.rewrap_superseded(clock.now())
        KeyMaterial.objects.filter(pk=row.pk).update(stored=b"\1" * 60)
        finish()
        assert WrappingKey.objects.get(instance=instance, generation=1).destroyed_at is None

    def test_nothing_is_stored_under_a_key_that_was_destroyed_meanwhile(self, alice: Person, instance: Instance,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
        old = WrappingKey.objects.get(instance=instance)
        keys.rotate_instance_key(alice(), instance)
        finish()
        monkeypatch.setattr(opening, "engine_for", lambda key, real=opening.engine_for: real(old))
        monkeypatch.setattr(opening, "wrapping_key_for", lambda *args: old)
        with pytest.raises(Refused, match="changed_meanwhile"):
            make.key(alice, home=instance)
        assert not Key.objects.exists()

    def test_old_backups_of_a_row_open_nothing(self, alice: Person, instance: Instance, make_key: Callable[..., Key]) -> None:
        row = KeyMaterial.objects.get(version__key=make_key())
        before = bytes(row.stored)
        keys.rotate_instance_key(alice(), instance)
        finish()
        KeyMaterial.objects.filter(pk=row.pk).update(stored=before)
        with pytest.raises(MaterialGone):
            sealed(alice, Key.objects.get())


@pytest.mark.django_db(transaction=True)
def test_cut_off_at_any_write_it_goes_on(alice: Person, instance: Instance) -> None:
    key = make.key(alice, home=instance)
    blob = sealed(alice, key)

    def work(_made: object) -> None:
        keys.rotate_instance_key(make.operator(), instance)
        finish()

    places = 0
    for _, _place in deaths(lambda: None, work):
        opening.forget()
        assert opens(alice, blob)
        finish()
        opening.forget()
        assert opens(alice, blob)
        assert not WrappingKey.objects.superseded().exists()
        places += 1
    assert places > 8


@pytest.mark.django_db(transaction=True)
def test_keys_are_made_used_imported_and_erased_meanwhile(alice: Person, instance: Instance) -> None:
    blobs = [sealed(alice, make.key(alice, home=instance)) for _ in range(20)]
    waiting = [make.key(alice, State.PENDING_IMPORT, home=instance) for _ in range(4)]
    parcels = [importing.parcel(alice(), key, bytes(32), "RSAES_OAEP_SHA_256") for key in waiting]

    def work(number: int) -> Any:
        if number == 0:  # the clock, three rotations long
            for _ in range(3):
                keys.rotate_instance_key(make.operator(), Instance.objects.get())
                while WrappingKey.objects.superseded().exists():
                    finish()
            return []
        if number == 1:
            return [sealed(alice, make.key(alice, home=Instance.objects.get())) for _ in range(10)]
        if number == 2:
            for key, parcel in zip(waiting, parcels, strict=True):
                done = keys.import_key_material(alice(), Key.objects.get(pk=key.pk), **parcel)
                if key != waiting[0]:
                    keys.delete_key_material(alice(), done)
            return [sealed(alice, Key.objects.get(pk=waiting[0].pk))]
        return [blob for blob in blobs if opens(alice, blob)]

    def patiently(number: int) -> Any:
        """`finish` looks a minute ahead, so that the rest which protects makers is no protection here: who meets the end of the
        old key is told so, and tries again."""
        for _ in range(20):
            try:
                return work(number)
            except Refused as refused:
                assert number and refused.first.slug in ("changed_meanwhile", "InvalidImportToken", "material_differs"), number
        raise AssertionError(number)

    made = [blob for found in race(patiently, 4) for blob in found]
    finish()
    opening.forget()
    assert len(made) >= 31
    assert all(opens(alice, blob) for blob in [*blobs, *made])
    assert set(KeyMaterial.objects.values_list("wrapping_key__generation", flat=True)) == {4}
