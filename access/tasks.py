"""Messages of beat that wake the sweeps of this floor; each tells how much its run has done."""

from celery import shared_task

from access import sweeps
from base import clock


@shared_task
def forget_nonces() -> int:
    return sweeps.forget_nonces(clock.real_now())


@shared_task
def forget_sessions() -> int:
    return sweeps.forget_sessions(clock.real_now())
