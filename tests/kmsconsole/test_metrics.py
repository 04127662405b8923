"""/metrics on the port of the pages."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from celery import Task
from django.core.management import call_command
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from access import lists
from base import clock
from keys import tallies
from keys.models import KeyTally
from keys.states import State
from kmsconsole.celery import app
from kmsconsole.models import Heartbeat, SweepRun
from kmsconsole.schedule import CLOCK, SCHEDULE, SWEEPS
from tests import make

pytestmark = pytest.mark.django_db


def numbers(**more: str) -> dict[str, float]:
    answer = Client().get("/metrics", **more)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in answer["Cache-Control"]
    return {family.name: family.samples[0].value for family in text_string_to_metric_families(answer.content.decode())}


def test_it_counts_what_is_due(alice, make_key):
    Heartbeat.beat(CLOCK, clock.real_now() - timedelta(seconds=40))
    make_key(State.PENDING_DELETION)
    make.due_key(alice)
    make.instance(alice, name="soon", at=clock.now() - timedelta(days=350))
    make.expired_instance(alice)
    found = numbers()
    assert 40 <= found.pop("kms_clock_heartbeat_age_seconds") < 60
    assert found == {"kms_keys_pending_deletion": 2, "kms_keys_overdue_for_destruction": 1, "kms_instances_expiring": 1,
                     "kms_instances_expired": 1}


def test_many_scheduled_deletions_are_counted_by_the_clock(make_key, monkeypatch):
    monkeypatch.setattr(lists, "CAP", 2)
    for _ in range(3):
        make_key(State.PENDING_DELETION)
    assert numbers()["kms_keys_pending_deletion"] == 3
    now = clock.now()
    tallies.count_large(now)
    make_key(State.PENDING_DELETION)
    assert numbers()["kms_keys_pending_deletion"] == 3
    tallies.count_large(now + tallies.EVERY / 2)
    assert numbers()["kms_keys_pending_deletion"] == 3
    tallies.count_large(now + tallies.EVERY)
    assert numbers()["kms_keys_pending_deletion"] == 4
    monkeypatch.setattr(lists, "CAP", 9)
    make_key(State.PENDING_DELETION)
    assert numbers()["kms_keys_pending_deletion"] == 5
    tallies.count_large(now + tallies.EVERY)
    assert not KeyTally.objects.exists()


def test_a_clock_that_never_ran_has_no_age():
    assert "kms_clock_heartbeat_age_seconds" not in numbers()


def task(entry: str) -> Task:
    app.loader.import_default_modules()
    return app.tasks[SCHEDULE[entry]["task"]]


def samples(name: str) -> dict[str, float]:
    families = text_string_to_metric_families(Client().get("/metrics").content.decode())
    return {sample.labels["sweep"]: sample.value for family in families for sample in family.samples if sample.name == name}


def test_each_sweep_tells_when_it_last_ran_and_how_much_it_did(alice, make_key):
    for _ in range(2):
        make.due_key(alice)
    for name in ("destroy-due-keys", "rotate-due-keys", "heartbeat"):
        task(name).apply(throw=True)
    assert samples("kms_sweep_changes_total") == {"destroy-due-keys": 2, "rotate-due-keys": 0}
    SweepRun.objects.update(at=clock.real_now() - timedelta(minutes=4))
    make.due_key(alice)
    call_command("sweep", stdout=StringIO())
    assert samples("kms_sweep_changes_total")["destroy-due-keys"] == 3
    ages = samples("kms_sweep_age_seconds")
    assert set(ages) == set(SWEEPS)
    assert all(0 <= age < 60 for age in ages.values())


def test_a_sweep_that_breaks_grows_older(monkeypatch):
    def breaks(now: object) -> int:
        raise RuntimeError("the disk is full")

    SweepRun.note("destroy-due-keys", clock.real_now() - timedelta(minutes=4), 1)
    monkeypatch.setattr("keys.sweeps.destroy_due", breaks)
    task("destroy-due-keys").apply()
    assert samples("kms_sweep_age_seconds")["destroy-due-keys"] >= 240


def test_runs_that_change_nothing_are_written_once_a_minute(django_assert_num_queries):
    at = clock.real_now()
    SweepRun.note("rotate-due-keys", at, 0)
    with django_assert_num_queries(1):
        SweepRun.note("rotate-due-keys", at + timedelta(seconds=30), 0)
    assert SweepRun.objects.get().at == at
    SweepRun.note("rotate-due-keys", at + timedelta(seconds=31), 5)
    SweepRun.note("rotate-due-keys", at + timedelta(seconds=92), 0)
    assert SweepRun.objects.values_list("at", "changes").get() == (at + timedelta(seconds=92), 5)


def test_strangers_find_no_such_page(settings):
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 404
    assert Client().get("/metrics", HTTP_X_FORWARDED_FOR="10.0.0.1").status_code == 404
    settings.KMS_METRICS_TOKEN = "only-for-tests"
    assert Client().get("/metrics").status_code == 404
    assert numbers(REMOTE_ADDR="10.0.0.1", HTTP_AUTHORIZATION="Bearer only-for-tests")
