"""Messages of beat that wake the sweeps of this floor."""

from celery import shared_task

from base import clock
from instances import sweeps


@shared_task
def renew_due_instances() -> None:
    sweeps.renew_due(clock.now())


@shared_task
def mark_expired_instances() -> None:
    sweeps.mark_expired(clock.now())


@shared_task
def remind_of_expiries() -> None:
    sweeps.remind(clock.now())
