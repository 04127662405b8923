"""Messages that wake the worker of a run: of the page that started it, of the stretch before, or of beat."""

import logging

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from base import clock
from migration import sweeps, working

log = logging.getLogger(__name__)


@shared_task
def advance_migration(run_id: str) -> None:
    if working.work(clock.now, run_id):
        wake(run_id)


@shared_task
def advance_migrations() -> int:
    return sweeps.advance(clock.now())


def wake(run_id: str) -> None:
    """Sends the run to a worker once what was written is committed. A message is a nudge: without a broker the next sweep
    finds the run."""
    transaction.on_commit(lambda: _send(run_id))


def _send(run_id: str) -> None:
    try:
        advance_migration.delay(run_id)
    except OperationalError:
        log.warning("the broker does not answer; migration %s goes on with the next sweep", run_id)
