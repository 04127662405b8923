"""Messages of beat that wake the sweep of this floor."""

from celery import shared_task

from backups import sweeps
from base import clock


@shared_task
def keep_backups() -> None:
    sweeps.keep(clock.now())
