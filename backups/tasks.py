"""Messages of beat that wake the sweep of this floor; it tells how much its run has done."""

from celery import shared_task

from backups import sweeps
from base import clock


@shared_task
def keep_backups() -> int:
    return sweeps.keep(clock.now())
