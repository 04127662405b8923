"""`kill -9` at every write of a backup, a restore and a deletion: not begun, or completed by the next run; never half."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from django.db import connections

from backups import files, lookup, operations, sweeps
from backups.models import Backup, Drill, Restore, RestoredKey
from backups.states import State
from base import clock
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from tests import make
from tests.backups.estate import back_up, lose, opens, picture, use
from tests.killing import deaths

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def estate(alice, instance, make_key):
    """Two keys, one rotated, with an alias and a tag."""
    made = []
    for number in range(2):
        key = make_key(tags=(("n", str(number)),))
        make.keys.create_alias(alice(), key, alias_name=f"alias/n{number}")
        made += use(alice(), key)
    make.keys.create_key_version(alice(), key)
    return instance, made


def directory() -> set[str]:
    return {path.name for path in files.directory().iterdir() if not path.name.endswith(".lock")}


@pytest.fixture
def clean() -> Iterator[None]:
    for path in files.directory().iterdir():
        path.unlink()
    yield


def test_a_backup(alice, estate, clean):
    """Dead at any write, it is failed by the next sweep and leaves no file; and the next one is whole."""
    home, _ = estate
    places = []
    for made, place in deaths(lambda: operations.create_backup(alice(), home),
                              lambda made: operations.run_backup(make.operator(), made)):
        places.append(place)
        sweeps.clear_dead(make.operator())
        made.refresh_from_db()
        if made.state == State.WAITING:
            sweeps.run_waiting(make.operator())
            made.refresh_from_db()
            assert made.state == State.SUCCEEDED, place
        if made.state == State.SUCCEEDED:
            assert lookup.count_in(made) == (2, 3), place
        else:
            assert (made.state, made.error) == (State.FAILED, "died"), place
            assert not files.path_of(made.pk).exists(), place
        assert directory() == {files.path_of(pk).name for pk in Backup.objects.usable().values_list("pk", flat=True)}, place
        home.refresh_from_db()
        assert (home.last_backup_at is not None) == Backup.objects.usable().exists(), place
    assert len(places) > 4


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_backup_at_the_writes_of_its_file(alice, estate, clean, step, monkeypatch):
    home, _ = estate
    made = operations.create_backup(alice(), home)
    connections.close_all()
    child = os.fork()
    if not child:
        dying = lambda *args, **more: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        monkeypatch.setattr(os, step, dying)
        monkeypatch.setattr(files.Path, "replace", dying)
        operations.run_backup(make.operator(), made)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert directory() == {files.draft_of(made.pk).name}
    sweeps.keep(clock.now())
    made.refresh_from_db()
    assert made.state == State.FAILED
    assert directory() == {files.path_of(pk).name for pk in Backup.objects.usable().values_list("pk", flat=True)}


def test_a_restore(alice, estate, clean):
    """Dead at any write, each key is whole or absent; the next sweep brings the rest and says each key once."""
    home, made = estate
    before, backup = picture(home), back_up(alice, home)
    places = []

    def asked() -> Restore:
        RestoredKey.objects.all().delete()
        Restore.objects.all().delete()
        lose(home)
        return operations.restore_backup(alice(), backup, home)

    for restore, place in deaths(asked, lambda one: operations.run_restore(make.operator(), one)):
        places.append(place)
        half = [row for row in picture(home) if row not in before]
        assert half == [], place
        assert RestoredKey.objects.count() == Key.objects.count(), place
        sweeps.carry_on_restores(make.operator())
        restore.refresh_from_db()
        assert (restore.state, restore.restored, restore.refused) == (State.SUCCEEDED, 2, 0), place
        assert picture(home) == before, place
    assert all(opens(alice(), one) for one in made)
    assert len(places) > 20


def test_a_revival_of_destroyed_keys(alice, estate, clean):
    """The row of a destroyed key is taken up as a whole or stays a tombstone."""
    home, made = estate
    backup = back_up(alice, home)
    lost = Key.objects.first()

    def destroyed() -> Restore:
        RestoredKey.objects.all().delete()
        Restore.objects.all().delete()
        KeyMaterial.objects.filter(version__key=lost).delete()
        Alias.objects.filter(key=lost).delete()
        KeyTag.objects.filter(key=lost).delete()
        Key.objects.filter(pk=lost.pk).update(state="Destroyed", destroyed_at=clock.now(), revision=lost.revision + 1)
        return operations.restore_backup(alice(), backup, home, keys=[lost.pk])

    for restore, place in deaths(destroyed, lambda one: operations.run_restore(make.operator(), one)):
        key = Key.objects.get(pk=lost.pk)
        whole = KeyMaterial.objects.filter(version__key=lost).count() == KeyVersion.objects.filter(key=lost).count()
        assert (key.state == "Enabled") == whole == Alias.objects.filter(key=lost).exists(), place
        sweeps.carry_on_restores(make.operator())
        restore.refresh_from_db()
        assert restore.restored == 1, place
        assert all(opens(alice(), one) for one in made), place


def test_a_deletion(alice, estate, clean):
    """The row says that it is gone, and then it is; or nothing has happened."""
    home, _ = estate

    def released() -> Backup:
        type(home).objects.filter(pk=home.pk).update(released_at=None)
        home.refresh_from_db()
        backup = back_up(alice, home)
        type(home).objects.filter(pk=home.pk).update(released_at=clock.now())
        return Backup.objects.select_related("instance").get(pk=backup.pk)

    for backup, place in deaths(released, lambda one: operations.delete_backup(alice(), one)):
        sweeps.clear_dead(make.operator())
        backup.refresh_from_db()
        assert files.path_of(backup.pk).exists() == (backup.destroyed_at is None), place


def test_a_drill(alice, estate, clean):
    home, _ = estate
    backup = back_up(alice, home)
    for _made, place in deaths(lambda: backup, lambda one: operations.run_drill(make.operator(), one)):
        sweeps.drill_due(make.operator())
        assert Drill.objects.filter(passed=True).exists(), place
