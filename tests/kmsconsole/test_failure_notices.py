"""What breaks by itself tells somebody: the events that really occur, held against the table of notices."""

from __future__ import annotations

import pytest

from audit.models import Event
from backups import files, operations
from backups import sweeps as backup_sweeps
from backups.models import Backup
from backups.states import State
from base import clock
from base.refusal import Refused
from instances import hsm_operations as hsms
from instances import hsm_sweeps
from instances.hsm_models import HsmCluster
from keys import operations as keys
from kmsconsole.notices import NOTICES
from tests import make
from tests.backups.estate import back_up

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return [str(NOTICES[event.action].title) for event in Event.objects.order_by("pk")
            if event.action in NOTICES and NOTICES[event.action].when(event)]


def test_a_check_of_an_hsm_cluster_that_fails_once_and_when_it_fails_otherwise(alice, bob, softhsm, renewals):
    cluster = make.hsm_cluster(alice, softhsm)
    hsm_sweeps.check_members(make.later(minutes=10))
    assert told() == []
    with softhsm.without("kms-hsm-b"):
        for minutes in (20, 30):
            hsm_sweeps.check_members(make.later(minutes=minutes))
        assert told() == ["A check of an HSM cluster failed"]
        with softhsm.without("kms-hsm-a"):
            hsm_sweeps.check_members(make.later(minutes=40))
            assert told() == ["A check of an HSM cluster failed"] * 2
    renewals.pause_is_over(cluster)
    hsm_sweeps.check_members(make.later(minutes=50))
    with pytest.raises(Refused):
        hsms.check_hsm_cluster(bob(), HsmCluster.objects.get())
    assert told() == ["A check of an HSM cluster failed"] * 2, "neither its end nor somebody who may not check is a failure"


def test_a_backup_whose_keys_do_not_answer(alice, softhsm, renewals):
    cluster = make.hsm_cluster(alice, softhsm)
    home = make.hardware_instance(alice, cluster)
    keys.create_key(alice(), instance=home)
    with softhsm.without("kms-hsm-a", "kms-hsm-b"):
        backup_sweeps.keep(clock.now())
    renewals.pause_is_over(cluster)
    assert Backup.objects.get().state == State.FAILED
    assert told() == ["A backup failed"]


def test_a_backup_whose_process_died(alice, instance):
    made = operations.create_backup(alice(), instance)
    made.move(state=State.RUNNING)
    backup_sweeps.keep(clock.now())
    assert told() == ["A backup failed"]


def test_a_backup_that_another_process_made_first_is_no_failure(alice, instance):
    made = operations.create_backup(alice(), instance)
    stale = Backup.objects.get(pk=made.pk)
    operations.run_backup(make.operator(), made)
    with pytest.raises(Refused):
        operations.run_backup(make.operator(), stale)
    assert told() == []


def test_a_drill_that_fails(alice, instance, make_key):
    make_key()
    backup = back_up(alice, instance)
    files.path_of(backup.pk).write_bytes(files.path_of(backup.pk).read_bytes()[:-1])
    backup_sweeps.keep(clock.now())
    assert "A restore drill failed" in told()
