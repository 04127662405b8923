"""What the clock brings for backups, in one pass. Each item is its own; one that fails never stops the others.

One pass runs at a time, over all workers of the installation: a backup of a large instance takes minutes, and the clock has
other things to do meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from access.models import Freeze
from backups import files, operations
from backups.models import Backup, Download, Drill, Restore
from backups.states import KEPT_AFTER_RELEASE, ONE_DAY, QUERYABLE, TRY_AGAIN_AFTER, Kind, State, midnight_before
from base.caller import Caller
from base.refusal import Refused
from instances.models import Instance
from instances.states import Status

CHUNK = 100
log = logging.getLogger(__name__)


def keep(now: datetime) -> int:
    """Everything that is due; returns how many things were done. Zero where another worker is at it."""
    caller = Caller.system(now)
    try:
        with files.held("sweep"):
            return sum(step(caller) for step in (
                clear_dead, ask_for_due, run_waiting, carry_on_restores, drill_due, destroy_due, forget))
    except files.Busy:
        return 0


def clear_dead(caller: Caller) -> int:
    """Backups whose process died; and what dead processes and broken deletions left in the directory."""
    done = _each(caller, Backup.objects.filter(state=State.RUNNING), operations.clear_dead_backup)
    gone = Backup.objects.filter(Q(state=State.FAILED) | Q(destroyed_at__isnull=False))
    names = [path.name.removesuffix(files.SUFFIX) for path in files.directory().glob(f"*{files.SUFFIX}")]
    for pk in gone.filter(pk__in=names).values_list("pk", flat=True):
        files.shred(files.path_of(pk))
    return done + files.clear_drafts()


def ask_for_due(caller: Caller) -> int:
    """The daily backup of every instance that serves, the first one right after it was enabled; and the final one of every
    instance that has expired. Whoever has tried within the hour waits."""
    day = midnight_before(caller.at, settings.KMS_BILLING_ZONE)
    mine = Backup.objects.filter(instance=OuterRef("pk"))
    lately = Exists(mine.filter(Q(state__in=(State.WAITING, State.RUNNING))
                                | Q(state=State.FAILED, ended_at__gt=caller.at - TRY_AGAIN_AFTER)))
    living = Instance.objects.filter(released_at=None).exclude(lately).order_by("pk")
    daily = living.filter(status=Status.CONNECTED, end_at__gt=caller.at).exclude(
        Exists(mine.filter(kind=Kind.AUTOMATIC, state=State.SUCCEEDED, began_at__gte=day)))
    # Nothing in an expired instance changes any more, so one backup after its end holds everything.
    final = living.filter(end_at__lte=caller.at).exclude(status=Status.UNINITIALIZED).filter(
        Q(last_backup_at=None) | Q(last_backup_at__lt=F("end_at")))
    return (_each(caller, daily, lambda c, row: operations.create_backup(c, row, kind=Kind.AUTOMATIC))
            + _each(caller, final, lambda c, row: operations.create_backup(c, row, kind=Kind.FINAL)))


def run_waiting(caller: Caller) -> int:
    return _each(caller, Backup.objects.filter(state=State.WAITING), operations.run_backup)


def carry_on_restores(caller: Caller) -> int:
    """Those that wait, and those whose process died: they go on where it stopped. In a freeze nothing comes into an instance."""
    frozen = Exists(Freeze.objects.filter(account=OuterRef("target__account"), until__gt=caller.at))
    waiting = Restore.objects.filter(state__in=(State.WAITING, State.RUNNING)).exclude(frozen)
    return _each(caller, waiting.order_by("asked_at", "pk"), operations.run_restore, broken=_broken_restore)


def _broken_restore(caller: Caller, restore: Restore, error: Exception) -> None:
    Restore.objects.filter(pk=restore.pk).update(state=State.FAILED, ended_at=caller.at, error=type(error).__name__[:64])


def drill_due(caller: Caller) -> int:
    """Asked for; and the newest backup of each instance when it is new, and once a day as long as it stays the newest."""
    lately = Drill.objects.filter(backup=OuterRef("pk"), at__gt=caller.at - ONE_DAY)
    wanted = Backup.objects.usable().provable().filter(drill_wanted=True)
    daily = Backup.objects.newest_of_each().provable().exclude(Exists(lately))
    return sum(_each(caller, rows.order_by("pk"), operations.run_drill) for rows in (wanted, daily))


def destroy_due(caller: Caller) -> int:
    """Automatic backups beyond the queryable range, but never the newest of a living instance; and all that were made of an
    instance whose release lies 90 days back."""
    usable = Backup.objects.usable().filter(instance__isnull=False).exclude(kind=Kind.UPLOADED)
    newer = Backup.objects.usable().filter(instance=OuterRef("instance"), began_at__gt=OuterRef("began_at"))
    old = usable.filter(Exists(newer), kind=Kind.AUTOMATIC, began_at__lte=caller.at - QUERYABLE)
    released = usable.filter(instance__released_at__lte=caller.at - KEPT_AFTER_RELEASE)
    return _each(caller, (old | released).distinct().order_by("pk"), operations.destroy_backup)


def forget(caller: Caller) -> int:
    return Download.objects.filter(expires_at__lte=caller.at).delete()[0]


def _each(caller: Caller, rows: QuerySet[Any], work: Callable[[Caller, Any], object], *,
          broken: Callable[[Caller, Any, Exception], None] | None = None) -> int:
    done = 0
    for row in list(rows[:CHUNK]):
        try:
            work(caller, row)
        except (Refused, files.Busy):
            continue  # decided meanwhile, or another process is at it; a refusal stands in the audit trail
        except Exception as error:  # noqa: BLE001 - whatever breaks for one, the others must still have their turn
            log.error("%s failed for %s: %s", getattr(work, "action", "the clock"), row.pk, type(error).__name__)
            if broken is not None:
                broken(caller, row, error)
            continue
        done += 1
    return done
