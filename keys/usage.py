"""Who used a key, when, for what, and what came of it: read from `KeyUse`, and from the audit trail behind its cursor.

A use writes its event and nothing more; `usage_sweep` adds events up into rows a minute or two later, and a reader adds
the rest itself, so what it tells is always whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from audit.models import Event
from audit.recording import OK
from base import ids
from keys.aliasing import PREFIX
from keys.models import Alias, Key, KeyUse, UseCursor
from keys.states import CRYPTOGRAPHY

# ReEncrypt uses two keys; each half is counted under the name of its permission.
RE_ENCRYPT, FROM, TO = "ReEncrypt", "ReEncryptFrom", "ReEncryptTo"
CIPHERTEXTS = frozenset({"Encrypt", "AsymmetricEncrypt", TO})
DATA_KEYS = frozenset({"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateAndExportDataKey"})
NO_USE = "DryRunOperationError"
TRIES = 5


class Use(NamedTuple):
    """What counts as the same use; the columns of `KeyUse` that are unique together."""

    key_id: str
    day: date
    action: str
    principal: str
    outcome: str
    version_id: str


@dataclass(frozen=True, slots=True)
class Total:
    count: int
    last_at: datetime

    def __add__(self, other: Total) -> Total:
        return Total(self.count + other.count, max(self.last_at, other.last_at))


Totals = dict[Use, Total]


@dataclass(frozen=True, slots=True)
class UsedBy:
    """One operation by one caller with one outcome, over all days and versions."""

    action: str
    principal: str
    outcome: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    used: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Issued:
    """What a version has given out, and that will need it again. Of a data key the ciphertext counts as one as well."""

    ciphertexts: int = 0
    data_keys: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """callers: the latest first. days and versions only where something happened."""

    key_id: str
    callers: tuple[UsedBy, ...] = ()
    days: dict[date, Day] = field(default_factory=dict)
    versions: dict[str, Issued] = field(default_factory=dict)

    @property
    def used(self) -> tuple[UsedBy, ...]:
        return tuple(one for one in self.callers if one.outcome == OK)

    @property
    def refused(self) -> tuple[UsedBy, ...]:
        return tuple(one for one in self.callers if one.outcome != OK)

    @property
    def last_used(self) -> UsedBy | None:
        return next(iter(self.used), None)

    @property
    def last_refused(self) -> UsedBy | None:
        return next(iter(self.refused), None)


def events(after: int, upto: int | None = None) -> QuerySet[Event]:
    """The uses in a stretch of the trail. Whoever could not prove who they are has no principal and used nothing."""
    rows = Event.objects.filter(pk__gt=after, action__in=CRYPTOGRAPHY, object_kind__in=("key", "alias"))
    rows = rows.exclude(principal="").exclude(outcome=NO_USE).order_by("pk")
    return rows if upto is None else rows.filter(pk__lte=upto)


def totals(rows: Iterable[Event]) -> Totals:
    """The uses among `rows`, added up. Costs two queries however many there are."""
    found: Totals = {}
    for use, at in _resolved(list(rows)):
        found[use] = found[use] + Total(1, at) if use in found else Total(1, at)
    return found


class _Mention(NamedTuple):
    """A key as an event names it, by id, alias or ARN, in the words of `account`."""

    event: Event
    account: str
    name: str
    action: str
    version_id: str


def _mentions(event: Event) -> Iterator[_Mention]:
    detail = json.loads(event.detail)
    version = str(detail.get("version", ""))
    if event.action != RE_ENCRYPT:
        yield _mention(event, event.object_id, event.action, version)
        return
    # Refused before its source was known, a ReEncrypt is about its destination.
    destination = str(detail.get("destination", event.object_id))
    if event.outcome == OK or destination != event.object_id:
        yield _mention(event, event.object_id, FROM, version)
    yield _mention(event, destination, TO, str(detail.get("destination_version", "")))


def _mention(event: Event, text: str, action: str, version_id: str) -> _Mention:
    parts = ids.split_arn(text)
    account, name = (parts[1], parts[2].removeprefix("key/")) if parts else (event.account, text)
    return _Mention(event, account, name, action, version_id)


def _resolved(rows: list[Event]) -> Iterator[tuple[Use, datetime]]:
    mentions = [mention for event in rows for mention in _mentions(event)]
    aliases = {mention.name for mention in mentions if mention.name.startswith(PREFIX)}
    by_alias = {(account, name): key for account, name, key in
                Alias.objects.filter(name__in=aliases).values_list("account_id", "name", "key_id")}
    named = {mention: by_alias.get((mention.account, mention.name), mention.name) for mention in mentions}
    owners = dict(Key.objects.filter(pk__in=set(named.values())).values_list("pk", "account_id"))
    for mention, key_id in named.items():
        event, owner = mention.event, owners.get(key_id)
        foreign = owner != event.account
        if owner is None or (foreign and event.outcome == "Forbidden.KeyNotFound"):
            continue  # another account's guess at an id is no use of the key
        who = f"acs:ram::{event.account}:{event.principal}" if foreign else event.principal
        yield Use(key_id, event.at.date(), mention.action, who[:160], event.outcome, mention.version_id[:36]), event.at


def usage_of(key: Key) -> Usage:
    """Everything known of the uses of `key` until now. Seven queries at most, unless a sweep runs in just this moment."""
    names = [key.pk, key.arn]
    for account, name in Alias.objects.filter(key=key).values_list("account_id", "name"):
        names += [name, ids.arn(key.arn.split(":")[2], account, name)]
    about = Q(object_id__in=names) | Q(action=RE_ENCRYPT, detail__contains=key.pk)
    gathered = _cursor()
    for _ in range(TRIES):
        known = {Use(row.key_id, row.day, row.action, row.principal, row.outcome, row.version_id): Total(row.count, row.last_at)
                 for row in KeyUse.objects.filter(key_id=key.pk)}
        rest = totals(events(gathered).filter(about))
        before, gathered = gathered, _cursor()
        if before == gathered:
            break  # else a sweep has moved events into rows meanwhile, and some would count twice
    for use, total in rest.items():
        if use.key_id == key.pk:
            known[use] = known[use] + total if use in known else total
    return _told(key.pk, known)


def _cursor() -> int:
    return UseCursor.objects.values_list("gathered_to", flat=True).first() or 0


def _told(key_id: str, found: Totals) -> Usage:
    callers: dict[tuple[str, str, str], Total] = {}
    days: defaultdict[date, Day] = defaultdict(Day)
    versions: defaultdict[str, Issued] = defaultdict(Issued)
    for use, total in found.items():
        who = (use.action, use.principal, use.outcome)
        callers[who] = callers[who] + total if who in callers else total
        day, good = days[use.day], use.outcome == OK
        days[use.day] = replace(day, used=day.used + good * total.count, refused=day.refused + (not good) * total.count)
        if good and use.action in CIPHERTEXTS | DATA_KEYS:
            issued, more = versions[use.version_id], (use.action in DATA_KEYS) * total.count
            versions[use.version_id] = Issued(issued.ciphertexts + total.count, issued.data_keys + more)
    lately = sorted(callers.items(), key=lambda item: (item[1].last_at, item[0]), reverse=True)
    return Usage(key_id, tuple(UsedBy(*who, total.count, total.last_at) for who, total in lately),
                 dict(sorted(days.items(), reverse=True)), dict(versions))
