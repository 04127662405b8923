"""Messages of beat that wake the sweeps of this floor; each tells how much its run has done."""

from celery import shared_task

from base import clock
from instances import hsm_sweeps, sweeps


@shared_task
def renew_due_instances() -> int:
    return sweeps.renew_due(clock.now())


@shared_task
def mark_expired_instances() -> int:
    return sweeps.mark_expired(clock.now())


@shared_task
def remind_of_expiries() -> int:
    return sweeps.remind(clock.now())


@shared_task
def check_hsm_members() -> int:
    return hsm_sweeps.check_members(clock.now())


@shared_task
def clear_hsm_objects() -> int:
    return hsm_sweeps.clear_objects(clock.now())
