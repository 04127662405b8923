"""Keys on the move among what else happens to instances: rotation of their keys, HSMs, backups, release, and the freeze."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access import freezes
from base import clock
from base.caller import Caller
from base.refusal import Refused
from crypto.registry import HSM
from instances import hsm_sweeps
from instances import operations as instances
from instances.hsm_models import HsmObject, ObjectState
from instances.models import Instance, WrappingKey
from keys import erasing, rewrapping, sweeps
from keys import operations as keys
from keys.models import Key, KeyMaterial, SpareMaterial
from keys.operations import default_keys
from keys.operations.releasing import why_release_waits
from keys.states import State
from migration import operations, stores
from migration.models import Item
from migration.states import ItemState, RunState
from tests import make
from tests.migration import estate

pytestmark = pytest.mark.django_db
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LATER = rewrapping.REST + SECOND


def fresh(key):
    return Key.objects.select_related("instance", "account").get(pk=key.pk)


def slugs_of(call):
    with pytest.raises(Refused) as refused:
        call()
    return {reason.slug for reason in refused.value.refusals}


@pytest.fixture
def moved(alice, instance):
    """A 1.0 key with two versions in `instance`, its old copies in the shared store; and something it sealed before."""
    key = estate.key(alice, rotation=90, versions=2)
    key.opens = estate.uses(alice, key)
    key.run = estate.run_all(alice, estate.plan(alice, instance, key))
    return key


class TestRotationOfInstanceKeys:
    def test_old_copies_move_with_the_shared_store(self, alice, moved):
        old = WrappingKey.objects.get(instance=None)
        keys.rotate_instance_key(make.operator(), None, account=alice.account)
        assert rewrapping.progress(alice.account.pk, None).remaining == 2
        rewrapping.rewrap_superseded(clock.now() + LATER)
        old.refresh_from_db()
        assert old.destroyed_at is not None
        assert set(SpareMaterial.objects.values_list("wrapping_key__generation", flat=True)) == {2}
        estate.back(alice, moved.run)
        assert fresh(moved).edition == "1.0"
        assert all(use() for use in [*moved.opens, *estate.uses(alice, fresh(moved))])

    def test_a_copy_that_does_not_open_keeps_the_old_key(self, alice, moved):
        old = WrappingKey.objects.get(instance=None)
        SpareMaterial.objects.filter(pk=SpareMaterial.objects.first().pk).update(stored=b"broken")
        keys.rotate_instance_key(make.operator(), None, account=alice.account)
        rewrapping.rewrap_superseded(clock.now() + LATER)
        old.refresh_from_db()
        assert old.destroyed_at is None
        assert slugs_of(lambda: rewrapping.destroy_instance_key(Caller.system(clock.now()), old)) == {"changed_meanwhile"}

    def test_the_way_back_leads_through_an_older_key_of_the_store(self, alice, moved):
        """Where the sweep has not come yet, the old copy is taken, and no third one made."""
        keys.rotate_instance_key(make.operator(), None, account=alice.account)
        estate.back(alice, moved.run)
        assert set(KeyMaterial.objects.values_list("wrapping_key__generation", flat=True)) == {1}
        rewrapping.rewrap_superseded(clock.now() + LATER)
        assert set(KeyMaterial.objects.values_list("wrapping_key__generation", flat=True)) == {2}
        assert all(use() for use in moved.opens)

    def test_a_copy_is_not_taken_into_use_under_a_destroyed_key(self, alice, instance):
        key = estate.key(alice)
        holder = WrappingKey.objects.get(instance=instance)
        pairs = [stores.copy(key, row, holder, clock.now()) for row in stores.in_use(key)]
        WrappingKey.objects.filter(pk=holder.pk).update(destroyed_at=clock.now())
        assert slugs_of(lambda: stores.exchange(pairs, drop_at=None)) == {"changed_meanwhile"}


class TestErasing:
    def test_a_destroyed_key_leaves_no_old_copy(self, alice, moved):
        keys.schedule_key_deletion(alice(), fresh(moved), window_days=7)
        keys.destroy_key(Caller.system(clock.now() + 7 * DAY), fresh(moved))
        assert not SpareMaterial.objects.exists()
        assert not KeyMaterial.objects.exists()

    def test_a_copy_that_came_into_use_meanwhile_is_not_swept(self, alice, moved):
        """The sweep read the spare row; then a roll-back exchanged what it holds."""
        seen = SpareMaterial.objects.select_related("version__key", "wrapping_key").first()
        estate.back(alice, moved.run)
        assert erasing.erase_spare(seen) == []
        assert all(use() for use in moved.opens)


class TestRelease:
    def test_keys_that_moved_in_count_as_new(self, alice, instance, moved):
        Instance.objects.filter(pk=instance.pk).update(last_backup_at=fresh(moved).arrived_at - SECOND)
        home = Instance.objects.get(pk=instance.pk)
        assert slugs_of(lambda: keys.refund_instance(alice(), home)) == {"backup_older_than_keys"}
        Instance.objects.filter(pk=instance.pk).update(last_backup_at=fresh(moved).arrived_at + SECOND)
        keys.refund_instance(alice(), Instance.objects.get(pk=instance.pk))

    def test_what_goes_with_the_instance_goes_with_its_old_copy(self, alice, instance, moved):
        keys.refund_instance(alice(), instance, force_delete_without_backup=True)
        sweeps.clear_released(clock.now())
        assert fresh(moved).state == State.DESTROYED
        assert not SpareMaterial.objects.exists()
        item = Item.objects.get()
        assert slugs_of(lambda: operations.roll_back_key(alice(), item)) == {"key_destroyed"}

    def test_a_key_that_went_back_is_not_touched(self, alice, instance, moved):
        estate.back(alice, moved.run)
        assert SpareMaterial.objects.filter(wrapping_key__instance=instance).count() == 2
        keys.refund_instance(alice(), instance, force_delete_without_backup=True)
        now = clock.now() + stores.AFTERGLOW + SECOND
        sweeps.clear_released(now)
        assert sweeps.drop_spares(now) == 2
        assert all(use() for use in [*moved.opens, *estate.uses(alice, fresh(moved))])

    def test_the_clock_waits_while_keys_move(self, alice):
        expired = make.expired_instance(alice)
        late = expired.end_at + 16 * DAY
        assert freezes.begin(alice.account.pk, "mig-1", late)
        assert [reason.slug for reason in why_release_waits(Caller.system(late), expired)] == ["frozen"]
        assert sweeps.release_due(late) == 0
        assert sweeps.release_due(late + freezes.LEASE) == 1


def test_the_freeze_holds_the_whole_life_of_an_instance(alice, instance):
    flexible = make.instance(alice, name="flexible", charge_type="POSTPAY")
    assert freezes.begin(alice.account.pk, "mig-1", clock.now())
    for change in (
            lambda: keys.release_kms_instance(alice(), flexible, force_delete_without_backup=True),
            lambda: keys.refund_instance(alice(), instance, force_delete_without_backup=True),
            lambda: instances.upgrade_instance(alice(), instance, spec=2000),
            lambda: instances.rename_instance(alice(), instance, name="other"),
            lambda: instances.set_default_instance(alice(), flexible),
            lambda: instances.order_instance(alice(), name="third"),
            lambda: keys.rotate_instance_key(alice(), instance),
            lambda: default_keys.enable_default_key(alice(), alias_name="alias/default")):
        assert "frozen" in slugs_of(change)
    instances.renew_instance(alice(), instance, months=1)
    instances.set_renewal(alice(), Instance.objects.get(pk=instance.pk), months=1)


class TestIntoTokens:
    @pytest.fixture
    def hardware(self, alice, softhsm):
        return make.hardware_instance(alice, make.hsm_cluster(alice, softhsm))

    def test_in_and_back(self, alice, hardware):
        chosen = [estate.key(alice, versions=2), estate.key(alice, spec="EC_P256"), estate.key(alice, imported=True),
                  estate.key(alice, spec="RSA_2048", usage="ENCRYPT/DECRYPT")]
        before = estate.export(alice.account.pk)
        opens = [use for key in chosen for use in estate.uses(alice, key)]
        run = estate.plan(alice, hardware)
        assert not any(estate.predicted(alice, run).values())
        assert not HsmObject.objects.exclude(version_id="").exists(), "the dry run left something in the tokens"
        assert estate.run_all(alice, run).state == RunState.SUCCEEDED
        assert {(fresh(key).protection_level, fresh(key).storage_mechanism) for key in chosen} == {("HSM", "HsmInternal")}
        assert set(KeyMaterial.objects.values_list("wrapping_key__provider", flat=True)) == {HSM}
        assert set(HsmObject.objects.exclude(version_id="").values_list("state", flat=True)) == {ObjectState.KEPT}
        opens += [use for key in chosen for use in estate.uses(alice, fresh(key))]
        assert all(use() for use in opens)
        estate.back(alice, run)
        assert estate.export(alice.account.pk) == before
        assert all(use() for use in opens)
        assert sweeps.drop_spares(clock.now() + stores.AFTERGLOW + SECOND) == 5
        assert not HsmObject.objects.exclude(version_id="").exists(), "a copy that came back is still in the tokens"
        assert all(use() for use in opens)

    def test_a_destroyed_key_is_gone_from_the_tokens(self, alice, hardware):
        key = estate.key(alice)
        estate.run_all(alice, estate.plan(alice, hardware, key))
        keys.schedule_key_deletion(alice(), fresh(key), window_days=7)
        keys.destroy_key(Caller.system(clock.now() + 7 * DAY), fresh(key))
        assert not HsmObject.objects.exclude(version_id="").exists()
        assert not SpareMaterial.objects.exists()

    def test_an_attempt_that_died_leaves_nothing_in_the_tokens(self, alice, hardware, monkeypatch):
        key = estate.key(alice)
        run = estate.plan(alice, hardware, key)
        monkeypatch.setattr("migration.operations.moving.proved", lambda *args: (_ for _ in ()).throw(RuntimeError))
        estate.run_all(alice, run)
        assert (fresh(key).edition, Item.objects.get().state) == ("1.0", ItemState.FAILED)
        now = clock.now() + stores.COPY_LIFE + SECOND
        sweeps.drop_spares(now)
        hsm_sweeps.clear_objects(now)
        assert not HsmObject.objects.exclude(version_id="").exists()
        assert fresh(key).edition == "1.0"
