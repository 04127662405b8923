"""Hardware instances, with real tokens: a backup says where the keys are, and a new instance finds them there again."""

from __future__ import annotations

import pytest

from backups import lookup, operations
from backups.models import RestoredKey
from base import clock
from base.refusal import Refused
from instances import hsm_opening, hsm_sweeps
from instances import hsm_operations as hsms
from instances.hsm_models import HsmCluster, HsmObject, ObjectState
from instances.models import Instance
from keys import operations as keys
from keys import sweeps as key_sweeps
from keys.models import Key, KeyMaterial, KeyVersion
from tests import importing, make
from tests.backups.estate import back_up, lines, lose, opens, reasons, restore, use
from tests.backups.test_restore_rules import elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("renewals")]
IN_DATABASE = {"key_storage_mechanism": "HsmEncryptedDatabase"}


@pytest.fixture
def cluster(alice, softhsm):
    return make.hsm_cluster(alice, softhsm)


@pytest.fixture
def source(alice, cluster):
    return make.hardware_instance(alice, cluster, name="old", charge_type="POSTPAY")


@pytest.fixture
def made(alice, source):
    """Of a key in the tokens, a pair there, an imported one, and a rotated one in the database."""
    inside = [keys.create_key(alice(), instance=source), keys.create_key(alice(), instance=source, spec="EC_P256")]
    imported = keys.create_key(alice(), instance=source, origin="EXTERNAL")
    importing.bring(alice(), imported)
    wrapped = keys.create_key(alice(), instance=source, **IN_DATABASE)
    before = use(alice(), wrapped)
    keys.create_key_version(alice(), wrapped)
    return [*before, *(one for key in (*inside, imported, wrapped) for one in use(alice(), Key.objects.get(pk=key.pk)))]


def released(alice, home) -> None:
    """With everything that the clock does after it. Forced: the backup began in the second in which the keys were made."""
    keys.release_kms_instance(alice(), Instance.objects.get(pk=home.pk), force_delete_without_backup=True)
    late = make.later(minutes=2)
    hsm_sweeps.clear_objects(late)
    key_sweeps.clear_released(late)


def inside(cluster) -> list[set[str]]:
    """Tests before this one have left objects of their own in the tokens."""
    return [member.names() for member in hsm_opening.opened(cluster).members]


def again(cluster) -> HsmCluster:
    return HsmCluster.objects.get(pk=cluster.pk)


def new_home(alice, cluster, **more) -> Instance:
    return make.hardware_instance(alice, again(cluster), name="new", **more)


def refused(what) -> str:
    with pytest.raises(Refused) as caught:
        what()
    return caught.value.first.slug


def test_a_backup_has_where_the_keys_are_and_no_key(alice, cluster, source, made):
    backup = back_up(alice, source)
    with lookup.opened(backup) as (file, _, key):
        raw = file.read()
        material_key = key.material_key()
    found = list(lookup.keys_in(backup))
    assert all(version.pointer and not version.sealed for saved in found for version in saved.versions)
    pk = KeyVersion.objects.filter(key__storage_mechanism="HsmInternal")[0].pk.encode()
    assert pk not in raw
    assert material_key.check_value()
    assert operations.run_drill(make.operator(), backup).passed


def test_after_the_release_a_new_instance_finds_them_in_the_tokens_that_came_back(alice, softhsm, cluster, source, made):
    backup, mine = back_up(alice, source), set(HsmObject.objects.values_list("name", flat=True))
    before = inside(cluster)
    with softhsm.backed_up():
        released(alice, source)
        assert inside(cluster) == [names - mine for names in before]
    new = new_home(alice, cluster)
    report = restore(alice, backup, new)
    assert (report.restored, report.refused) == (4, 0), reasons(report)
    assert all(opens(alice(), one) for one in made)
    assert inside(cluster) == [names | {new.pk} for names in before]
    assert set(HsmObject.objects.values_list("state", flat=True)) == {ObjectState.KEPT}
    # They are its own from now on: backed up, drilled, destroyed.
    second = back_up(alice, new)
    assert operations.run_drill(make.operator(), second).passed
    key = Key.objects.filter(instance=new, storage_mechanism="HsmInternal", spec="EC_P256").get()
    version = KeyVersion.objects.get(key=key).pk
    keys.destroy_key(make.operator(make.later(days=8)), keys.schedule_key_deletion(alice(), key, window_days=7))
    assert all(version not in names for names in inside(cluster))


def test_tokens_that_are_registered_once_more(alice, softhsm, cluster, source, made):
    backup = back_up(alice, source)
    with softhsm.backed_up():
        released(alice, source)
    second = hsms.register_hsm_cluster(make.operator(), alice.account, name="again", module=softhsm.module,
                                       tokens=("kms-hsm-a", "kms-hsm-b"), replication="console",
                                       pin_source=f"file:{softhsm.pin_file}")
    new = new_home(alice, second)
    assert restore(alice, backup, new).restored == 4
    assert all(opens(alice(), one) for one in made)


def test_another_installation_with_the_same_tokens(alice, charlie, softhsm, cluster, source, made):
    """Its database is empty but for what it has made itself: here another account, after the rows of the first are gone."""
    file = elsewhere(alice, back_up(alice, source), charlie)
    lose(source)
    HsmObject.objects.all().delete()
    HsmCluster.objects.all().delete()
    softhsm.registered.clear()
    new = make.hardware_instance(charlie, make.hsm_cluster(charlie, softhsm, name="again"))
    report = restore(charlie, file, new)
    assert (report.restored, report.refused) == (4, 0), reasons(report)
    assert all(opens(charlie(), one) for one in made)
    assert {"note": "binding_lost"} in [note for line in lines(report).values() for note in line.notes]


def test_what_the_tokens_do_not_hold_is_refused_key_by_key(alice, cluster, source, made):
    backup = back_up(alice, source)
    released(alice, source)
    new = new_home(alice, cluster)
    assert [plan.refusals[0].slug for plan in operations.foretold(alice(), backup, new)] == ["restore_not_held"] * 4
    assert list(reasons(restore(alice, backup, new)).values()) == [["restore_not_held"]] * 4
    assert not Key.objects.filter(instance=new).exists()


def test_one_that_a_single_member_lacks_is_refused_and_the_others_come_back(alice, softhsm, cluster, source, made):
    backup = back_up(alice, source)
    lacking = KeyVersion.objects.filter(key__spec="EC_P256").get()
    with softhsm.backed_up():
        released(alice, source)
    from crypto.hsm.cluster import _remove
    with hsm_opening.opened(again(cluster)).members[1].session() as session, session.alone() as here:
        _remove(here, lacking.pk.encode())
    report = restore(alice, backup, new_home(alice, cluster))
    assert (report.restored, report.refused) == (3, 1)
    assert reasons(report)[lacking.key_id] == ["restore_not_held"]


def test_while_a_member_is_away_nothing_comes_back_and_later_everything(alice, softhsm, renewals, cluster, source, made):
    backup = back_up(alice, source)
    with softhsm.backed_up():
        released(alice, source)
    new = new_home(alice, cluster)
    named = [Key.objects.filter(storage_mechanism="HsmInternal").first().pk]
    with softhsm.without("kms-hsm-b"):
        report = restore(alice, backup, new, keys=named)
        assert reasons(report)[named[0]] == ["ServiceUnavailableTemporary"]
    renewals.pause_is_over(again(cluster))
    assert restore(alice, backup, new).restored == 4


def test_an_object_on_which_something_rests_or_that_is_to_go_is_not_taken(alice, softhsm, cluster, source):
    one, two = (keys.create_key(alice(), instance=source) for _ in range(2))
    backup = back_up(alice, source)
    with softhsm.backed_up():
        released(alice, source)
    new = new_home(alice, cluster)
    for key, state in ((one, ObjectState.KEPT), (two, ObjectState.DOOMED)):
        version = KeyVersion.objects.get(key=key).pk
        HsmObject.objects.create(cluster=again(cluster), name=version, version_id=version, state=state, since=clock.now())
    assert reasons(restore(alice, backup, new)) == {one.pk: ["restore_object_taken"], two.pk: ["restore_object_goes"]}


def test_imported_material_that_expired_meanwhile_goes_from_the_tokens(alice, softhsm, cluster, source):
    key = keys.create_key(alice(), instance=source, origin="EXTERNAL")
    importing.bring(alice(), key, key_material_expire_unix=int(make.later(days=1).timestamp()))
    name = HsmObject.objects.exclude(version_id="").get().name
    backup = back_up(alice, source)
    with softhsm.backed_up():
        released(alice, source)
    new = new_home(alice, cluster)
    late = make.later(days=2)
    report = operations.run_restore(make.operator(late), operations.restore_backup(alice(at=late), backup, new))
    assert [note["note"] for note in lines(report)[key.pk].notes][0] == "material_expired"
    assert Key.objects.get(pk=key.pk).state == "PendingImport"
    assert all(name in names for names in inside(cluster))
    assert hsm_sweeps.clear_objects(late) == 1
    assert all(name not in names for names in inside(cluster))


def test_a_file_cannot_point_at_somebody_elses_object(alice, cluster, source, monkeypatch):
    keys.create_key(alice(), instance=source)
    monkeypatch.setattr("crypto.hsm.provider.HsmProvider.pointer", lambda self, material: b"\1" + cluster.pk.encode())
    drill = operations.run_drill(make.operator(), back_up(alice, source))
    assert (drill.passed, drill.opened, drill.failures) == (False, 0, 1)


def test_only_a_new_hardware_instance(alice, cluster, source, instance):
    keys.create_key(alice(), instance=source)
    backup = back_up(alice, source)
    assert refused(lambda: operations.restore_backup(alice(), backup, source)) == "restore_needs_new_hardware"
    assert refused(lambda: operations.restore_backup(alice(), backup, instance)) == "restore_into_software"


def test_a_software_backup_goes_into_no_hardware_instance(alice, source, instance, make_key):
    make_key(home=instance)
    assert refused(lambda: operations.restore_backup(alice(), back_up(alice, instance), source)) == "restore_into_hardware"


def test_a_cluster_that_does_not_answer_makes_no_backup(alice, softhsm, renewals, cluster, source):
    keys.create_key(alice(), instance=source)
    asked = operations.create_backup(alice(), source)
    with softhsm.without("kms-hsm-a", "kms-hsm-b"):
        assert refused(lambda: operations.run_backup(make.operator(), asked)) == "backup_failed"
    renewals.pause_is_over(cluster)
    assert Instance.objects.get(pk=source.pk).last_backup_at is None


def test_the_drill_says_what_the_cluster_lost(alice, cluster, source, made):
    backup = back_up(alice, source)
    lost = KeyVersion.objects.get(key__spec="EC_P256").pk
    hsm_opening.opened(cluster).destroy(lost.encode())
    drill = operations.run_drill(make.operator(), backup)
    assert (drill.passed, drill.opened, drill.failures, drill.failed) == (False, 4, 1, [lost])
    assert KeyMaterial.objects.filter(version_id=lost).exists()
    assert not RestoredKey.objects.exists()
