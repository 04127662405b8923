"""The extension calls, signed, over the wire format of the API."""

from __future__ import annotations

import pytest

from api.calls import CALLS, EXTENSIONS
from backups import sweeps
from base import clock
from base.refusal import Refused
from tests.backups.estate import lose, opens, use

pytestmark = pytest.mark.django_db


def call(who, action: str, **given: str):
    assert action in EXTENSIONS
    return CALLS[action].perform(who(), given)


def test_a_backup_and_a_restore_by_calls_alone(alice, instance, make_key):
    key = make_key()
    made = use(alice(), key)
    asked = call(alice, "CreateBackup", KmsInstanceId=instance.pk)["Backup"]
    assert (asked["Status"], asked["KmsInstanceId"], asked["BackupKind"]) == ("WAITING", instance.pk, "manual")
    sweeps.keep(clock.now())
    told = call(alice, "DescribeBackup", BackupId=asked["BackupId"])["Backup"]
    assert (told["Status"], told["KeyCount"], told["KeyVersionCount"]) == ("SUCCEEDED", 1, 1)
    assert told["Drill"]["Passed"] is True
    listed = call(alice, "ListBackups", KmsInstanceId=instance.pk)
    assert (listed["TotalCount"], listed["Backups"]["Backup"][0]["BackupId"]) == (1, asked["BackupId"])
    lose(instance)
    restore = call(alice, "RestoreBackup", BackupId=asked["BackupId"], KmsInstanceId=instance.pk,
                   KeyIds=f'["{key.pk}","key-nowhere"]')["Restore"]
    sweeps.keep(clock.now())
    done = call(alice, "DescribeRestore", RestoreId=restore["RestoreId"])["Restore"]
    assert (done["Status"], done["Restored"], done["Refused"]) == ("SUCCEEDED", 1, 1)
    assert {line["KeyId"]: line["Reasons"]["Reason"] for line in done["Keys"]["Key"]} == {
        key.pk: [], "key-nowhere": ["restore_not_in_backup"]}
    assert opens(alice(), made[0])
    assert call(alice, "DrillBackup", BackupId=asked["BackupId"]) == {}


@pytest.mark.parametrize(("action", "given", "code"), [
    ("CreateBackup", {"KmsInstanceId": "kst-none"}, "Forbidden.DKMSInstanceNotFound"),
    ("CreateBackup", {}, "MissingParameter"),
    ("DescribeBackup", {"BackupId": "bkp-none"}, "Forbidden.BackupNotFound"),
    ("RestoreBackup", {"BackupId": "", "KmsInstanceId": "kst-none"}, "InvalidParameter"),
    ("DescribeRestore", {"RestoreId": "rst-none"}, "Forbidden.RestoreNotFound"),
])
def test_what_is_not_there(alice, instance, action, given, code):
    with pytest.raises(Refused) as caught:
        call(alice, action, **given)
    assert caught.value.first.code == code


def test_charlie_sees_nothing(alice, charlie, instance):
    asked = call(alice, "CreateBackup", KmsInstanceId=instance.pk)["Backup"]
    assert call(charlie, "ListBackups")["TotalCount"] == 0
    for action in ("DescribeBackup", "DeleteBackup", "DrillBackup"):
        with pytest.raises(Refused) as caught:
            call(charlie, action, BackupId=asked["BackupId"])
        assert caught.value.first.code == "Forbidden.BackupNotFound"


def test_a_living_instances_backup_is_not_deleted(alice, instance):
    asked = call(alice, "CreateBackup", KmsInstanceId=instance.pk)["Backup"]
    with pytest.raises(Refused):
        call(alice, "DeleteBackup", BackupId=asked["BackupId"])
    sweeps.keep(clock.now())
    with pytest.raises(Refused) as caught:
        call(alice, "DeleteBackup", BackupId=asked["BackupId"])
    assert caught.value.first.slug == "backup_of_living_instance"
