"""The dictionary of beat against the tasks there are."""

from __future__ import annotations

import pytest

from access import nonces
from access.sweeps import forget_nonces
from base import clock
from kmsconsole.celery import app
from kmsconsole.models import Heartbeat
from kmsconsole.schedule import CLOCK, SCHEDULE, SWEEPS
from kmsconsole.tasks import heartbeat

# Started by a page, and by itself for the next stretch; the sweep of its floor finds what it left.
STARTED_BY_PAGES = {"migration.tasks.advance_migration"}


def our_tasks() -> set[str]:
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_entry_names_a_task_and_every_task_has_an_entry() -> None:
    assert {entry["task"] for entry in SCHEDULE.values()} == our_tasks() - STARTED_BY_PAGES


def test_beat_gets_the_dictionary() -> None:
    app.finalize()
    assert app.conf.beat_schedule == SCHEDULE


def test_the_sweep_command_runs_every_entry_but_the_heartbeat() -> None:
    assert set(SWEEPS) == set(SCHEDULE) - {"heartbeat"}


def test_every_sweep_comes_at_least_once_a_minute() -> None:
    assert all(0 < entry["schedule"] <= 60 for entry in SCHEDULE.values())


def test_messages_are_json_and_dropped_when_nobody_fetches_them() -> None:
    assert all(entry["options"]["expires"] for entry in SCHEDULE.values())
    assert set(app.conf.accept_content) == {"json"}


@pytest.mark.django_db
def test_the_heartbeat_is_one_row_however_often_it_comes() -> None:
    heartbeat()
    heartbeat()
    assert Heartbeat.objects.get().name == CLOCK


@pytest.mark.django_db
def test_old_nonces_are_forgotten_and_young_ones_kept() -> None:
    now = clock.real_now()
    for nonce in ("old", "young"):
        nonces.claim_one("LTAI5t", nonce, keep_until=now + clock.parse_offset("-1s" if nonce == "old" else "1h"))
    assert forget_nonces(now) == 1
    assert forget_nonces(now) == 0
