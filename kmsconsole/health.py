"""/healthz: this process answers. /readyz: all behind it does its work. JSON, no login, no details that help a stranger."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from base import clock
from crypto.errors import MissingRootKey, RootKeyError
from instances import opening
from kmsconsole import environment
from kmsconsole.models import Heartbeat
from kmsconsole.schedule import CLOCK

SILENCE = timedelta(minutes=3)
OK = "ok"


@never_cache
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": OK})


@never_cache
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    checks = {name: _safely(check) for name, check in CHECKS.items()}
    ready = set(checks.values()) == {OK}
    body = {"status": "ready" if ready else "not ready", "checks": checks, "test_mode": settings.KMS_TEST_MODE,
            "clock_offset": environment.text("KMS_CLOCK_OFFSET"), "clock_offset_seconds": int(clock.offset().total_seconds()),
            "now": clock.iso(clock.now())}
    answer = JsonResponse(body, status=200 if ready else 503)
    # A probe asks every few seconds; Django would log each "no" as an error of the program.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _safely(check: Callable[[], str]) -> str:
    """The database's own words name hosts and users; a probe gets ours."""
    try:
        return check()
    except DatabaseError:
        return "database error"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


@functools.cache
def _all_applied(_process: None = None) -> None:
    """Raises LookupError while a migration of this code is missing. Kept once true: a process never gets new code."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise LookupError


def _migrations() -> str:
    try:
        _all_applied()
    except LookupError:
        return "run manage.py setup"
    return OK


def _root_key() -> str:
    try:
        opening.check_root_keys()
    except MissingRootKey as missing:
        return f"generation {missing.generation} is missing"
    except RootKeyError:
        return "not the key of this database"
    return OK


def _clock() -> str:
    last = Heartbeat.last(CLOCK)
    if last is None:
        return "no heartbeat yet"
    silent = clock.real_now() - last
    return OK if silent < SILENCE else f"silent for {int(silent.total_seconds())} s"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "root_key": _root_key,
    "clock": _clock,
}
