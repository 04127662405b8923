"""Messages of beat that wake the sweeps of this floor."""

from celery import shared_task

from access import sweeps
from base import clock


@shared_task
def forget_nonces() -> None:
    sweeps.forget_nonces(clock.real_now())


@shared_task
def forget_sessions() -> None:
    sweeps.forget_sessions(clock.real_now())
