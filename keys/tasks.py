"""Messages of beat that wake the sweeps of this floor."""

from celery import shared_task

from base import clock
from keys import sweeps


@shared_task
def destroy_due_keys() -> None:
    sweeps.destroy_due(clock.now())
