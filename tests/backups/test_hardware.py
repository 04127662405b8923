"""Hardware instances: metadata only. The material stays where it is, and a new instance gets its keys where it is held.

The memory provider is such a back end: it keeps keys itself and gives out handles. SoftHSM has its own tests.
"""

from __future__ import annotations

import pytest

from backups import lookup, operations
from base.refusal import Refused
from crypto import registry
from crypto.errors import Unavailable
from crypto.memory import MemoryProvider
from instances import opening
from instances.models import Instance, WrappingKey
from keys import operations as keys
from keys.models import Key, KeyMaterial
from tests import make
from tests.backups.estate import back_up, lose, opens, reasons, restore, use

pytestmark = pytest.mark.django_db
CLUSTERS = {"cluster-a": MemoryProvider(), "cluster-b": MemoryProvider()}


@pytest.fixture
def hardware(alice, monkeypatch):
    """``hardware("name")``: an enabled hardware instance on cluster-a, or another."""
    real = registry.open_provider
    monkeypatch.setattr(opening, "open_provider", lambda name, wrapping: CLUSTERS.get(name) or real(name, wrapping))
    opening.forget()

    def build(name: str, cluster: str = "cluster-a") -> Instance:
        made = make.instance(alice, name=name)
        Instance.objects.filter(pk=made.pk).update(type="hardware")
        WrappingKey.objects.filter(instance=made).update(provider=cluster)
        return Instance.objects.get(pk=made.pk)

    return build


@pytest.fixture
def source(alice, hardware):
    return hardware("old")


@pytest.fixture
def made(alice, source):
    return [one for spec, usage in (("Aliyun_AES_256", "ENCRYPT/DECRYPT"), ("EC_P256", "SIGN/VERIFY"))
            for one in use(alice(), keys.create_key(alice(), instance=source, spec=spec, usage=usage))]


def refused(what) -> str:
    with pytest.raises(Refused) as caught:
        what()
    return caught.value.first.slug


def test_the_backup_has_no_material(alice, source, made):
    backup = back_up(alice, source)
    for saved in lookup.keys_in(backup):
        assert all(version.stored and not version.sealed for version in saved.versions)
    assert operations.run_drill(make.operator(), backup).passed


def test_a_new_instance_on_the_same_cluster_gets_the_keys(alice, hardware, source, made):
    backup = back_up(alice, source)
    lose(source)
    new = hardware("new")
    assert restore(alice, backup, new).restored == 2
    assert all(opens(alice(), one) for one in made)
    assert set(Key.objects.values_list("instance", flat=True)) == {new.pk}


def test_where_the_cluster_does_not_hold_them_each_is_refused(alice, hardware, source, made):
    backup = back_up(alice, source)
    lose(source)
    other = hardware("new", "cluster-b")
    plans = list(operations.foretold(alice(), backup, other))
    assert [plan.refusals[0].slug for plan in plans] == ["restore_not_held"] * 2
    assert list(reasons(restore(alice, backup, other)).values()) == [["restore_not_held"]] * 2
    assert not Key.objects.exists()


def test_only_a_new_hardware_instance(alice, source, made, instance):
    backup = back_up(alice, source)
    assert refused(lambda: operations.restore_backup(alice(), backup, source)) == "restore_needs_new_hardware"
    assert refused(lambda: operations.restore_backup(alice(), backup, instance)) == "restore_into_software"


def test_a_software_backup_goes_into_no_hardware_instance(alice, source, instance, make_key):
    make_key(home=instance)
    assert refused(lambda: operations.restore_backup(alice(), back_up(alice, instance), source)) == "restore_into_hardware"


def test_a_cluster_that_does_not_answer_makes_no_backup(alice, source, made):
    CLUSTERS["cluster-a"].fail_next(Unavailable())
    asked = operations.create_backup(alice(), source)
    assert refused(lambda: operations.run_backup(make.operator(), asked)) == "backup_failed"
    assert Instance.objects.get(pk=source.pk).last_backup_at is None


def test_the_drill_says_what_the_cluster_lost(alice, source, made):
    backup = back_up(alice, source)
    for row in KeyMaterial.objects.filter(version_id=made[0].version):
        CLUSTERS["cluster-a"]._keys.pop(bytes(row.stored))
    drill = operations.run_drill(make.operator(), backup)
    assert (drill.passed, drill.opened, drill.failures, drill.failed) == (False, 1, 1, [made[0].version])
