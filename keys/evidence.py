"""What is known about a key before its deletion is scheduled, and what is not: uses, refusals, ciphertexts, names, others who
depend on it, and how much of its life the trail covers. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min
from django.urls import NoReverseMatch, reverse

from access.dates import days_between
from audit.models import Event
from base.caller import Caller
from base.refusal import Refused
from keys import key_policies
from keys.models import Key, KeyUse, KeyVersion
from keys.states import State
from keys.usage import UsedBy, usage_of

MOST = 5
# Pages of floors above that know of something which holds a key. Each answers a fragment of its own at this name, given the
# key's id; where it is not installed, the page says that nothing is known.
SLOTS = ("backups:of_key",)


@dataclass(frozen=True, slots=True)
class Evidence:
    """used, refused: the latest first, `MOST` at most. refused_since: refusals since the key stopped. stopped_at: when it was
    disabled or its deletion scheduled; None while it works, or where the date is not known. log_from: from when on the trail
    tells; covered_days of the key's age_days."""

    used: tuple[UsedBy, ...]
    refused: tuple[UsedBy, ...]
    refused_since: tuple[UsedBy, ...]
    stopped_at: datetime | None
    days_stopped: int | None
    versions: int
    ciphertexts: int
    data_keys: int
    accounts: tuple[str, ...]
    log_from: datetime | None
    covered_days: int
    age_days: int
    slots: tuple[str, ...]
    imported: bool

    @property
    def last_used(self) -> UsedBy | None:
        return self.used[0] if self.used else None

    @property
    def whole_life(self) -> bool:
        return self.covered_days >= self.age_days


def stopped_at(key: Key, state: State) -> datetime | None:
    if state is State.PENDING_DELETION:
        return key.deletion_scheduled_at
    return key.disabled_at if state is State.DISABLED else None


def evidence(caller: Caller, key: Key, state: State) -> Evidence:
    usage, since = usage_of(key), stopped_at(key, state)
    first = _log_from(key)
    return Evidence(
        used=usage.used[:MOST], refused=usage.refused[:MOST],
        refused_since=tuple(one for one in usage.refused if since and one.last_at >= since)[:MOST], stopped_at=since,
        # Whole days that have passed, not started ones: "30 days" must mean thirty.
        days_stopped=(caller.at - since).days if since else None, versions=KeyVersion.objects.filter(key=key).count(),
        ciphertexts=sum(issued.ciphertexts for issued in usage.versions.values()),
        data_keys=sum(issued.data_keys for issued in usage.versions.values()), accounts=_accounts(key), log_from=first,
        covered_days=days_between(max(first, key.created_at), caller.at) if first else 0,
        age_days=days_between(key.created_at, caller.at), slots=_slots(key), imported=key.origin == "EXTERNAL")


def _log_from(key: Key) -> datetime | None:
    """The earliest event of the account. What was gathered into rows before the trail was cut off counts as well."""
    event = Event.objects.filter(account=key.account_id).order_by("pk").values_list("at", flat=True).first()
    day = KeyUse.objects.filter(key_id=key.pk).aggregate(day=Min("day"))["day"]
    if event is None or day is None or day >= event.date():
        return event
    return datetime(day.year, day.month, day.day, tzinfo=event.tzinfo)


def _accounts(key: Key) -> tuple[str, ...]:
    """Other accounts that the key's policy speaks of."""
    try:
        return tuple(sorted(key_policies.accounts_named(key.policy) - {key.account_id}))
    except Refused:
        return ()


def _slots(key: Key) -> tuple[str, ...]:
    found = []
    for name in SLOTS:
        try:
            found.append(reverse(name, args=[key.pk]))
        except NoReverseMatch:
            continue
    return tuple(found)
