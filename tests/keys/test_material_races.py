"""Rotation, import, deletion and expiry by processes at once: exactly one wins, the others lose politely, the trail has both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Event
from keys import lookup, operations, sweeps
from keys.models import Key, KeyMaterial, KeyVersion
from keys.states import State
from tests import make
from tests.importing import bring, material_for, parcel
from tests.keys.calls import TEXT, outcome
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
LOST = "Rejected.StateModifiedFailed"


def outcomes(action: str, key: Key) -> list[str]:
    return sorted(Event.objects.filter(action=action, object_id=key.pk).values_list("outcome", flat=True))


def test_two_sweeps_rotate_once(alice, instance):
    keys = [operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
            for _ in range(12)]
    due = max(key.next_rotation_at for key in keys)
    assert sum(race(lambda _: sweeps.rotate_due(due), 3)) == len(keys)
    for key in keys:
        assert KeyVersion.objects.filter(key=key).count() == 2
        assert KeyVersion.objects.filter(key=key, is_primary=True).count() == 1


def test_two_versions_by_hand_from_one_reading_are_one(alice, make_key):
    for _ in range(6):
        key = make_key()
        assert sorted(race(lambda _, key=key: outcome(lambda: operations.create_key_version(alice(), key)))) == [LOST, "ok"]
        assert KeyVersion.objects.filter(key=key).count() == KeyMaterial.objects.filter(version__key=key).count() == 2
        assert outcomes("CreateKeyVersion", key) == [LOST, "ok"]


def test_rotation_by_the_clock_and_by_hand_have_one_winner(alice, instance):
    key = operations.create_key(alice(), instance=instance, enable_automatic_rotation=True, rotation_interval="7d")
    caller, due = alice(at=key.next_rotation_at), key.next_rotation_at
    by_clock, by_hand = race(lambda number: outcome(lambda: operations.create_key_version(caller, key)) if number
                             else sweeps.rotate_due(due))
    assert (by_clock, by_hand) in ((1, LOST), (0, "ok"))
    assert KeyVersion.objects.filter(key=key).count() == 2


def test_the_last_unit_of_the_quota_goes_to_one(alice):
    for _ in range(6):
        home = make.instance(alice, key_quota=3)
        keys = [operations.create_key(alice(), instance=home) for _ in range(2)]
        works = [lambda keys=keys: operations.create_key_version(alice(), keys[0]),
                 lambda keys=keys: operations.create_key_version(alice(), keys[1]),
                 lambda home=home: operations.create_key(alice(), instance=home)]
        assert sorted(race(lambda number, works=works: outcome(works[number]), 3)) == ["Rejected.LimitExceeded"] * 2 + ["ok"]
        assert KeyVersion.objects.filter(key__instance=home).count() == 3


def test_two_first_imports_bind_the_key_to_one_material(alice, instance):
    for _ in range(6):
        key = operations.create_key(alice(), instance=instance, origin="EXTERNAL")
        materials = [material_for("Aliyun_AES_256") for _ in range(2)]
        parcels = [parcel(alice(), key, material) for material in materials]
        found = race(lambda number, key=key, parcels=parcels: outcome(
            lambda: operations.import_key_material(alice(), lookup.key_for(alice(), key.pk), **parcels[number])))
        # The loser either read the key before the winner wrote, or after and then meets the binding.
        assert "ok" in found
        assert set(found) - {"ok"} in ({LOST}, {"InvalidKeyMaterial"})
        winner = found.index("ok")
        assert KeyVersion.objects.filter(key=key).count() == KeyMaterial.objects.filter(version__key=key).count() == 1
        key.refresh_from_db()
        operations.delete_key_material(alice(), key)
        assert outcome(lambda key=key, materials=materials, winner=winner: bring(alice(), key, materials[1 - winner])) \
            == "InvalidKeyMaterial"
        assert outcome(lambda key=key, materials=materials, winner=winner: bring(alice(), key, materials[winner])) == "ok"
        assert Event.objects.filter(action="ImportKeyMaterial", object_id=key.pk).count() == 4


def test_an_import_and_a_deletion_of_material_leave_no_half(alice, instance):
    for _ in range(6):
        key = bring(alice(), operations.create_key(alice(), instance=instance, origin="EXTERNAL"))
        packed = parcel(alice(), key)
        works = [lambda key=key, packed=packed: operations.import_key_material(alice(), key, **packed),
                 lambda key=key: operations.delete_key_material(alice(), key)]
        imported, deleted = race(lambda number, works=works: outcome(works[number]))
        assert sorted((imported, deleted)) == [LOST, "ok"]
        key.refresh_from_db()
        assert key.state == (State.ENABLED if imported == "ok" else State.PENDING_IMPORT)
        assert KeyMaterial.objects.filter(version__key=key).exists() == (imported == "ok")


def test_two_sweeps_expire_material_once(alice, instance):
    caller = alice()
    due = caller.at.replace(microsecond=0) + timedelta(hours=1)
    keys = [bring(caller, operations.create_key(caller, instance=instance, origin="EXTERNAL"),
                  key_material_expire_unix=int(due.timestamp())) for _ in range(6)]
    assert sum(race(lambda _: sweeps.expire_material(due), 3)) == len(keys)
    for key in keys:
        assert outcomes("ExpireKeyMaterial", key).count("ok") == 1
    assert not KeyMaterial.objects.exists()


def test_uses_while_the_material_goes_and_comes_end_in_ok_or_pending_import(alice, instance):
    """Nobody meets a missing row: a use either wins, or says in which state the key is."""
    key = bring(alice(), operations.create_key(alice(), instance=instance, origin="EXTERNAL"))
    blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    packed = parcel(alice(), key)

    def go(number):
        if number == 0:
            for _ in range(15):
                operations.delete_key_material(alice(), lookup.key_for(alice(), key.pk))
                operations.import_key_material(alice(), lookup.key_for(alice(), key.pk), **packed)
            return set()
        return {outcome(lambda: operations.decrypt(alice(), ciphertext_blob=blob)) for _ in range(150)}

    _, *codes = race(go, 3)
    assert set().union(*codes) <= {"ok", "Rejected.PendingImport"}
    assert operations.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
