"""One run over a mixed estate: predicted, moved, used, taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from base.refusal import Refused
from instances import operations as instances
from keys import operations as keys
from keys import sweeps
from keys.models import Key, KeyMaterial, KeyVersion, SpareMaterial
from keys.states import State
from migration import lookup, operations
from migration.models import Item
from migration.states import ItemState, RunState
from tests import make
from tests.migration import estate

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(alice):
    return make.instance(alice)


def mixed(alice):
    return {
        "plain": estate.key(alice, alias="plain", tags={"team": "a"}),
        "versions": estate.key(alice, versions=3),
        "imported": estate.key(alice, imported=True),
        "rotating": estate.key(alice, rotation=90),
        "slow": estate.key(alice, rotation=700),
        "sm4": estate.key(alice, spec="Aliyun_SM4", state=State.DISABLED),
        "rsa": estate.key(alice, spec="RSA_2048", usage="ENCRYPT/DECRYPT"),
        "signing": estate.key(alice, spec="EC_P256", versions=2),
        "dying": estate.key(alice, state=State.PENDING_DELETION),
        "waiting": estate.key(alice, imported=True, state=State.PENDING_IMPORT),
    }


REFUSED = {"dying": "Rejected.PendingDeletion", "waiting": "Rejected.PendingImport"}


def fresh(key):
    return Key.objects.select_related("instance").get(pk=key.pk)


def test_it_works(alice, home):
    found = mixed(alice)
    before = estate.export(alice.account.pk)
    opens = [use for name, key in found.items() if name not in (*REFUSED, "sm4") for use in estate.uses(alice, key)]
    run = estate.plan(alice, home)
    predicted = estate.predicted(alice, run)
    assert {name: predicted[key.pk] for name, key in found.items() if predicted[key.pk]} == REFUSED
    assert estate.export(alice.account.pk) == before, "the dry run changed something"

    run = estate.run_all(alice, run)
    assert run.state == RunState.PARTLY_SUCCEEDED
    states = dict(Item.objects.values_list("key_id", "state"))
    assert {pk: state == ItemState.SWITCHED for pk, state in states.items()} == {pk: not code for pk, code in predicted.items()}
    for name, key in found.items():
        now = fresh(key)
        assert (now.edition, now.instance) == (("1.0", None) if name in REFUSED else ("3.0", home)), name
    assert all(use() for use in opens)
    opens += [use for name, key in found.items() if name not in (*REFUSED, "sm4") for use in estate.uses(alice, fresh(key))]
    assert fresh(found["slow"]).rotation_interval_seconds == 365 * 86400
    assert keys.list_aliases_by_key_id(alice(), fresh(found["plain"])).items[0].name == "alias/plain"

    run = estate.back(alice, run)
    assert run.state == RunState.ROLLED_BACK
    assert estate.export(alice.account.pk) == before
    assert all(use() for use in opens)


def test_each_material_lies_in_two_stores_until_the_window_ends(alice, home):
    key = estate.key(alice, versions=2)
    estate.run_all(alice, estate.plan(alice, home, key))
    spares = SpareMaterial.objects.filter(version__key=key)
    assert {spare.wrapping_key.instance_id for spare in spares} == {None}
    assert {row.wrapping_key.instance_id for row in KeyMaterial.objects.filter(version__key=key)} == {home.pk}
    sweeps.drop_spares(clock.now() + timedelta(days=6, hours=23))
    assert spares.count() == 2
    assert sweeps.drop_spares(clock.now() + timedelta(days=7, minutes=1)) == 2
    assert not spares.all().exists()
    with pytest.raises(Refused, match="migration_window_over"):
        operations.roll_back_key(alice(at=clock.now() + timedelta(days=8)), Item.objects.get(key=key))


def test_destroying_the_key_takes_the_old_copy_with_it(alice, home):
    key = estate.key(alice, imported=True)
    estate.run_all(alice, estate.plan(alice, home, key))
    keys.delete_key_material(alice(), fresh(key))
    assert not KeyMaterial.objects.filter(version__key=key).exists()
    assert not SpareMaterial.objects.filter(version__key=key).exists()


def test_versions_made_in_the_instance_go_back_with_the_key(alice, home):
    key = estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home, key))
    keys.create_key_version(alice(), fresh(key))
    keys.disable_key(alice(), fresh(key))
    keys.enable_key(alice(), fresh(key))
    opens = estate.uses(alice, fresh(key))
    estate.back(alice, run)
    assert KeyVersion.objects.filter(key=key).count() == 2
    assert all(use() for use in opens)
    assert fresh(key).edition == "1.0"
    sweeps.drop_spares(clock.now() + timedelta(minutes=2))
    assert not SpareMaterial.objects.exists()
    assert all(use() for use in opens + estate.uses(alice, fresh(key)))


def test_one_key_goes_back_and_the_others_stay(alice, home):
    first, second = estate.key(alice), estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home, first, second))
    operations.roll_back_key(alice(), Item.objects.get(run=run, key=first))
    assert [fresh(first).edition, fresh(second).edition] == ["1.0", "3.0"]


@pytest.mark.parametrize(("spoil", "slug"), [
    (lambda alice, key: keys.schedule_key_deletion(alice(), key, window_days=7), "Rejected.PendingDeletion"),
    (lambda alice, key: keys.set_key_policy(alice(), key, policy=POLICY % alice.account.pk), "migration_policy_set")])
def test_what_became_of_it_in_the_instance_can_forbid_the_way_back(alice, home, spoil, slug):
    key = estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home, key))
    spoil(alice, fresh(key))
    assert estate.back(alice, run).state == RunState.SUCCEEDED
    item = Item.objects.get(key=key)
    assert item.state == ItemState.SWITCHED
    assert slug in item.reason


POLICY = ('{"Version":"1","Statement":[{"Effect":"Deny","Principal":{"RAM":["acs:ram::%s:user/bob"]},"Action":["kms:Encrypt"],'
          '"Resource":["*"]}]}')


def test_an_expired_instance_does_not_stop_the_way_back(alice, home):
    key = estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home, key), at=home.end_at - timedelta(days=1))
    operations.roll_back_key(alice(at=home.end_at + timedelta(days=1)), Item.objects.get(run=run, key=key))
    assert fresh(key).state_at(home.end_at + timedelta(days=1)) is State.ENABLED


def test_a_copy_that_is_another_key_sends_the_key_back(alice, home, monkeypatch):
    key = estate.key(alice)
    monkeypatch.setattr("migration.operations.moving.prove", lambda *args: None)
    run = estate.run_all(alice, estate.plan(alice, home, key))
    assert run.state == RunState.FAILED
    assert fresh(key).edition == "1.0"
    assert "migration_not_proved" in Item.objects.get().reason


def test_a_copy_that_fails_after_the_switch_sends_the_key_back(alice, home, monkeypatch):
    key = estate.key(alice)
    opens = estate.uses(alice, key)
    monkeypatch.setattr("migration.operations.moving.opens", lambda *args: False)
    assert estate.run_all(alice, estate.plan(alice, home, key)).state == RunState.FAILED
    assert fresh(key).edition == "1.0"
    assert all(use() for use in opens)


def test_bob_cannot_and_charlie_sees_nothing(alice, bob, charlie, home):
    key = estate.key(alice)
    run = estate.plan(alice, home, key)
    for refused in (lambda: operations.plan_migration(bob(), home, keys=[key.pk]),
                    lambda: operations.start_migration(bob(), run, accepted=estate.EVERYTHING),
                    lambda: operations.roll_back_key(bob(), Item.objects.get(run=run)),
                    lambda: lookup.run_for(charlie(), run.pk)):
        with pytest.raises(Refused, match="Forbidden|migration_not_found"):
            refused()


def test_renewal_is_possible_and_creation_is_not_while_it_runs(alice, home):
    key = estate.key(alice)
    operations.start_migration(alice(), estate.plan(alice, home, key), accepted=estate.EVERYTHING)
    with pytest.raises(Refused, match="frozen"):
        keys.create_key(alice(), instance=home)
    instances.renew_instance(alice(), home, months=1)
