"""Before anything moves: what there is, what is chosen, and what would come of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import transaction

from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances.models import Instance, WrappingKey
from keys.models import Key, KeyVersion
from migration import lookup, rules
from migration.models import Item, Run
from migration.operations.moving import dry_run_key
from migration.states import ItemState, RunState


@dataclass(frozen=True, slots=True)
class Assessment:
    """summary: over all keys that have not moved. versions: what they need in the quota of an instance. moved: keys that have."""

    summary: lookup.Summary
    versions: int
    moved: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run would do with a key; no refusals: it moves."""

    key: Key
    refusals: tuple[Refusal, ...]


def permit(caller: Caller, action: str) -> None:
    if denied := why_not_permitted(caller, action):
        raise Refused(*denied)


@recording.operation("AssessMigration")
def assess_migration(caller: Caller, account: str, instance: Instance | None = None) -> Assessment:
    """What 1.0 still holds; with `instance`, judged as a move there."""
    permit(caller, "AssessMigration")
    keys = lookup.legacy_keys(account, caller.at)
    versions = KeyVersion.objects.filter(key__in=keys.order_by().values("pk")).count()
    found = Assessment(lookup.summary(caller.at, keys, instance), versions, moved_from_legacy(account))
    recording.record(caller, "AssessMigration", keys=found.summary.total)
    return found


def moved_from_legacy(account: str) -> int:
    return (Item.objects.filter(run__account_id=account, state=ItemState.SWITCHED).exclude(key__edition=Key.Edition.V1)
            .values("key").distinct().count())


@recording.operation("PlanMigration")
def plan_migration(caller: Caller, instance: Instance, *, keys: Sequence[str] = (), whole: bool = False) -> Run:
    """A draft: nothing is frozen and nothing moves yet. whole: every 1.0 key that can be offered; else the keys named, of which
    each must be a 1.0 key of the account."""
    permit(caller, "PlanMigration")
    chosen = lookup.legacy_keys(instance.account_id, caller.at)
    if not whole:
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            raise Refused(Refusal("InvalidParameter", {"name": "Keys"}, reason="migration_nothing_chosen", who="user"))
        if len(wanted) > rules.BATCH:
            raise Refused(Refusal("InvalidParameter", {"name": "Keys", "limit": rules.BATCH}, reason="migration_too_many",
                                  who="user"))
        chosen = chosen.filter(pk__in=wanted)
        if missing := set(wanted) - set(chosen.values_list("pk", flat=True)):
            raise Refused(Refusal("Forbidden.KeyNotFound", {"key": min(missing)[:64]}, who="user"))
    with transaction.atomic():
        run = Run.objects.create(id=f"mig-{secrets.token_hex(8)}", account_id=instance.account_id, instance=instance, whole=whole,
                                 created_at=caller.at, created_by=caller.principal)
        number = 0
        ids = chosen.values_list("pk", flat=True).iterator(chunk_size=lookup.CHUNK)
        while chunk := list(islice(ids, lookup.CHUNK)):
            Item.objects.bulk_create([Item(run=run, key_id=pk, number=number + place) for place, pk in enumerate(chunk, 1)])
            number += len(chunk)
        if not number:
            raise Refused(Refusal("InvalidParameter", {"name": "Keys"}, reason="migration_nothing_chosen", who="user"))
        recording.record(caller, "PlanMigration", run, instance=instance.pk, keys=number, whole=whole)
    return run


@recording.operation("CancelMigration")
def cancel_migration(caller: Caller, run: Run) -> Run:
    """A draft that nobody wants any more."""
    permit(caller, "CancelMigration")
    if run.state != RunState.DRAFT:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": run.pk}, reason="changed_meanwhile", who="user"))
    with transaction.atomic():
        run.move(state=RunState.CANCELLED, finished_at=caller.at)
        recording.record(caller, "CancelMigration", run)
    return run


@recording.operation("DryRunMigration")
def dry_run_migration(caller: Caller, run: Run, *, after: int = 0, limit: int | None = None) -> Iterator[Prediction]:
    """Every key still to move, from the item behind number `after` on: judged, copied, proved, and the copy thrown away. Writes
    nothing but its own event."""
    permit(caller, "DryRunMigration")
    recording.record(caller, "DryRunMigration", run, after=after)
    return _predictions(caller, run, after, limit)


def _predictions(caller: Caller, run: Run, after: int, limit: int | None) -> Iterator[Prediction]:
    items = lookup.left(run).filter(number__gt=after).select_related("key__instance", "key__account").order_by("number")
    rows = iter(items[:limit] if limit else items.iterator(chunk_size=lookup.CHUNK))
    holder = WrappingKey.objects.filter(instance=run.instance_id).order_by("-generation").first()
    while chunk := [item.key for item in islice(rows, lookup.CHUNK)]:
        for key, findings in lookup.of_keys(caller.at, chunk, run.instance):
            # An instance that was never enabled has no key of its own yet; that stands among the rules of the run.
            yield Prediction(key, dry_run_key(caller, key, findings, holder) if holder else rules.errors(findings))
