"""What the clock brings for instances. Each row is its own transaction; lost, doubled and late runs do no harm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.conf import settings

from base.caller import Caller
from base.refusal import Refused
from instances import operations, states
from instances.models import Instance, InstanceQuerySet

log = logging.getLogger(__name__)


def clock_of(now: datetime, instance: Instance) -> Caller:
    """The clock, on behalf of the owner: the event stands in the owner's trail."""
    return replace(Caller.system(now), account=instance.account_id)


def renew_due(now: datetime) -> int:
    """Renews the instances that renew themselves; returns how many."""
    return _each(now, Instance.objects.due_for_renewal(now), operations.renew_automatically)


def mark_expired(now: datetime) -> int:
    """Marks the instances whose end has come; returns how many this run marked."""
    return _each(now, Instance.objects.due_for_marking(now), operations.mark_expired_instance)


def remind(now: datetime) -> int:
    """Writes the reminders whose day has come; returns how many."""
    return _each(now, Instance.objects.due_for_reminder(now), operations.remind_expiry, _reminder_due)


def _reminder_due(now: datetime, instance: Instance) -> bool:
    due = states.reminder(instance.started_at, instance.end_at, now, settings.KMS_BILLING_ZONE)
    return due is not None and (instance.reminded_at is None or instance.reminded_at < due.at)


def _each(now: datetime, due: InstanceQuerySet, work: Callable[[Caller, Instance], object],
          wanted: Callable[[datetime, Instance], bool] = lambda now, instance: True) -> int:
    done = 0
    for instance in list(due):
        if not wanted(now, instance):
            continue
        try:
            work(clock_of(now, instance), instance)
        except Refused:
            continue  # renewed, released or done meanwhile; the refusal stands in the audit trail
        except Exception as error:  # noqa: BLE001 - whatever breaks for one instance, the others must have their turn
            log.error("%s failed for instance %s: %s", getattr(work, "action", "the clock"), instance.pk, type(error).__name__)
            continue
        done += 1
    return done
