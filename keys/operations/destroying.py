"""DestroyKey: the end of a key, by its own date or with its instance. Only the clock comes here.

One key is a batch of one: the rules, the erasure and the event are the same lines for both. `destroy_key` and
`destroy_with_instance` raise; their batches leave what does not go, and the sweep gives it to them one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from keys import batches, erasing, moving
from keys.among import among
from keys.models import Alias, ImportToken, Key, KeyQuerySet, KeyTag, KeyWord
from keys.states import State


def _is_due(caller: Caller, key: Key) -> bool:
    return key.state == State.PENDING_DELETION and key.state_at(caller.at) is State.DESTROYED


def _is_orphan(key: Key) -> bool:
    """Its instance was released, and its rows still stand."""
    return key.state != State.DESTROYED and key.instance is not None and key.instance.released_at is not None


def _not_due(key: Key) -> Refused:
    return Refused(Refusal("Rejected.StateModifiedFailed", {"key": key.pk}, reason="not_due"))


@recording.operation("DestroyKey")
def destroy_key(caller: Caller, key: Key) -> Key:
    """The end of a scheduled deletion, only for a key whose date has come.

    1. In one transaction: claim the row by its revision (a cancel or a second sweep since then wins or loses here),
    overwrite and remove every wrapped material, free the aliases, write the event. The row stays as the tombstone.
    2. Afterwards tell the provider, which for software keys keeps nothing; a second call does no harm.
    """
    if not _is_due(caller, key):
        raise _not_due(key)
    erasing.release(_bury(caller, [key], caller.at))
    return key


def destroy_keys(caller: Caller, due: KeyQuerySet) -> batches.Outcome:
    """The same for a batch."""
    return batches.erased(due, lambda key: _is_due(caller, key), lambda keys: _bury(caller, keys, caller.at))


@recording.operation("DestroyKey")
def destroy_with_instance(caller: Caller, key: Key) -> Key:
    """The end of a key whose instance was released. The key has been dead since the release, with what wrapped its material; this
    erases the rows.

    Nobody can take a release back, so the provider is told first: a crash in between repeats that, and a second call does
    no harm. The other order could leave material in a provider that nothing points at any more.
    """
    if not _is_orphan(key):
        raise _not_due(key)
    erasing.release(erasing.held_by(key))
    _bury_with_instance(caller, [key])
    return key


def destroy_all_with_instance(caller: Caller, left: KeyQuerySet) -> batches.Outcome:
    """The same for a batch."""
    ready, others = batches.parted(batches.read(left), _is_orphan)
    erasing.release(erasing.held_by(*ready))
    with transaction.atomic():
        ready = batches.still(ready)
        _bury_with_instance(caller, ready)
    return batches.Outcome(ready, others)


def _bury_with_instance(caller: Caller, keys: Sequence[Key]) -> None:
    """All of them of one instance."""
    home = keys[0].instance if keys else None
    if home is not None and home.released_at is not None:
        _bury(caller, keys, home.released_at, released_at=home.released_at, instance=home.pk)


def _bury(caller: Caller, keys: Sequence[Key], at: datetime, **facts: Any) -> erasing.Held:
    """In one transaction: `keys` become their tombstones. Returns what the providers held of them."""
    with transaction.atomic():
        moving.move(keys, state=State.DESTROYED, destroyed_at=at)
        held, ids = erasing.erase(*keys), among(key.pk for key in keys)
        ImportToken.objects.filter(key__in=ids).delete()
        aliases, names = Alias.objects.filter(key__in=ids), defaultdict(list)
        for key, name in aliases.order_by().values_list("key_id", "name"):
            names[key].append(name)
        aliases.delete()
        KeyTag.objects.filter(key__in=ids).delete()
        KeyWord.objects.filter(key__in=ids).delete()
        versions = erasing.versions_in(held)
        recording.write([recording.entry(
            caller, "DestroyKey", key, scheduled_by=key.deletion_scheduled_by, delete_at=key.delete_at,
            scheduled_at=key.deletion_scheduled_at, versions=versions[key.pk], aliases=sorted(names[key.pk]), **facts)
            for key in keys])
    return held
