"""The commands for operators and scripts, and the walk through a disaster."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError

from backups import files
from backups.models import Backup, Restore
from instances.models import Instance
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


def walk() -> list[list[str]]:
    """The commands of the disaster walk-through, as docs/backups.md has them."""
    text = (Path(__file__).parents[2] / "docs/backups.md").read_text().partition("## Disaster")[2].partition("\n## ")[0]
    return [shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]


def test_the_walk_through_works_as_written(alice, instance, make_key, tmp_path, monkeypatch):
    made, safe, names = use(alice(), make_key()), tmp_path / "safe", {"$OLD": instance.pk}
    (safe / "backups").mkdir(parents=True)
    lines = walk()
    assert [line[0] for line in lines] == ["manage.py", "export", *["manage.py"] * 3]

    def ready(words: list[str]) -> list[str]:
        for name, value in names.items():
            words = [word.replace(name, value) for word in words]
        return [word.replace("/safe", str(safe)) for word in words]

    told = json.loads(run(*ready(lines[0][1:])))
    (safe / "payments.key").write_text(told["encryption_key"])
    shutil.copy(told["file"], safe / "backups")
    names["$BACKUP"] = told["backup"]

    def fresh_machine() -> None:
        lose(instance)
        names["$NEW"] = make.instance(alice, name="new").pk

    fresh_machine()
    variable, _, value = ready(lines[1][1:])[0].partition("=")
    monkeypatch.setenv(variable, value)
    assert "1 restored, 0 refused (DRY-RUN" in run(*ready(lines[2][1:]))
    assert "1 restored, 0 refused (SUCCEEDED" in run(*ready(lines[3][1:]))
    assert opens(alice(), made[0])
    lose(Instance.objects.get(pk=names["$NEW"]))
    fresh_machine()
    assert "1 restored, 0 refused (SUCCEEDED" in run(*ready(lines[4][1:]))
    assert opens(alice(), made[0])
