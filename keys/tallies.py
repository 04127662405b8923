"""How much is in an instance, and how many deletions are scheduled, for pages and metrics: exact where that is cheap to count,
and elsewhere as the clock last counted it, which they say. Whoever decides about the quota counts for himself (`keys.quota`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count as CountOf

from access import lists
from access.lists import Count
from instances.models import Instance
from keys import quota
from keys.models import InstanceTally, Key, KeyQuerySet, KeyTally
from keys.states import State

EVERY = timedelta(minutes=10)
PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Tally:
    """units: of the quota."""

    units: Count
    keys: Count


def of(now: datetime, instances: Sequence[Instance]) -> dict[str, Tally]:
    """By id. Four queries, of which none reads more than the keys of small instances, or what came since the last count."""
    found = {row.pk: Tally(lists.estimate(row.units), lists.estimate(row.keys))
             for row in InstanceTally.objects.filter(instance__in=instances)}
    small = [one for one in instances if one.pk not in found]
    units = quota.used_by(small)
    keys = dict(Key.objects.living(now).filter(instance__in=small).order_by().values_list("instance").annotate(n=CountOf("pk")))
    return found | {one.pk: Tally(Count(units[one.pk]), Count(keys.get(one.pk, 0))) for one in small}


def pending() -> Count:
    """Keys of all accounts whose deletion is scheduled."""
    counted = KeyTally.objects.filter(pk=PENDING).values_list("keys", flat=True).first()
    found = lists.count(_pending())
    if not found.more:
        return found
    return lists.estimate(counted) if counted is not None else Count(_pending().count())


def _pending() -> KeyQuerySet:
    return Key.objects.filter(state=lists.literal(State.PENDING_DELETION), delete_at__isnull=False).order_by()


def count_large(now: datetime) -> int:
    """What the clock does: counts what is more than ``lists.CAP``, the keys of each such instance and the scheduled deletions,
    every ten minutes, because that reads all of them; returns how many it has counted. What has become little loses its row."""
    return _count_instances(now) + _count_pending(now)


def _count_pending(now: datetime) -> int:
    if not lists.count(_pending()).more:
        KeyTally.objects.filter(pk=PENDING).delete()
        return 0
    if KeyTally.objects.filter(pk=PENDING, counted_at__gt=now - EVERY).exists():
        return 0
    KeyTally.objects.update_or_create(pk=PENDING, defaults={"keys": _pending().count(), "counted_at": now})
    return 1


def _count_instances(now: datetime) -> int:
    large = [home for home in Instance.objects.filter(released_at=None).order_by("pk")
             if lists.count(Key.objects.filter(instance=home)).more]
    InstanceTally.objects.exclude(instance__in=large).delete()
    fresh = set(InstanceTally.objects.filter(counted_at__gt=now - EVERY).values_list("pk", flat=True))
    due = [home for home in large if home.pk not in fresh]
    for home in due:
        InstanceTally.objects.update_or_create(instance=home, defaults={
            "units": quota.used(home), "keys": Key.objects.living(now).filter(instance=home).count(), "counted_at": now})
    return len(due)
