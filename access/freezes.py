"""Freezes: written by the floors that move whole estates, read by the gates of those below them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from access.models import Freeze
from base.refusal import Refusal

# How long a freeze outlives a worker that died.
LEASE = timedelta(minutes=10)


def freeze_of(account: str, now: datetime) -> Freeze | None:
    """The freeze in force, one query."""
    return Freeze.objects.filter(account_id=account, until__gt=now).first()


def refusals(freeze: Freeze | None) -> tuple[Refusal, ...]:
    if freeze is None:
        return ()
    return (Refusal("Rejected.MigrationInProgress", {"run": freeze.work, "until": freeze.until}, reason="frozen", who="time",
                    lifted_by="page:migration"),)


def why_frozen(account: str, now: datetime) -> tuple[Refusal, ...]:
    """The reason why nothing of `account` may be created, changed or deleted now; empty where it may."""
    return refusals(freeze_of(account, now))


def begin(account: str, work: str, now: datetime) -> bool:
    """Freezes, or takes over a freeze that has lapsed. False where another work's is in force."""
    fresh = {"work": work, "began_at": now, "until": now + LEASE}
    try:
        with transaction.atomic():
            Freeze.objects.create(account_id=account, **fresh)
    except IntegrityError:
        return bool(Freeze.objects.filter(Q(until__lte=now) | Q(work=work), account_id=account).update(**fresh))
    return True


def extend(account: str, work: str, now: datetime) -> bool:
    """False where the freeze is not this work's any more."""
    return bool(Freeze.objects.filter(account_id=account, work=work).update(until=now + LEASE))


def end(account: str, work: str) -> None:
    Freeze.objects.filter(account_id=account, work=work).delete()
