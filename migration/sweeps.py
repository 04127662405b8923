"""What the clock brings for migrations: going on where a worker died."""

from __future__ import annotations

import logging
from datetime import datetime

from base import clock
from base.refusal import Refused
from migration import operations, working
from migration.models import Item, Run
from migration.states import ItemState

CHUNK = 500
log = logging.getLogger(__name__)


def advance(now: datetime) -> int:
    """One stretch of work on every run that nobody works on, and the proofs that a dead worker owed; returns how many of both."""
    runs = [run.pk for run in Run.objects.left_alone(now)]
    for run in runs:
        try:
            working.work(lambda: max(now, clock.now()), run)
        except Refused as refused:
            log.warning("migration %s: %s", run, refused)
    return len(runs) + _prove_left(now)


def _prove_left(now: datetime) -> int:
    left = Item.objects.filter(state=ItemState.SWITCHED, proved_at=None, finished_at__lt=now - working.LEASE)
    proved = 0
    for item in left.select_related("run")[:CHUNK]:
        caller = working.worker_of(item.run, now)
        try:
            operations.prove_key(caller, item)
            proved += 1
        except Refused as refused:
            working.not_done(item.run, caller, item, refused)
    return proved
