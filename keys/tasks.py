"""Messages of beat that wake the sweeps of this floor; each tells how much its run has done."""

from celery import shared_task

from base import clock
from keys import rewrapping, sweeps, tallies, usage_sweep


@shared_task
def destroy_due_keys() -> int:
    return sweeps.destroy_due(clock.now())


@shared_task
def release_due_instances() -> int:
    return sweeps.release_due(clock.now())


@shared_task
def clear_released_instances() -> int:
    return sweeps.clear_released(clock.now())


@shared_task
def expire_key_material() -> int:
    return sweeps.expire_material(clock.now())


@shared_task
def rotate_due_keys() -> int:
    return sweeps.rotate_due(clock.now())


@shared_task
def forget_import_tokens() -> int:
    return sweeps.forget_import_tokens(clock.now())


@shared_task
def drop_spare_material() -> int:
    return sweeps.drop_spares(clock.now())


@shared_task
def gather_uses() -> int:
    return usage_sweep.gather_uses(clock.now())


@shared_task
def count_large_instances() -> int:
    return tallies.count_large(clock.now())


@shared_task
def rewrap_material() -> int:
    return rewrapping.rewrap_superseded(clock.now())
