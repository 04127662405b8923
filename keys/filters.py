"""The Filters of ListKeys (reference `keys.md` 2.4): different names are ANDed, values of one name are ORed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from base.caller import Caller
from base.refusal import Refusal, Refused
from instances.states import Status
from keys.models import Alias, Key, KeyQuerySet, KeyTag, serving
from keys.states import State


def _state(values: Sequence[str], now: datetime) -> Q:
    """By the state that shows (`states.state_at`): a key whose instance does not serve is Unavailable and one whose imported
    material has expired waits for it again, whatever their rows say."""
    unavailable = Q(instance__isnull=False) & (~Q(instance__status=Status.CONNECTED) | Q(instance__end_at__lte=now)
                                               | Q(instance__released_at__isnull=False))
    served = serving(now)
    kept = Q(material_expires_at__isnull=True) | Q(material_expires_at__gt=now)
    shown = {
        State.ENABLED: Q(state=State.ENABLED) & kept & served,
        State.DISABLED: Q(state=State.DISABLED) & kept & served,
        State.PENDING_DELETION: Q(state=State.PENDING_DELETION) & served,
        State.PENDING_IMPORT: (Q(state=State.PENDING_IMPORT)
                               | Q(state__in=[State.ENABLED, State.DISABLED], material_expires_at__lte=now)) & served,
        State.UNAVAILABLE: unavailable,
    }
    found = Q(pk__in=[])
    for state, condition in shown.items():
        if state in values:
            found |= condition
    return found


def _creator_type(values: Sequence[str], now: datetime) -> Q:
    kinds = {"Service": Q(kind=Key.Kind.SERVICE), "User": ~Q(kind=Key.Kind.SERVICE)}
    found = Q(pk__in=[])
    for value in values:
        found |= kinds.get(value, Q(pk__in=[]))
    return found


FILTERS: dict[str, Callable[[Sequence[str], datetime], Q]] = {
    "KeyState": _state,
    "KeySpec": lambda values, now: Q(spec__in=values),
    "KeyUsage": lambda values, now: Q(usage__in=values),
    "ProtectionLevel": lambda values, now: Q(protection_level__in=values),
    "CreatorType": _creator_type,
    "DKMSInstanceId": lambda values, now: Q(instance__in=values),
    "keyId": lambda values, now: Q(pk__in=values),
    "AliasName": lambda values, now: Q(pk__in=Alias.objects.filter(name__in=values).values("key")),
    "Creator": lambda values, now: Q(creator__in=values),
    "TagKey": lambda values, now: Q(pk__in=KeyTag.objects.filter(tag_key__in=values).values("key")),
    "TagValue": lambda values, now: Q(pk__in=KeyTag.objects.filter(tag_value__in=values).values("key")),
}


def filtered(caller: Caller, filters: Mapping[str, Sequence[str]]) -> KeyQuerySet:
    """The caller's living keys. Raises Refused on an unknown name; a name without values filters nothing."""
    rows = Key.objects.of(caller.account).living(caller.at)
    if not set(filters) <= set(FILTERS):
        raise Refused(Refusal("InvalidParameter", {"name": "Filters"}, reason="unknown_filter", who="user"))
    for name, values in filters.items():
        if values:
            rows = rows.filter(FILTERS[name](values, caller.at))
    return rows
