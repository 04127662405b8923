"""One change for many keys: what the rules say of each beforehand, then one operation per key, a few at a time.

The run is a row with its items, so it can be left and come back to, and no double click does anything twice:

1. `begin` writes the run with the revision of each key as the preview showed it; nothing is changed yet.
2. `step` takes waiting items one by one. Claim, operation and outcome of an item commit together, and whoever else is at the
   same item waits and then finds it done.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q

from base.caller import Caller
from base.refusal import Refusal, Refused
from keys import gate, lookup, operations, showing
from keys.list_models import BulkItem, BulkRun
from keys.models import Key
from keys.states import State

MOST, MOST_DESTROYED = 100, 50
CHUNK = 10
KEPT = timedelta(days=30)
OK = "ok"


@dataclass(frozen=True, slots=True)
class Kind:
    """action: the operation behind it; perform: (caller, key, revision, options) does it."""

    action: str
    perform: Callable[[Caller, Key, int, Mapping[str, Any]], object]
    destroys: bool = False


KINDS: dict[str, Kind] = {
    "enable": Kind("EnableKey", lambda caller, key, revision, options: operations.enable_key(caller, key, revision=revision)),
    "disable": Kind("DisableKey", lambda caller, key, revision, options: operations.disable_key(caller, key, revision=revision)),
    "tag": Kind("TagResource", lambda caller, key, revision, options: operations.tag_resource(
        caller, key, tags=[(options["name"], options["value"])])),
    "untag": Kind("UntagResource", lambda caller, key, revision, options: operations.untag_resource(
        caller, key, tag_keys=[options["name"]])),
    "delete": Kind("ScheduleKeyDeletion", lambda caller, key, revision, options: operations.schedule_key_deletion(
        caller, key, window_days=options["days"], revision=revision), destroys=True),
    "cancel": Kind("CancelKeyDeletion", lambda caller, key, revision, options: operations.cancel_key_deletion(
        caller, key, revision=revision)),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A key of the preview, with every reason against the change."""

    key: Key
    state: State
    name: str
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item as its page shows it. outcome: empty while it waits."""

    item: BulkItem
    name: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    total: int
    waiting: int
    done: int

    @property
    def finished(self) -> int:
        return self.total - self.waiting

    @property
    def refused(self) -> int:
        return self.finished - self.done


def plan(caller: Caller, kind: str, ids: Sequence[str]) -> list[Planned]:
    """The caller's living keys among `ids`, in that order. Five queries."""
    found = Key.objects.of(caller.account).living(caller.at).select_related("instance").in_bulk(list(dict.fromkeys(ids))[:MOST])
    keys = [found[key_id] for key_id in dict.fromkeys(ids) if key_id in found]
    names = {row.key.pk: row.name for row in showing.rows(caller, keys)}
    return [Planned(key, key.state_at(caller.at), names[key.pk], gate.reasons(KINDS[kind].action, caller, key)) for key in keys]


def begin(caller: Caller, kind: str, options: Mapping[str, Any], chosen: Iterable[tuple[str, int]]) -> BulkRun:
    """chosen: (id of a key, its revision as shown). Keys that are not the caller's are left out here, and seen by nobody."""
    wanted = list(chosen)[:MOST_DESTROYED if KINDS[kind].destroys else MOST]
    mine = set(Key.objects.of(caller.account).filter(pk__in=[key_id for key_id, _ in wanted]).values_list("pk", flat=True))
    with transaction.atomic():
        BulkRun.objects.filter(account=caller.account, principal=caller.principal, created_at__lt=caller.at - KEPT).delete()
        run = BulkRun.objects.create(id=secrets.token_hex(16), account_id=caller.account, principal=caller.principal, action=kind,
                                     options=dict(options), created_at=caller.at)
        BulkItem.objects.bulk_create([BulkItem(run=run, key_id=key_id, position=n, revision=revision)
                                      for n, (key_id, revision) in enumerate(wanted) if key_id in mine])
    return run


def run_for(caller: Caller, run_id: str) -> BulkRun | None:
    """A run belongs to the person who confirmed it."""
    return BulkRun.objects.filter(pk=run_id, account=caller.account, principal=caller.principal).first()


def progress(run: BulkRun) -> Progress:
    found = BulkItem.objects.filter(run=run).aggregate(total=Count("pk"), waiting=Count("pk", filter=Q(outcome="")),
                                                       done=Count("pk", filter=Q(outcome=OK)))
    return Progress(**found)


def step(caller: Caller, run: BulkRun) -> None:
    """The next items; each is its own transaction, its own decision and its own event."""
    for item in BulkItem.objects.filter(run=run, outcome="").order_by("position")[:CHUNK]:
        _do(caller, run, item)


def _do(caller: Caller, run: BulkRun, item: BulkItem) -> None:
    with transaction.atomic():
        if not BulkItem.objects.filter(pk=item.pk, outcome="").update(outcome=OK):
            return
        kind = KINDS[run.action]
        try:
            kind.perform(caller, lookup.key_for_id(caller, item.key_id), item.revision, run.options)
        except Refused as refused:
            BulkItem.objects.filter(pk=item.pk).update(outcome=refused.first.code,
                                                       refusals=[_packed(one) for one in refused.refusals])


def outcomes(run: BulkRun) -> list[Outcome]:
    items = list(BulkItem.objects.filter(run=run).order_by("position"))
    names = showing.names([item.key_id for item in items])
    return [Outcome(item, names.get(item.key_id, item.key_id), tuple(_unpacked(one) for one in item.refusals)) for item in items]


def _packed(refusal: Refusal) -> dict[str, Any]:
    facts = {name: {"at": value.isoformat()} if isinstance(value, datetime) else value if value is None or isinstance(value, int)
             else [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
             for name, value in refusal.facts.items()}
    return {"code": refusal.code, "facts": facts, "reason": refusal.reason, "who": refusal.who, "lifted_by": refusal.lifted_by}


def _unpacked(packed: Mapping[str, Any]) -> Refusal:
    facts = {name: datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
             for name, value in packed["facts"].items()}
    return Refusal(packed["code"], facts, reason=packed["reason"], who=packed["who"], lifted_by=packed["lifted_by"])
