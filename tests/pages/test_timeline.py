"""Everything with a date, and no column of a date forgotten."""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.db import models

from backups import operations as backups
from backups import sweeps
from base import clock
from instances import operations as instances
from instances.models import Instance
from keys import operations as keys
from keys.states import State
from kmsconsole import timeline
from tests import make
from tests.migration import estate as legacy

# Dates of the past, dates that only a sweep reads, and dates of people's sign-in: nothing ahead of anybody.
FACTS = {
    "Event.at", "Account.created_at", "Account.demo_at", "User.last_login", "User.date_joined", "AccessKey.created_at",
    "UsedNonce.forget_at", "NonceGroup.forget_at", "RootKeyCheck.created_at", "Instance.created_at", "Instance.started_at",
    "Instance.lapsed_at",
    "Instance.resumed_at", "Instance.expiry_marked_at", "Instance.last_backup_at", "Instance.deletion_protection_at",
    "WrappingKey.created_at", "WrappingKey.destroyed_at", "Key.created_at", "Key.last_rotation_at", "Key.deletion_scheduled_at",
    "Key.destroyed_at", "Key.next_try_at", "Key.deletion_protection_at", "Key.disabled_at", "BulkRun.created_at",
    "Instance.cleared_at", "Instance.reminded_at", "Instance.release_delayed_at", "PurposeKey.created_at",
    "RootKeyCheck.retired_at", "AccessKey.last_used_at", "Delivery.next_try_at", "Delivery.delivered_at", "Delivery.given_up_at",
    "HsmCluster.created_at", "HsmCluster.checked_at", "HsmCluster.next_check_at", "HsmMember.checked_at",
    "HsmMember.failing_since", "HsmObject.since", "HsmObject.next_try_at", "Backup.began_at", "Backup.ended_at",
    "Backup.destroyed_at", "Download.expires_at", "Restore.asked_at", "Restore.ended_at", "Drill.at", "KeyVersion.created_at",
    "Alias.created_at", "ImportToken.expires_at", "KeyUse.last_at", "Heartbeat.at", "Key.arrived_at", "SpareMaterial.drop_at",
    "Freeze.began_at", "Freeze.until", "Run.created_at", "Run.started_at", "Run.frozen_at", "Run.finished_at", "Run.lease_until",
    "Item.started_at", "Item.switched_at", "Item.proved_at", "Item.finished_at", "InstanceTally.counted_at",
    "KeyTally.counted_at", "SweepRun.at",
}
OURS = ("audit", "access", "instances", "keys", "migration", "backups", "kmsconsole")


def test_no_dated_column_is_missing():
    dated = {f"{model.__name__}.{field.name}" for app in OURS for model in apps.get_app_config(app).get_models()
             for field in model._meta.get_fields() if isinstance(field, models.DateTimeField)}
    told = {column for source in timeline.SOURCES.values() for column in source.columns}
    assert dated - told - FACTS == set()
    assert (told | FACTS) - dated == set(), "no model has these any more"


def test_it_works(alices, alice, make_key, words):
    pending, rotating = make_key(State.PENDING_DELETION), make_key()
    keys.update_rotation_policy(alice(), rotating, enable_automatic_rotation=True, rotation_interval="30d")
    expired = make.expired_instance(alice)
    page = alices.get("/timeline/")
    kinds = [entry.kind for entry in page.context["found"]]
    assert kinds.count("deletion") == kinds.count("rotation") == kinds.count("release") == 1
    assert kinds.count("expiry") == 1
    text = words(page)
    assert pending.pk in text
    assert str(expired) in text
    assert [entry.at for entry in page.context["found"]] == sorted(entry.at for entry in page.context["found"])


def test_kinds_can_be_chosen(alices, alice, make_key):
    make_key(State.PENDING_DELETION)
    assert {entry.kind for entry in alices.get("/timeline/?kind=deletion").context["found"]} == {"deletion"}
    assert len({entry.kind for entry in alices.get("/timeline/?kind=nonsense").context["found"]}) > 1


def test_a_deletion_held_by_an_expired_instance_is_told_by_its_real_date(alice, instance, make_key):
    late = instance.end_at - timedelta(days=3)
    key = keys.schedule_key_deletion(alice(at=late), make_key(), window_days=7)
    renewed = instance.end_at + timedelta(days=10)
    instance.refresh_from_db()
    instances.renew_instance(alice(at=renewed), instance, months=1)
    [entry] = [one for one in timeline.entries(alice(at=renewed)) if one.kind == "deletion"]
    key.refresh_from_db()
    assert entry.at == key.destroyed_from() == renewed + timedelta(days=1)


def test_weeks_count_what_falls_into_them(alice, make_key):
    make_key(State.PENDING_DELETION)
    found = timeline.entries(alice(), ["deletion"])
    weeks = timeline.weeks(clock.now(), found)
    assert len(weeks) == timeline.WEEKS
    assert sum(week.entries for week in weeks) == 1
    assert weeks[1].entries == 1 or weeks[0].entries == 1


def test_charlie_sees_nothing(charlies, make_key, words):
    make_key(State.PENDING_DELETION)
    assert "Nothing is due" in words(charlies.get("/timeline/"))


def test_bob_may_look(bobs, instance):
    assert bobs.get("/timeline/").status_code == 200


def test_the_last_backup_of_a_released_instance_has_its_date(alice, instance, make_key):
    make_key()
    backups.create_backup(alice(), instance)
    sweeps.keep(clock.now())
    keys.refund_instance(alice(), Instance.objects.get(pk=instance.pk), force_delete_without_backup=True)
    [entry] = timeline.entries(alice(), ["backup"])
    released = Instance.objects.get(pk=instance.pk).released_at
    assert entry.at == released + timedelta(days=90)
    assert timeline.entries(alice(at=entry.at + timedelta(seconds=1)), ["backup"]) == []


def test_the_way_back_of_a_migration_ends(alices, alice, instance):
    run = legacy.run_all(alice, legacy.plan(alice, instance, legacy.key(alice), legacy.key(alice)))
    [entry] = [one for one in alices.get("/timeline/").context["found"] if one.kind == "way-back"]
    assert (entry.url, entry.at.date()) == (f"/migration/{run.pk}/", (clock.now() + timedelta(days=7)).date())
    legacy.back(alice, run)
    assert "way-back" not in {one.kind for one in timeline.entries(alice())}
