"""Messages of beat that wake the sweeps of this floor."""

from celery import shared_task

from base import clock
from keys import sweeps, usage_sweep


@shared_task
def destroy_due_keys() -> None:
    sweeps.destroy_due(clock.now())


@shared_task
def expire_key_material() -> None:
    sweeps.expire_material(clock.now())


@shared_task
def rotate_due_keys() -> None:
    sweeps.rotate_due(clock.now())


@shared_task
def forget_import_tokens() -> None:
    sweeps.forget_import_tokens(clock.now())


@shared_task
def drop_spare_material() -> None:
    sweeps.drop_spares(clock.now())


@shared_task
def gather_uses() -> None:
    usage_sweep.gather_uses(clock.now())
