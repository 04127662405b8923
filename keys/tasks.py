"""Messages of beat that wake the sweeps of this floor."""

from celery import shared_task

from base import clock
from keys import rewrapping, sweeps, tallies, usage_sweep


@shared_task
def destroy_due_keys() -> None:
    sweeps.destroy_due(clock.now())


@shared_task
def release_due_instances() -> None:
    sweeps.release_due(clock.now())


@shared_task
def clear_released_instances() -> None:
    sweeps.clear_released(clock.now())


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


@shared_task
def count_large_instances() -> None:
    tallies.count_large(clock.now())


@shared_task
def rewrap_material() -> None:
    rewrapping.rewrap_superseded(clock.now())
