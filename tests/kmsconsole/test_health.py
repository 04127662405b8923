"""/healthz and /readyz."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from access import root
from access.models import RootKeyCheck
from base import clock
from kmsconsole import health
from kmsconsole.models import Heartbeat
from kmsconsole.schedule import CLOCK


@pytest.fixture
def all_well(db: None) -> None:
    root.prepare()
    Heartbeat.beat(CLOCK, clock.real_now())


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]
    return answer.status_code, answer.json()


def test_healthz_touches_nothing() -> None:
    # No database mark on this test: a single query would fail it.
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("all_well")
def test_it_is_ready_when_all_is_well() -> None:
    status, told = ask()
    assert status == 200
    assert told["status"] == "ready"
    assert set(told["checks"].values()) == {"ok"}
    assert told["test_mode"] is False
    assert told["clock_offset"] == ""


@pytest.mark.parametrize(("silence", "status"), [(timedelta(minutes=2, seconds=50), 200), (timedelta(minutes=3), 503)])
@pytest.mark.usefixtures("all_well")
def test_a_clock_that_stopped_three_minutes_ago_is_not_ready(silence: timedelta, status: int) -> None:
    Heartbeat.beat(CLOCK, clock.real_now() - silence)
    assert ask()[0] == status


@pytest.mark.usefixtures("all_well")
def test_a_clock_that_never_ran_is_not_ready() -> None:
    Heartbeat.objects.all().delete()
    status, told = ask()
    assert (status, told["checks"]["clock"]) == (503, "no heartbeat yet")


@pytest.mark.usefixtures("all_well")
def test_another_root_key_is_not_ready() -> None:
    RootKeyCheck.objects.update(check_value="0" * 64)
    status, told = ask()
    assert (status, told["checks"]["root_key"]) == (503, "not the key of this database")


@pytest.mark.usefixtures("all_well")
def test_a_missing_migration_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'keys'")
    health._all_applied.cache_clear()
    status, told = ask()
    assert (status, told["checks"]["migrations"]) == (503, "run manage.py setup")
    health._all_applied.cache_clear()


def test_a_lost_database_is_not_ready_and_says_no_more(monkeypatch: pytest.MonkeyPatch, all_well: None) -> None:
    from django.db import OperationalError

    def gone() -> str:
        raise OperationalError('connection to server at "db.internal" failed for user "kms"')

    monkeypatch.setitem(health.CHECKS, "database", gone)
    status, told = ask()
    assert (status, told["checks"]["database"]) == (503, "database error")
    assert "db.internal" not in str(told)
