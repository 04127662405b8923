"""Messages that wake the worker of a run: of the page that started it, of the stretch before, or of beat."""

from celery import shared_task

from base import clock
from migration import sweeps, working


@shared_task
def advance_migration(run_id: str) -> None:
    if working.work(clock.now, run_id):
        advance_migration.delay(run_id)


@shared_task
def advance_migrations() -> None:
    sweeps.advance(clock.now())
