"""The commands for operators and scripts, and the walk through a disaster."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from backups import files
from backups.models import Backup, Restore
from keys.models import Key
from tests import make
from tests.backups.estate import lose, opens, use
from tests.kmsconsole.test_commands import run, run_json

pytestmark = pytest.mark.django_db


def test_a_backup_and_its_restore(alice, instance, make_key):
    made = use(alice(), make_key())
    told = run_json("backup_instance", instance.pk)
    assert (told["state"], told["keys"], told["versions"]) == ("SUCCEEDED", 1, 1)
    assert "encryption_key" not in told
    lose(instance)
    dry = run_json("restore_instance", told["backup"], "--into", instance.pk, "--dry-run")
    assert (dry["state"], dry["restored"]) == ("DRY-RUN", 1)
    assert not Key.objects.exists()
    done = run_json("restore_instance", told["backup"], "--into", instance.pk)
    assert (done["state"], done["restored"], done["refused"]) == ("SUCCEEDED", 1, 0)
    assert done["keys"] == dry["keys"]
    assert opens(alice(), made[0])
    assert "refused: restore_key_lives" in run("restore_instance", told["backup"], "--into", instance.pk)


def test_a_file_is_kept_and_restored_with_its_key(alice, instance, make_key, tmp_path, monkeypatch):
    made, kept = use(alice(), make_key()), tmp_path / "kept.kmsbackup"
    told = run_json("backup_instance", instance.pk, "--download", str(kept))
    assert oct(kept.stat().st_mode & 0o777) == "0o600"
    lose(instance)
    with pytest.raises(CommandError, match="backup_key_syntax"):
        run("restore_instance", str(kept), "--into", instance.pk)
    (tmp_path / "key").write_text(told["encryption_key"] + "\n")
    monkeypatch.setenv("KMS_BACKUP_KEY_FILE", str(tmp_path / "key"))
    assert run_json("restore_instance", str(kept), "--into", instance.pk, "--keys", made[0].key)["restored"] == 1
    assert opens(alice(), made[0])
    with pytest.raises(CommandError, match="exists already"):
        run("backup_instance", instance.pk, "--download", str(kept))


def test_after_the_database_is_lost_the_directory_and_the_root_key_are_enough(alice, instance, make_key):
    made = use(alice(), make_key())
    told = run_json("backup_instance", instance.pk)
    lose(instance)
    Restore.objects.all().delete()
    Backup.objects.all().delete()
    new = make.instance(alice, name="new")
    assert run_json("restore_instance", told["file"], "--into", new.pk)["restored"] == 1
    assert opens(alice(), made[0])
    assert files.path_of(told["backup"]).exists()


def test_they_refuse_in_one_line(alice, instance):
    with pytest.raises(CommandError, match="no instance"):
        run("backup_instance", "kst-none")
    with pytest.raises(CommandError, match="no instance"):
        run("restore_instance", "bkp-none", "--into", "kst-none")
    with pytest.raises(CommandError, match="no file and no backup"):
        run("restore_instance", "bkp-none", "--into", instance.pk)
    waiting = make.instance(alice, name="t", enabled=False)
    with pytest.raises(CommandError, match="instance_not_enabled"):
        run("backup_instance", waiting.pk)
