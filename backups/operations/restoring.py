"""RestoreBackup: what would happen, asking for it, and carrying it out key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from access import freezes
from access.rules import why_not_permitted
from audit import recording
from backups import content, files, lookup, restoring, rules
from backups.models import Backup, Restore, RestoredKey
from backups.restoring import Plan, Work
from backups.states import Outcome, State
from base import ids
from base.caller import Caller
from base.clock import iso
from base.refusal import Refusal, Refused
from crypto.sealed_stream import Unreadable
from instances.lookup import arn_of
from instances.models import Instance

MOST_NAMED = 10_000


def why_not_restore(caller: Caller, backup: Backup, target: Instance) -> tuple[Refusal, ...]:
    """Permission for both sides, the backup, the instance, and a freeze of its account."""
    return (*_why_not_at_all(caller, backup, target), *freezes.why_frozen(target.account_id, caller.at))


def _why_not_at_all(caller: Caller, backup: Backup, target: Instance) -> tuple[Refusal, ...]:
    """Without the freeze, which a restore that was asked for waits out."""
    reasons = (*rules.why_not_use(lookup.facts(caller, backup, "RestoreBackup")),
               *why_not_permitted(caller, "RestoreBackup", arn_of(target)),
               *rules.why_not_into(lookup.place_of(caller, backup, target)))
    return tuple({reason.slug: reason for reason in reasons}.values())


def _decide(caller: Caller, backup: Backup, target: Instance, keys: Sequence[str]) -> None:
    reasons = list(why_not_restore(caller, backup, target))
    if len(keys) > MOST_NAMED:
        reasons.insert(0, Refusal("InvalidParameter", {"name": "KeyIds", "limit": MOST_NAMED}, reason="too_many", who="user"))
    if reasons:
        raise Refused(*reasons)


@contextmanager
def _work(caller: Caller, backup: Backup, target: Instance, *, again: bool) -> Iterator[tuple[Work, Iterator[content.SavedKey]]]:
    """Proves the whole file first: what is damaged anywhere restores nothing. Raises Refused."""
    try:
        lookup.count_in(backup)
        with lookup.opened(backup) as (source, opening, key):
            work = Work(caller, backup, target, key, again=again)
            work.same_fingerprints = json.loads(opening.header).get("fingerprints") == restoring.fingerprint_key()
            yield work, content.read(source, key)
    except Unreadable as error:
        raise lookup.refused_as(error, backup) from None


def foretold(caller: Caller, backup: Backup, target: Instance, *, keys: Sequence[str] = (),
             again: bool = False) -> Iterator[Plan]:
    """What a restore would do with each key, now; changes nothing. Raises Refused before the first where it would do nothing
    at all."""
    _decide(caller, backup, target, keys)
    wanted = frozenset(keys)
    with _work(caller, backup, target, again=again) as (work, saved_keys):
        for saved in saved_keys:
            if wanted and saved.id not in wanted:
                continue
            plan = restoring.planned(work, saved)
            if not plan.refusals:
                work.used += plan.units
                work.taken_aliases |= set(saved.aliases)
            yield plan


@recording.operation("RestoreBackup")
def restore_backup(caller: Caller, backup: Backup, target: Instance, *, keys: Sequence[str] = (), again: bool = False) -> Restore:
    """Asks for the restore; the clock carries it out within seconds (`run_restore`). keys: ids, none for all; again: also those
    that were destroyed on purpose after the backup."""
    _decide(caller, backup, target, keys)
    with transaction.atomic():
        restore = Restore.objects.create(id=ids.restore_id(caller.at), backup=backup, target=target, keys=sorted(set(keys)),
                                         again=again, asked_by=caller.principal, asked_at=caller.at)
        recording.record(caller, "RestoreBackup", backup, restore=restore.pk, instance=target.pk, keys=len(restore.keys),
                         again=again, source=backup.source)
    return restore


def run_restore(caller: Caller, restore: Restore) -> Restore:
    """1. The whole file is proved. 2. Each key comes back in a transaction of its own, with its event and its line of the
    report. 3. The summary. A process that dies in 2 leaves whole keys and lines; the next run skips the lines and goes on.
    Raises Refused, and files.Busy where another process is at it."""
    with files.held(restore.pk):
        return _run(caller, restore)


@recording.operation("RunRestore")
def _run(caller: Caller, restore: Restore) -> Restore:
    restore.refresh_from_db()
    if restore.state in (State.SUCCEEDED, State.FAILED):
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"restore": restore.pk}, reason="changed_meanwhile"))
    restore.move(state=State.RUNNING)
    try:
        if reasons := _why_not_at_all(caller, restore.backup, restore.target):
            raise Refused(*reasons)
        _restore_each(caller, restore)
    except Refused as refused:
        restore.move(state=State.FAILED, ended_at=caller.at, error=refused.first.slug[:64], **_counts(restore))
        raise
    with transaction.atomic():
        restore.move(state=State.SUCCEEDED, ended_at=caller.at, **_counts(restore))
        recording.record(caller, "RunRestore", restore.target, restore=restore.pk, backup=restore.backup_id, by=restore.asked_by,
                         restored=restore.restored, refused=restore.refused)
    return restore


def _restore_each(caller: Caller, restore: Restore) -> None:
    """Skips what an earlier run has done."""
    done = set(RestoredKey.objects.filter(restore=restore).values_list("key_id", flat=True))
    missing = set(restore.keys) - done
    with _work(caller, restore.backup, restore.target, again=restore.again) as (work, saved_keys):
        for saved in saved_keys:
            if saved.id in done or restore.keys and saved.id not in missing:
                continue
            missing.discard(saved.id)
            _one(work, restore, saved)
    for key_id in sorted(missing):
        _refuse(restore, key_id, "", 0, (Refusal("Forbidden.KeyNotFound", {"key": key_id}, reason="restore_not_in_backup"),))


def _one(work: Work, restore: Restore, saved: content.SavedKey) -> None:
    plan = restoring.planned(work, saved)
    if not plan.refusals:
        try:
            restoring.bring_back(work, restore, plan)
        except Refused as refused:
            plan = Plan(saved, refused.refusals)
    if plan.refusals:
        _refuse(restore, saved.id, saved.spec, len(saved.versions), plan.refusals)


def _refuse(restore: Restore, key_id: str, spec: str, versions: int, refusals: tuple[Refusal, ...]) -> None:
    RestoredKey.objects.create(restore=restore, key_id=key_id[:64], spec=spec[:32], versions=versions, outcome=Outcome.REFUSED,
                               reasons=[as_row(refusal) for refusal in refusals])


def as_row(refusal: Refusal) -> dict[str, Any]:
    """A refusal as the report keeps it; `as_refusal` reads it."""
    return {"code": refusal.code, "reason": refusal.slug, "who": refusal.who, "lifted_by": refusal.lifted_by,
            "facts": {name: iso(value) if hasattr(value, "tzinfo") else value for name, value in refusal.facts.items()}}


def as_refusal(row: dict[str, Any]) -> Refusal:
    return Refusal(row["code"], row["facts"], reason=row["reason"], who=row["who"], lifted_by=row["lifted_by"])


def _counts(restore: Restore) -> dict[str, int]:
    lines = RestoredKey.objects.filter(restore=restore)
    return {"restored": lines.filter(outcome=Outcome.RESTORED).count(), "refused": lines.filter(outcome=Outcome.REFUSED).count()}
