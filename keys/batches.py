"""What sweeps that take many keys in one transaction have in common: which rows are theirs, and where a sweep goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from keys import erasing
from keys.among import among
from keys.models import Key, KeyQuerySet

COLUMNS = ("account", "instance", "kind", "edition", "state", "spec", "protection_level", "storage_mechanism", "revision",
           "delete_at", "deletion_scheduled_at", "deletion_scheduled_by", "material_expires_at", "automatic_rotation",
           "rotation_interval_seconds", "next_rotation_at")
# How many pieces are looked up at once: 20 of 500 ids are a megabyte.
PIECES = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one batch. done: the keys that went. left: those that cannot go in a batch, and have their turn one by one; what another
    sweep holds or has changed is neither."""

    done: Sequence[Key] = ()
    left: Sequence[Key] = ()


def parted(keys: Sequence[Key], goes: Callable[[Key], object]) -> tuple[list[Key], list[Key]]:
    """(those that go, the others)"""
    found: tuple[list[Key], list[Key]] = [], []
    for key in keys:
        found[not goes(key)].append(key)
    return found


def read(rows: KeyQuerySet) -> list[Key]:
    """`rows` with their instances, of which many keys share a few, and with what rules and events look at; the rest is read when
    somebody asks for it."""
    return list(rows.select_related(None).prefetch_related("instance").only(*COLUMNS))


def held(rows: KeyQuerySet) -> list[Key]:
    """The same, and each row is held until the transaction ends. What somebody else holds is left to them: another sweep is at
    it, or a change that this one must not overtake. SQLite has the one writer already."""
    return read(rows.select_for_update(skip_locked=True, of=("self",)))


def still(keys: Sequence[Key]) -> list[Key]:
    """Those of `keys` that nobody has changed since they were read, held likewise."""
    rows = Key.objects.filter(pk__in=among(key.pk for key in keys)).order_by().select_for_update(skip_locked=True)
    same = dict(rows.values_list("pk", "revision"))
    return [key for key in keys if same.get(key.pk) == key.revision]


def erased(due: KeyQuerySet, goes: Callable[[Key], object], erase: Callable[[Sequence[Key]], erasing.Held]) -> Outcome:
    """The rows are held, and the rule `goes` asked, in the transaction that erases. The providers are told after its commit."""
    with transaction.atomic():
        ready, left = parted(held(due), goes)
        gone = erase(ready)
    erasing.release(gone)
    return Outcome(ready, left)


def in_turn(due: KeyQuerySet, size: int) -> Iterator[KeyQuerySet]:
    """`due`, which is ordered by a date and the id, in pieces of `size`; each row once, however it changes meanwhile.

    Several pieces are looked up at once and dealt out by id: keys that were made one after the other lie beside each other in
    the table and most indexes, and a piece that shares pages with itself writes fewer."""
    date = str(due.query.order_by[0])
    many = size * PIECES
    found = list(due.values_list(date, "pk")[:many])
    while found:
        ids = sorted(pk for _, pk in found)
        for start in range(0, len(ids), size):
            yield due.filter(pk__in=among(ids[start:start + size])).order_by("pk")
        at, last = found[-1]
        # The bound on the date alone is what an index can use.
        beyond = Q(**{f"{date}__gte": at}) & (Q(**{f"{date}__gt": at}) | Q(pk__gt=last))
        found = list(due.filter(beyond).values_list(date, "pk")[:many]) if len(found) == many else []
