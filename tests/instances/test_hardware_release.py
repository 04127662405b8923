"""The end of a hardware instance: dead in one transaction, and gone from every token as soon as that answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backups import sweeps as backup_sweeps
from base import clock
from crypto.errors import MaterialGone
from instances import hsm_opening, hsm_sweeps, opening
from instances import hsm_operations as hsms
from instances.hsm_models import HsmCluster, HsmObject, ObjectState
from instances.models import Instance, WrappingKey
from keys import operations as keys
from keys import sweeps as key_sweeps
from keys.models import Key, KeyMaterial
from kmsconsole.schedule import SWEEPS
from tests import make
from tests.keys.calls import outcome
from tests.killing import deaths

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("renewals")]


@pytest.fixture
def cluster(alice, softhsm):
    return make.hsm_cluster(alice, softhsm)


class Estate:
    """A hardware instance with a key in the tokens and one in the database. mine: names of all that it has in the tokens."""

    def __init__(self, alice, cluster, **more):
        self.alice, self.cluster = alice, HsmCluster.objects.get(pk=cluster.pk)
        self.home = make.hardware_instance(alice, self.cluster, **more)
        self.keys = [keys.create_key(alice(), instance=self.home, key_storage_mechanism=kind)
                     for kind in ("HsmInternal", "HsmEncryptedDatabase")]
        self.blobs = [make.sealed_by(alice(), key) for key in self.keys]
        self.mine = set(HsmObject.objects.filter(cluster=cluster).values_list("name", flat=True))
        assert len(self.mine) == 2

    def release(self):
        keys.release_kms_instance(self.alice(), Instance.objects.get(pk=self.home.pk), force_delete_without_backup=True)

    def inside(self):
        """How many of its objects each member has."""
        return [len(self.mine & member.names()) for member in hsm_opening.opened(self.cluster).members]

    def opens(self):
        return [outcome(lambda blob=blob: keys.decrypt(self.alice(), ciphertext_blob=blob)) for blob in self.blobs]

    def is_dead(self):
        home, wrapping = Instance.objects.get(pk=self.home.pk), WrappingKey.objects.get(instance=self.home)
        assert home.released_at
        with pytest.raises(MaterialGone):
            opening.engine_for(wrapping)
        return self.opens() == ["Forbidden.KeyNotFound"] * 2

    def lives(self):
        opening.forget()
        states = set(HsmObject.objects.filter(cluster=self.cluster).values_list("state", flat=True))
        return self.opens() == ["ok", "ok"] and self.inside() == [2, 2] and states == {ObjectState.KEPT}

    def is_gone(self):
        """From tables and tokens, and the cluster is free."""
        left = KeyMaterial.objects.filter(version__key__instance=self.home).exists() or HsmObject.objects.filter(
            cluster=self.cluster).exists()
        free = HsmCluster.objects.get(pk=self.cluster.pk).instance_id is None
        cleared = Instance.objects.get(pk=self.home.pk).cleared_at is not None
        return not left and free and cleared and self.inside() == [0, 0]


def swept(at):
    hsm_sweeps.clear_objects(at)
    key_sweeps.clear_released(at)


def test_by_hand(alice, cluster):
    estate = Estate(alice, cluster, charge_type="POSTPAY")
    estate.release()
    assert estate.is_dead()
    assert set(HsmObject.objects.values_list("state", flat=True)) == {ObjectState.DOOMED}
    swept(clock.now())
    assert estate.is_gone()
    assert Estate(alice, cluster, name="next").opens() == ["ok", "ok"], "the cluster serves another one"


def test_by_the_clock(alice, cluster):
    estate = Estate(alice, cluster)
    end = estate.home.end_at
    for days in (0, 15.1):
        for sweep in (*SWEEPS.values(), hsm_sweeps.clear_objects, key_sweeps.clear_released):
            sweep(end + timedelta(days=days, minutes=1))
    assert Instance.objects.get(pk=estate.home.pk).released_by.startswith("system")
    assert estate.is_dead()
    assert estate.is_gone()


def test_while_a_member_is_away_it_waits_and_says_so(alice, client, softhsm, renewals, cluster):
    estate = Estate(alice, cluster, charge_type="POSTPAY")
    client.force_login(alice.user)
    with softhsm.without("kms-hsm-b"):
        estate.release()
        swept(clock.now())
        assert estate.is_dead()
        assert HsmObject.objects.filter(state=ObjectState.DOOMED).count() == 2
        assert Instance.objects.get(pk=estate.home.pk).cleared_at is None
        assert hsms.why_not_connect(alice(), make.hardware_instance(alice, None, name="next"), HsmCluster.objects.get(
            pk=cluster.pk))[0].slug == "hsm_cluster_taken"
        page = client.get(f"/instances/{estate.home.pk}/").content.decode()
        assert "2 objects are still in the tokens." in page
    renewals.pause_is_over(cluster)
    assert estate.inside() == [0, 2]
    swept(make.later(minutes=2))
    assert estate.is_gone()
    assert "Nothing of this instance is left in the tokens." in client.get(f"/instances/{estate.home.pk}/").content.decode()


def test_the_backup_of_a_released_one_is_not_drilled_any_more(alice, cluster):
    estate = Estate(alice, cluster, charge_type="POSTPAY")
    backup_sweeps.keep(clock.now())
    estate.release()
    assert backup_sweeps.drill_due(make.operator(make.later(days=2))) == 0


@pytest.mark.django_db(transaction=True)
def test_killed_at_any_write_a_release_is_whole_or_was_never_begun(alice, cluster):
    places = set()
    for estate, place in deaths(lambda: Estate(alice, cluster, charge_type="POSTPAY"), Estate.release):
        places.add(place.replace('"', ""))
        if place == "after COMMIT":
            assert estate.is_dead()
        else:
            assert estate.lives(), place
            estate.release()
        swept(clock.now())
        assert estate.is_gone(), place
    assert {"before UPDATE instances_hsmobject SET", "after UPDATE instances_hsmobject SET", "after COMMIT"} <= places


@pytest.mark.django_db(transaction=True)
def test_killed_at_any_write_the_sweeps_go_on(alice, cluster):
    def released():
        estate = Estate(alice, cluster, charge_type="POSTPAY")
        estate.release()
        return estate

    places = set()
    for estate, place in deaths(released, lambda _: swept(clock.now())):
        places.add(place.replace('"', ""))
        assert estate.is_dead()
        swept(clock.now())
        assert estate.is_gone(), place
        assert Key.objects.filter(instance=estate.home).count() == 2, "tombstones"
    assert {"before DELETE FROM instances_hsmobject", "after UPDATE instances_hsmcluster SET",
            "after UPDATE keys_keymaterial SET"} <= places
