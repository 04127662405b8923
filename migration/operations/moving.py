"""One key moves into the instance of its run, and is either old or new at every moment.

Nothing of it interrupts cryptography: a call reads the material of one row, and both copies are the same key.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto.errors import ProviderError, Unavailable
from instances import lookup as instance_lookup
from instances import opening
from instances import rules as instance_rules
from instances.models import Instance, WrappingKey
from keys import creation, quota
from keys.models import Key, KeyMaterial, SpareMaterial
from keys.rotating import DAY
from migration import lookup, rules, stores
from migration.models import Item, Run
from migration.proving import Canary, opens, prove
from migration.states import ItemState


class Halted(Refused):
    """The target takes no key any more: the run stops, and the key in hand stays to be moved."""


@recording.operation("MigrateKey")
def move_key(caller: Caller, run: Run, item: Item) -> Item:
    """1. Decide. 2. Claim the item; it is Copying. 3. The target's provider takes every version, and each copy is written as a
    spare one; Verifying. 4. Each side opens what the other made. 5. In one transaction: room in the instance, the key's row, the
    exchange of the copies, the item and the event; Switched. 6. The material in use opens the canaries of 4, read from the
    database; only then does the old copy get its last day.

    Dead after 2, 3 or 4: the item is Pending again, and spare copies have a date. Dead after 5: `prove_key` does 6.
    """
    key = Key.objects.select_related("instance", "account").get(pk=item.key_id)
    _permit(caller, run, key)
    claim = _claim(item, caller.at)
    try:
        with in_words_of(key):
            pairs = [stores.copy(key, row, opening.wrapping_key_for(caller, key.account, run.instance), caller.at)
                     for row in stores.in_use(key)]
            _advance(item, claim, ItemState.COPYING, {"state": ItemState.VERIFYING, "versions": len(pairs)})
            canaries = proved(key, pairs)
        _switch(caller, run, item, claim, key, pairs, canaries)
    except Refused as refused:
        refused.target = key
        raise
    return prove_key(caller, item, key)


@contextmanager
def in_words_of(key: Key) -> Iterator[None]:
    """The provider's errors as refusals about `key`."""
    try:
        yield
    except Unavailable:
        raise Refused(Refusal("ServiceUnavailableTemporary", {"key": key.pk}, who="operator")) from None
    except ProviderError:
        raise not_proved(key) from None


def not_proved(key: Key) -> Refused:
    """The one reason of K17: the copies are not the same key, or one of them is not there."""
    return Refused(Refusal("InternalFailure", {"key": key.pk}, reason="migration_not_proved", who="operator"))


def _permit(caller: Caller, run: Run, key: Key) -> None:
    """Raises Refused with every reason against this key, and Halted with those against every key."""
    home = Instance.objects.get(pk=run.instance_id)
    run.instance = home
    if halting := instance_rules.not_serving(instance_lookup.facts(caller, home), code="Rejected.Unavailable"):
        raise Halted(*halting)
    _, findings = next(iter(lookup.of_keys(caller.at, [key], home)))
    reasons = list(rules.errors(findings))
    if missing := rules.consents(findings) - frozenset(json.loads(run.accepted)):
        reasons.append(Refusal("InvalidParameter", {"name": "Accept", "rules": sorted(missing)}, reason="migration_not_accepted",
                               who="user"))
    if reasons:
        refused = Refused(*reasons)
        refused.target = key
        raise refused


def _claim(item: Item, at: datetime) -> str:
    claim = secrets.token_hex(8)
    free = Item.objects.filter(pk=item.pk, state=ItemState.PENDING, claim="")
    if not free.update(state=ItemState.COPYING, claim=claim, started_at=at, reason="", finished_at=None):
        raise _taken(item)
    item.state, item.claim, item.started_at = ItemState.COPYING, claim, at
    return claim


def _taken(item: Item) -> Refused:
    return Refused(Refusal("Rejected.StateModifiedFailed", {"key": item.key_id}, reason="migration_taken", who="time"))


def _advance(item: Item, claim: str, seen: ItemState, changes: dict[str, Any]) -> None:
    """Raises Refused where another attempt has the item now."""
    if not Item.objects.filter(pk=item.pk, claim=claim, state=seen).update(**changes):
        raise _taken(item)
    for name, value in changes.items():
        setattr(item, name, value)


def proved(key: Key, pairs: Iterable[stores.Pair]) -> list[Canary]:
    canaries = []
    for pair in pairs:
        found = prove(pair.used, pair.other, key.usage)
        if found is None:
            raise not_proved(key)
        canaries.append(found)
    return canaries


def changes_of(key: Key, home: Instance) -> dict[str, Any]:
    """What the move makes of the row. Rotation goes on where the instance rotates, at most every 365 days."""
    hardware = home.type == Instance.Type.HARDWARE
    changes: dict[str, Any] = creation.protection(creation.Proposal(), hardware=hardware)
    interval = key.rotation_interval_seconds
    if not key.automatic_rotation or interval is None:
        return changes
    if hardware:
        return changes | {"automatic_rotation": False, "rotation_interval_seconds": None, "next_rotation_at": None}
    if interval > rules.ROTATION_DAYS * DAY:
        interval = rules.ROTATION_DAYS * DAY
        changes |= {"rotation_interval_seconds": interval, "next_rotation_at": key.last_rotation_at + timedelta(seconds=interval)}
    return changes


def _switch(caller: Caller, run: Run, item: Item, claim: str, key: Key, pairs: list[stores.Pair], canaries: list[Canary]) -> None:
    changes = changes_of(key, run.instance)
    was = {name: getattr(key, name) for name in changes}
    with transaction.atomic():
        home = Instance.objects.select_for_update(no_key=True).get(pk=run.instance_id)
        reasons = [*instance_rules.not_serving(instance_lookup.facts(caller, home), code="Rejected.Unavailable"),
                   *creation.why_no_room(quota.home_of(caller, home), len(pairs))]
        if reasons:
            raise Halted(*reasons)
        key.move(instance=home, arrived_at=caller.at, edition=Key.Edition.V3, next_try_at=None, **changes)
        stores.exchange(pairs, drop_at=None)
        keep_until = caller.at + timedelta(days=settings.KMS_MIGRATION_KEEP_DAYS)
        _advance(item, claim, ItemState.VERIFYING, {
            "state": ItemState.SWITCHED, "claim": "", "switched_at": caller.at, "keep_until": keep_until,
            "finished_at": caller.at, "canaries": json.dumps([asdict(one) for one in canaries]),
            "before": json.dumps({"was": was, "is": changes}, default=datetime.isoformat)})
        recording.record(caller, "MigrateKey", key, run=run.pk, instance=home.pk, versions=len(pairs), keep_until=keep_until)


@recording.operation("ProveMigratedKey")
def prove_key(caller: Caller, item: Item, key: Key | None = None) -> Item:
    """The material in use opens what the old copy sealed before the move; then the old copy gets its last day. Raises Refused,
    and leaves both copies where they are, where it does not."""
    key = key or Key.objects.select_related("instance", "account").get(pk=item.key_id)
    rows = {row.version_id: row for row in stores.in_use(key)}
    with in_words_of(key):
        for one in json.loads(item.canaries):
            sign = Canary(**one)
            if sign.version in rows and not opens(stores.side_of(key, rows[sign.version]), sign, key.usage):
                raise not_proved(key)
    with transaction.atomic():
        SpareMaterial.objects.filter(version__key=key, drop_at=None).update(drop_at=item.keep_until)
        Item.objects.filter(pk=item.pk).update(proved_at=caller.at)
        recording.record(caller, "ProveMigratedKey", key, run=item.run_id, versions=len(rows))
    item.proved_at = caller.at
    return item


def dry_run_key(caller: Caller, key: Key, findings: tuple[rules.Finding, ...], holder: WrappingKey) -> tuple[Refusal, ...]:
    """What `move_key` would say, after copies that are proved and thrown away. Writes nothing, records nothing: it is a part of
    `dry_run_migration`. findings: of the rules about this key; holder: of the store it would move to."""
    if reasons := rules.errors(findings):
        return reasons
    try:
        for row in stores.in_use(key):
            _try(caller, key, row, holder)
    except Refused as refused:
        return refused.refusals
    return ()


def _try(caller: Caller, key: Key, row: KeyMaterial, holder: WrappingKey) -> None:
    with in_words_of(key):
        pair = stores.copy(key, row, holder, caller.at, keep=False)
        try:
            proved(key, [pair])
        finally:
            stores.forget(pair)

