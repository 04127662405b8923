"""What `/metrics` tells of each sweep is noted here, whoever ran it: a worker, or `manage.py sweep`."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from django.db import DatabaseError

from base import clock

log = logging.getLogger(__name__)


class NotedTask(Task):
    """A task of the schedule that has come to its end leaves a note; one that broke leaves none, and its age grows."""

    abstract = True

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        # Only here, not at import: Django's apps are not loaded yet when the Celery application is made.
        from kmsconsole.schedule import SCHEDULE, SWEEPS

        for name in SWEEPS:
            if SCHEDULE[name]["task"] == self.name:
                note(name, retval)


def note(name: str, changes: int) -> None:
    from kmsconsole.models import SweepRun

    try:
        SweepRun.note(name, clock.real_now(), changes)
    except DatabaseError as error:
        log.warning("the run of %s could not be noted: %s", name, type(error).__name__)
