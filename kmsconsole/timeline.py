"""Everything with a date ahead: what ends, falls due, expires or happens by itself. One source per column; each answers the
nearest few of an account, by an index on its date.

A test walks the models: a column with a date is either a source here or named as a fact of the past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Exists, Max, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access import lists
from backups.models import Backup
from backups.states import KEPT_AFTER_RELEASE
from base.caller import Caller
from instances import states as instance_states
from instances.models import Instance
from keys import showing
from keys.models import Alias, Key
from keys.states import State
from migration.models import Item
from migration.states import ItemState

MOST = 50
AHEAD = timedelta(days=400)
WEEKS = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """kind: of `SOURCES`. name: of the key or instance, with its page."""

    at: datetime
    kind: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Source:
    """word: what happens on the date; tone and icon as everywhere; entries: the nearest ones, by date. columns: which columns
    of which models it tells of."""

    word: str | Promise
    icon: str
    tone: str
    entries: Callable[[Caller], Iterator[Entry]]
    columns: tuple[str, ...]


def _of_instances(caller: Caller) -> Iterable[Instance]:
    return Instance.objects.of(caller.account).filter(released_at=None)


def _url(instance: Instance) -> str:
    return reverse("instances:detail", args=[instance.pk])


def _expiries(caller: Caller) -> Iterator[Entry]:
    for one in _of_instances(caller):
        if one.end_at > caller.at:
            yield Entry(one.end_at, "expiry", str(one), _url(one))


def _last_days(caller: Caller) -> Iterator[Entry]:
    """The end of the 15 days in which an expired instance can be renewed."""
    for one in _of_instances(caller):
        if one.end_at <= caller.at:
            yield Entry(instance_states.renew_by(one.end_at, settings.KMS_BILLING_ZONE), "release", str(one), _url(one))


def _last_backups(caller: Caller) -> Iterator[Entry]:
    """The day on which all backups of a released instance are destroyed, and with them the last way back to its keys."""
    released = Instance.objects.of(caller.account).filter(
        Exists(Backup.objects.usable().filter(instance=OuterRef("pk"))), released_at__gt=caller.at - KEPT_AFTER_RELEASE)
    for one in released:
        yield Entry((one.released_at or caller.at) + KEPT_AFTER_RELEASE, "backup", str(one), _url(one))


def _keys(caller: Caller, kind: str, column: str, **among: object) -> Iterator[Entry]:
    living = Key.objects.only_of(caller.account).living(caller.at).filter(**{f"{column}__gte": caller.at - AHEAD}, **among)
    rows = list(living.select_related("instance").order_by(column, "pk")[:MOST])
    names: dict[str, list[str]] = {}
    for key_id, name in Alias.objects.filter(key__in=rows).values_list("key_id", "name"):
        names.setdefault(key_id, []).append(name)
    for key in rows:
        at: datetime = key.destroyed_from() if column == "delete_at" else getattr(key, column)  # type: ignore[assignment]
        yield Entry(at, kind, showing.name_of(key, names.get(key.pk, ())), reverse("keys:detail", args=[key.pk]))


def _ways_back(caller: Caller) -> Iterator[Entry]:
    """Of each migration, when the last old copy goes that a roll-back could take."""
    kept = Item.objects.filter(run__account_id=caller.account, state=ItemState.SWITCHED, keep_until__gt=caller.at)
    for run, until in kept.order_by().values_list("run").annotate(until=Max("keep_until")).order_by("until", "run")[:MOST]:
        yield Entry(until, "way-back", run, reverse("migration:run", args=[run]))


SOURCES: dict[str, Source] = {
    "deletion": Source(_("Key is destroyed"), "trash-2", "pend",
                       lambda caller: _keys(caller, "deletion", "delete_at", state=lists.literal(State.PENDING_DELETION)),
                       ("Key.delete_at",)),
    "expiry": Source(_("Instance expires"), "server", "warn", _expiries, ("Instance.end_at",)),
    "release": Source(_("Last day to renew"), "circle-x", "bad", _last_days, ()),
    "backup": Source(_("Last backup is destroyed"), "archive-x", "bad", _last_backups, ("Instance.released_at",)),
    "material": Source(_("Imported material expires"), "upload", "warn",
                       lambda caller: _keys(caller, "material", "material_expires_at"), ("Key.material_expires_at",)),
    "rotation": Source(_("Key rotates"), "refresh-cw", "info",
                       lambda caller: _keys(caller, "rotation", "next_rotation_at", automatic_rotation=True,
                                            state=lists.literal(State.ENABLED)), ("Key.next_rotation_at",)),
    "way-back": Source(_("Last day to roll back a migration"), "undo-2", "info", _ways_back, ("Item.keep_until",)),
}


def entries(caller: Caller, kinds: Iterable[str] = ()) -> list[Entry]:
    """By date, the nearest first; of all kinds, or of those named."""
    chosen = [source for kind, source in SOURCES.items() if kind in kinds] or list(SOURCES.values())
    return sorted((entry for source in chosen for entry in source.entries(caller)), key=lambda entry: (entry.at, entry.name))


@dataclass(frozen=True, slots=True)
class Week:
    """starts: the Monday, in the reader's zone; number of entries in it."""

    starts: datetime
    entries: int


def weeks(now: datetime, found: Iterable[Entry]) -> list[Week]:
    """The next twelve weeks, this one first; what is overdue counts into this one."""
    local = timezone.localtime(now)
    monday = local.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=local.weekday())
    counts = [0] * WEEKS
    for entry in found:
        index = max(0, (timezone.localtime(entry.at) - monday).days // 7)
        if index < WEEKS:
            counts[index] += 1
    return [Week(monday + timedelta(weeks=number), count) for number, count in enumerate(counts)]


def by_month(found: Iterable[Entry]) -> list[tuple[datetime, list[Entry]]]:
    """(a day of the month in the reader's zone, its entries), in order."""
    groups = groupby(found, key=lambda entry: (timezone.localtime(entry.at).year, timezone.localtime(entry.at).month))
    listed = [list(group) for _, group in groups]
    return [(group[0].at, group) for group in listed]
