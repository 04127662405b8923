"""What the clock does with backups: daily, final, retried, proved, kept and destroyed; and what a dead process leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from audit.models import Event
from backups import content, files, operations, proofs, sweeps
from backups.models import Backup, Drill
from backups.states import Kind, State, midnight_before, next_midnight
from base import clock
from base.refusal import Refused
from crypto.errors import Unavailable
from instances.models import Instance
from keys.models import KeyMaterial
from tests import make
from tests.backups.estate import back_up, grow

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def keep(at: datetime) -> int:
    return sweeps.keep(at)


def backups(**filters) -> list[tuple[str, str]]:
    return list(Backup.objects.filter(**filters).order_by("began_at", "id").values_list("kind", "state"))


def test_a_day_begins_at_midnight_of_the_billing_zone(settings):
    assert midnight_before(datetime(2026, 5, 1, 15, 59, tzinfo=UTC), settings.KMS_BILLING_ZONE) == datetime(
        2026, 4, 30, 16, tzinfo=UTC)
    assert midnight_before(datetime(2026, 5, 1, 16, tzinfo=UTC), settings.KMS_BILLING_ZONE) == datetime(
        2026, 5, 1, 16, tzinfo=UTC)
    assert next_midnight(datetime(2026, 5, 1, 16, tzinfo=UTC), settings.KMS_BILLING_ZONE) == datetime(2026, 5, 2, 16, tzinfo=UTC)


def test_the_first_one_when_the_instance_is_enabled_then_one_a_day(alice, instance, make_key, settings):
    make_key()
    waiting = make.instance(alice, name="not-enabled", enabled=False)
    now = clock.now()
    keep(now)
    assert backups() == [(Kind.AUTOMATIC, State.SUCCEEDED)]
    assert not keep(now)
    keep(next_midnight(now, settings.KMS_BILLING_ZONE) - timedelta(seconds=1))
    assert len(backups()) == 1
    later = next_midnight(now, settings.KMS_BILLING_ZONE)
    keep(later)
    keep(later + timedelta(hours=3))
    assert len(backups()) == 2
    assert Instance.objects.get(pk=instance.pk).last_backup_at == later
    assert not Backup.objects.filter(instance=waiting).exists()


def test_a_manual_one_beside_it(alice, instance):
    operations.create_backup(alice(), instance)
    with pytest.raises(Refused) as caught:
        operations.create_backup(alice(), instance)
    assert caught.value.first.slug == "backup_under_way"
    keep(clock.now())
    assert backups() == [(Kind.MANUAL, State.SUCCEEDED)]
    keep(clock.now())
    assert len(backups(kind=Kind.AUTOMATIC)) == 1


def test_an_expired_instance_gets_its_final_one(alice, make_key):
    home = make.expired_instance(alice)
    make.keys.create_key(alice(at=home.created_at), instance=home)
    keep(clock.now())
    keep(clock.now())
    assert backups(instance=home) == [(Kind.FINAL, State.SUCCEEDED)]
    assert Backup.objects.get(instance=home).key_count == 1
    assert Instance.objects.get(pk=home.pk).last_backup_at >= home.end_at
    assert Drill.objects.get(instance=home).passed


def test_one_that_failed_is_tried_again_an_hour_later(alice, instance, make_key, monkeypatch):
    make_key()
    real = content.write

    def unavailable(*args):
        raise Unavailable

    monkeypatch.setattr(content, "write", unavailable)
    now = clock.now()
    keep(now)
    assert backups() == [(Kind.AUTOMATIC, State.FAILED)]
    assert Backup.objects.get().error == "Unavailable"
    assert Event.objects.get(action="RunBackup").outcome == "ServiceUnavailableTemporary"
    assert Instance.objects.get(pk=instance.pk).last_backup_at is None
    assert not list(files.directory().glob("*.draft"))
    monkeypatch.setattr(content, "write", real)
    keep(now + timedelta(minutes=59))
    assert len(backups()) == 1
    keep(now + timedelta(minutes=61))
    assert backups()[1:] == [(Kind.AUTOMATIC, State.SUCCEEDED)]


def test_one_that_fails_does_not_stop_the_others(alice, instance, make_key):
    """The row of an instance key was overwritten: that instance cannot be backed up, and says so."""
    make_key()
    other = make.instance(alice, name="other")
    make.keys.create_key(alice(), instance=other)
    KeyMaterial.objects.filter(version__key__instance=instance).update(stored=b"\0" * 64)
    keep(clock.now())
    assert backups(instance=instance) == [(Kind.AUTOMATIC, State.FAILED)]
    assert backups(instance=other) == [(Kind.AUTOMATIC, State.SUCCEEDED)]


def test_what_a_dead_process_left_is_cleared(alice, instance, make_key):
    make_key()
    made = operations.create_backup(alice(), instance)
    made.move(state=State.RUNNING)
    files.draft_of(made.pk).write_bytes(b"half")
    files.path_of(made.pk).write_bytes(b"whole, but the row was never told")
    with files.held(made.pk):
        keep(clock.now())
        assert Backup.objects.get(pk=made.pk).state == State.RUNNING
        assert files.draft_of(made.pk).exists()
    keep(clock.now())
    made.refresh_from_db()
    assert (made.state, made.error) == (State.FAILED, "died")
    assert not files.draft_of(made.pk).exists()
    assert not files.path_of(made.pk).exists()
    assert Event.objects.filter(action="FailBackup", object_id=made.pk).count() == 1


def test_files_of_no_row_are_never_removed(alice, instance):
    """After the database was lost they are all that is left."""
    stranger = files.path_of("bkp-from-another-database")
    stranger.write_bytes(b"precious")
    keep(clock.now())
    assert stranger.read_bytes() == b"precious"
    stranger.unlink()


def test_released_meanwhile_it_is_no_backup(alice, instance, make_key, monkeypatch):
    make_key()
    asked, real = operations.create_backup(alice(), instance), content.write

    def releasing(*args):
        done = real(*args)
        Instance.objects.filter(pk=instance.pk).update(released_at=clock.now())
        return done

    monkeypatch.setattr(content, "write", releasing)
    with pytest.raises(Refused):
        operations.run_backup(make.operator(), asked)
    assert Backup.objects.get().state == State.FAILED
    assert Instance.objects.get().last_backup_at is None
    assert not files.path_of(asked.pk).exists()


def test_old_automatic_ones_go_but_never_the_newest(alice, instance, make_key):
    make_key()
    start = clock.now() - timedelta(days=200)
    Instance.objects.update(created_at=start, started_at=start)
    made = []
    for number, kind in enumerate((Kind.AUTOMATIC, Kind.MANUAL, Kind.AUTOMATIC)):
        clock_then = make.operator(start + number * DAY)
        made.append(operations.run_backup(clock_then, operations.create_backup(clock_then, instance, kind=kind)))
    sweeps.destroy_due(make.operator(start + timedelta(days=90, seconds=-1)))
    assert Backup.objects.usable().count() == 3
    sweeps.destroy_due(make.operator(start + timedelta(days=150)))
    assert set(Backup.objects.usable()) == set(made[1:])
    gone = Backup.objects.get(pk=made[0].pk)
    assert (gone.destroyed_at, gone.digest) == (start + timedelta(days=150), made[0].digest)
    assert not files.path_of(gone.pk).exists()
    assert Event.objects.get(action="DestroyBackup").object_id == gone.pk


def test_ninety_days_after_the_release_all_is_gone_for_good(alice, instance, make_key):
    grow(alice, instance)
    backup = back_up(alice, instance)
    assert refused(lambda: operations.delete_backup(alice(), backup)) == "backup_of_living_instance"
    now = clock.now()
    Instance.objects.filter(pk=instance.pk).update(released_at=now)
    backup = Backup.objects.select_related("instance").get(pk=backup.pk)
    assert backup.kept_until == now + timedelta(days=90)
    keep(now + timedelta(days=90, seconds=-1))
    assert files.path_of(backup.pk).exists()
    keep(now + timedelta(days=90))
    assert not files.path_of(backup.pk).exists()
    assert refused(lambda: list(operations.foretold(alice(), Backup.objects.get(pk=backup.pk), instance))) == "backup_destroyed"


def test_a_file_is_overwritten_before_it_goes(alice, instance, make_key):
    """Seen through a second name of the same file."""
    make_key()
    backup = back_up(alice, instance)
    Instance.objects.filter(pk=instance.pk).update(released_at=clock.now())
    second = files.directory() / "second-name"
    second.hardlink_to(files.path_of(backup.pk))
    operations.delete_backup(alice(), Backup.objects.select_related("instance").get(pk=backup.pk))
    assert not any(second.read_bytes())
    second.unlink()


def test_a_deletion_that_died_is_finished(alice, instance, make_key):
    make_key()
    backup = back_up(alice, instance)
    backup.move(destroyed_at=clock.now())
    keep(clock.now())
    assert not files.path_of(backup.pk).exists()


def refused(what) -> str:
    with pytest.raises(Refused) as caught:
        what()
    return caught.value.first.slug


def test_the_drill_proves_every_version(alice, instance):
    made = grow(alice, instance)
    backup = back_up(alice, instance)
    drill = operations.run_drill(make.operator(), backup)
    assert (drill.passed, drill.keys, drill.opened, drill.failures) == (True, 7, len({one.version for one in made}), 0)
    standing = proofs.standing_of(instance, clock.now())
    assert (standing.newest, standing.drill) == (backup, drill)
    assert proofs.failed_drills(alice.account.pk) == []


def test_the_drill_notices_material_that_is_not_what_it_was(alice, instance, make_key, monkeypatch):
    key = make_key()
    real = content._saved
    monkeypatch.setattr(content, "_saved", lambda material_key, row, version, held: real(material_key, row, version, held) | {
        "sealed": content._text(material_key.seal(bytes(32), content.backup_identity(row.account_id, row.pk, version.pk)))})
    backup = back_up(alice, instance)
    drill = operations.run_drill(make.operator(), backup)
    assert (drill.passed, drill.failures, len(drill.failed)) == (False, 1, 1)
    assert drill.failed[0].startswith(key.pk)
    assert proofs.failed_drills(alice.account.pk) == [drill]
    assert Event.objects.get(action="RunDrill").outcome == "ok"


def test_drills_come_once_a_day_and_when_asked_for(alice, instance, make_key):
    make_key()
    now = clock.now()
    keep(now)
    keep(now)
    assert Drill.objects.count() == 1
    backup = Backup.objects.get()
    operations.drill_backup(alice(), backup)
    keep(now)
    assert Drill.objects.count() == 2
    sweeps.drill_due(make.operator(now + DAY - timedelta(seconds=1)))
    assert Drill.objects.count() == 2
    sweeps.drill_due(make.operator(now + DAY))
    assert Drill.objects.count() == 3
