"""The Celery application. `kmsconsole.schedule` holds every entry of beat."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmsconsole.settings")
# Celery warns every user 0; in a container that is everybody, and messages are JSON, never pickles.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("kmsconsole", task_cls="kmsconsole.running:NotedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["access", "instances", "keys", "migration", "backups", "kmsconsole"])


@app.on_after_finalize.connect
def read_schedule(sender: Celery, **_: Any) -> None:
    # Only here, not at import: the sweeps need Django's apps, which are not loaded yet when this module is.
    from kmsconsole.schedule import SCHEDULE

    sender.conf.beat_schedule = SCHEDULE


@beat_init.connect
def wake_every_sweep(**_: Any) -> None:
    """Beat sends the first message of an entry one interval after its start; what fell due while nothing ran should not
    wait for that, nor should /readyz."""
    for entry in app.conf.beat_schedule.values():
        app.send_task(entry["task"], **entry["options"])
