"""`kill -9` at every write of a restore into tokens that hold the keys: whole or absent, and no object is touched."""

from __future__ import annotations

import pytest

from backups import operations, sweeps
from backups.models import Restore, RestoredKey
from backups.states import State
from instances import hsm_opening, hsm_sweeps
from instances.hsm_models import HsmObject
from keys import operations as keys
from keys.models import Key, KeyVersion
from tests import make
from tests.backups.estate import back_up, lose, opens, restore, use
from tests.killing import deaths


@pytest.mark.django_db(transaction=True)
def test_a_restore(alice, softhsm):
    cluster = make.hsm_cluster(alice, softhsm)
    source = make.hardware_instance(alice, cluster, name="old", charge_type="POSTPAY")
    made = use(alice(), keys.create_key(alice(), instance=source))
    backup, version = back_up(alice, source), KeyVersion.objects.get().pk
    with softhsm.backed_up():
        keys.release_kms_instance(alice(), source, force_delete_without_backup=True)
        hsm_sweeps.clear_objects(make.later(minutes=1))
    cluster.refresh_from_db()
    new = make.hardware_instance(alice, cluster, name="new")
    lose(source)

    def asked() -> Restore:
        RestoredKey.objects.all().delete()
        Restore.objects.all().delete()
        lose(new)
        HsmObject.objects.filter(version_id=version).delete()
        return operations.restore_backup(alice(), backup, new)

    def there() -> list[bool]:
        return [version in member.names() for member in hsm_opening.opened(cluster).members]

    places = set()
    for one, place in deaths(asked, lambda one: operations.run_restore(make.operator(), one)):
        places.add(place.replace('"', ""))
        assert Key.objects.count() == HsmObject.objects.filter(version_id=version).count(), place
        hsm_sweeps.clear_objects(make.later(minutes=30))
        assert there() == [True, True], place
        sweeps.carry_on_restores(make.operator())
        one.refresh_from_db()
        assert (one.state, one.restored, one.refused) == (State.SUCCEEDED, 1, 0), place
        assert all(opens(alice(), thing) for thing in made), place
    assert "after INSERT INTO instances_hsmobject" in places
    lose(new)
    assert restore(alice, backup, new).refused == 1, "the book says that something rests on the object"
