"""The worker of a run: takes it for a minute at a time, moves key after key, and can die anywhere.

Whoever holds the lease works; the lease and the freeze grow with every key. What a dead worker had in hand is Pending again
as soon as somebody else takes the run.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from access import freezes
from base.caller import Caller
from base.refusal import Refusal, Refused
from migration import lookup, operations, states
from migration.models import Item, Run
from migration.rules import BATCH
from migration.states import ItemState, RunState

LEASE = timedelta(minutes=1)
log = logging.getLogger(__name__)
Now = Callable[[], datetime]


def worker_of(run: Run, at: datetime) -> Caller:
    """The product, on behalf of whoever started the run."""
    return Caller(run.account_id, run.started_by, "clock", at, ("system",), run.pk, region=settings.KMS_REGION)


def work(now: Now, run_id: str, *, limit: int = BATCH, progress: Callable[[Item], None] | None = None) -> bool:
    """One stretch of work on a run; True where there is more to do. Nothing happens where another worker has it."""
    run = _take(run_id, now())
    if run is None:
        return False
    _put_back(run)
    for item in _todo(run)[:limit]:
        if reason := _why_stop(run, now()):
            operations.end_run(worker_of(run, now()), run, RunState.STOPPED, reason=reason[0])
            return False
        try:
            _one(run, item, now())
        except operations.Halted as halted:
            operations.end_run(worker_of(run, now()), run, RunState.STOPPED, reason=halted.first)
            return False
        if progress is not None:
            progress(item)
    return _leave(run, now())


def _take(run_id: str, at: datetime) -> Run | None:
    """The run, if nobody else's lease on it is in force."""
    worker = secrets.token_hex(8)
    free = Run.objects.filter(Q(lease_until=None) | Q(lease_until__lte=at), pk=run_id, state__in=states.WORKING)
    if not free.update(worker=worker, lease_until=at + LEASE, revision=F("revision") + 1):
        return None
    return Run.objects.select_related("instance").get(pk=run_id)


def _put_back(run: Run) -> None:
    """What the worker before had in hand when it died."""
    Item.objects.filter(run=run, state__in=states.IN_HAND).update(state=ItemState.PENDING, claim="")


def _todo(run: Run) -> list[Item]:
    if run.state == RunState.ROLLING_BACK:
        rows = Item.objects.filter(run=run, state=ItemState.SWITCHED, reason="")
    else:
        rows = Item.objects.filter(run=run, state=ItemState.PENDING)
    return list(rows.order_by("number")[:BATCH])


def _why_stop(run: Run, at: datetime) -> tuple[Refusal | None, ...]:
    """Empty: go on, with a fresh lease. A tuple of None: somebody wants it to stop."""
    with transaction.atomic():
        mine = Run.objects.filter(pk=run.pk, worker=run.worker)
        if mine.filter(stop_wanted=True).exists():
            return (None,)
        if run.frozen_at is not None and at >= run.frozen_at + timedelta(minutes=settings.KMS_MIGRATION_FREEZE_MINUTES):
            return (Refusal("Rejected.LimitExceeded", {"minutes": settings.KMS_MIGRATION_FREEZE_MINUTES},
                            reason="migration_freeze_over", who="administrator"),)
        if not mine.update(lease_until=at + LEASE):
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": run.pk}, reason="changed_meanwhile", who="time"))
        if not freezes.extend(run.account_id, run.pk, at) and not freezes.begin(run.account_id, run.pk, at):
            return (Refusal("Migration.AlreadyRunning", {"run": ""}, reason="migration_already_running", who="time"),)
    return ()


def _one(run: Run, item: Item, at: datetime) -> None:
    """Moves one key, or moves it back; what refuses stands in the item. Raises Halted."""
    caller = worker_of(run, at)
    try:
        if run.state == RunState.ROLLING_BACK:
            operations.roll_back_key(caller, item)
        else:
            operations.move_key(caller, run, item)
    except operations.Halted:
        _keep(item, ItemState.PENDING, None, at)
        raise
    except Refused as refused:
        not_done(run, caller, item, refused)
    except Exception as error:  # noqa: BLE001 - whatever breaks for one key, the others must still have their turn
        log.error("migration %s broke at key %s: %s", run.pk, item.key_id, type(error).__name__)
        broke = Refusal("InternalFailure", {"key": item.key_id}, reason="migration_broke", who="operator")
        not_done(run, caller, item, Refused(broke))


def not_done(run: Run, caller: Caller, item: Item, refused: Refused) -> None:
    """Before the switch the key is as it was. After it the new copy did not prove itself: then the key goes back at once. Where
    a store did not answer, both copies wait for a later proof."""
    now, reason = Item.objects.get(pk=item.pk), refused.first
    if now.state != ItemState.SWITCHED:
        broke = reason.code in ("InternalFailure", "ServiceUnavailableTemporary", "Rejected.StateModifiedFailed")
        _keep(now, ItemState.FAILED if broke else ItemState.REFUSED, reason, caller.at)
    elif run.state == RunState.ROLLING_BACK:
        Item.objects.filter(pk=item.pk).update(reason=lookup.kept(reason))
    elif reason.code != "ServiceUnavailableTemporary":
        log.error("migration %s: key %s goes back, its copy did not prove itself", run.pk, item.key_id)
        operations.roll_back_key(caller, now)
        _keep(now, ItemState.FAILED, reason, caller.at)


def _keep(item: Item, state: ItemState, reason: Refusal | None, at: datetime) -> None:
    Item.objects.filter(pk=item.pk).update(state=state, claim="", reason=lookup.kept(reason) if reason else "",
                                           finished_at=at if reason else None)


def _leave(run: Run, at: datetime) -> bool:
    """Ends the run where nothing is left to do; else lays it down for the next stretch."""
    run = Run.objects.select_related("instance").get(pk=run.pk)
    if _todo(run):
        Run.objects.filter(pk=run.pk, worker=run.worker).update(worker="", lease_until=None)
        return True
    counts = lookup.counts(run)
    back = run.state == RunState.ROLLING_BACK and not counts.get(ItemState.SWITCHED)
    operations.end_run(worker_of(run, at), run, RunState.ROLLED_BACK if back else states.ended(counts))
    return False
