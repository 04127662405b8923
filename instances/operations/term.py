"""The term of an instance: renewing it, by hand and by itself, its end, and what reminds of that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import plans, states
from instances.gate import permit, still_as_seen
from instances.models import RENEW_AHEAD, Instance


def _extended(instance: Instance, months: int, now: datetime) -> dict[str, Any]:
    """The columns of an instance whose term is `months` longer. An expired one counts from now, and its gap is noted
    (`lapsed_at`, `resumed_at`): deletions that fell due inside it get a fresh day."""
    expired = instance.end_at <= now
    # The end is 00:00 of the day after the last day, so the next term counts from that last day.
    start = now if expired else instance.end_at - states.ONE_DAY
    changes = {"end_at": states.end_of_term(start, months, settings.KMS_BILLING_ZONE), "expiry_marked_at": None,
               "release_delayed_at": None}
    return changes | ({"lapsed_at": instance.end_at, "resumed_at": now} if expired else {})


@recording.operation("RenewInstance")
def renew_instance(caller: Caller, instance: Instance, *, months: int, revision: int | None = None) -> Instance:
    """Extends the term by `months` from its end, or from now where it has ended; an expired instance serves at once."""
    permit("RenewInstance", caller, instance, *plans.why_not_months(months))
    still_as_seen(instance, revision)
    expired = instance.end_at <= caller.at
    with transaction.atomic():
        instance.move(**_extended(instance, months, caller.at))
        recording.record(caller, "RenewInstance", instance, months=months, end_at=instance.end_at, expired=expired)
    return instance


@recording.operation("SetRenewal")
def set_renewal(caller: Caller, instance: Instance, *, months: int, revision: int | None = None) -> Instance:
    """From now on the clock renews the instance for `months` whenever its end comes; 0 leaves it to people."""
    permit("SetRenewal", caller, instance, *plans.why_not_auto_renewal(months))
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(auto_renewal_months=months)
        recording.record(caller, "SetRenewal", instance, months=months)
    return instance


@recording.operation("SetGracePolicy")
def set_grace_policy(caller: Caller, instance: Instance, *, policy: str, revision: int | None = None) -> Instance:
    """What works between expiry and release: ``stop`` nothing, as the vendor has it; ``drain`` what opens, verifies and
    exports. It may be chosen when the instance has expired, too."""
    permit("SetGracePolicy", caller, instance, *plans.why_not_grace_policy(policy))
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(grace_policy=policy)
        recording.record(caller, "SetGracePolicy", instance, policy=policy)
    return instance


def _not_due(instance: Instance) -> Refused:
    return Refused(Refusal("Rejected.StateModifiedFailed", {"instance": instance.pk}, reason="instance_not_due"))


@recording.operation("RenewInstance")
def renew_automatically(caller: Caller, instance: Instance) -> Instance:
    """What the clock does for an instance with auto-renewal, an hour before its end, or as soon as it runs again."""
    months, released = instance.auto_renewal_months, instance.state_at(caller.at) is states.State.RELEASED
    if not months or released or instance.end_at > caller.at + RENEW_AHEAD:
        raise _not_due(instance)
    permit("RenewInstance", caller, instance)
    expired = instance.end_at <= caller.at
    with transaction.atomic():
        instance.move(**_extended(instance, months, caller.at))
        recording.record(caller, "RenewInstance", instance, months=months, end_at=instance.end_at, expired=expired,
                         automatic=True)
    return instance


@recording.operation("ExpireInstance")
def mark_expired_instance(caller: Caller, instance: Instance) -> Instance:
    """Notes that the end has come, once: the event that people and later mails hear of. Service stopped by itself."""
    if instance.state_at(caller.at) is not states.State.EXPIRED or instance.expiry_marked_at:
        raise _not_due(instance)
    permit("ExpireInstance", caller, instance)
    with transaction.atomic():
        instance.move(expiry_marked_at=caller.at)
        recording.record(caller, "ExpireInstance", instance, name=instance.name, end_at=instance.end_at,
                         renew_by=states.renew_by(instance.end_at, settings.KMS_BILLING_ZONE))
    return instance


@recording.operation("RemindExpiry")
def remind_expiry(caller: Caller, instance: Instance) -> Instance:
    """Says that the end comes, or that the release does. Each instant once; after a stop of the clock the newest only."""
    due = states.reminder(instance.started_at, instance.end_at, caller.at, settings.KMS_BILLING_ZONE)
    said = instance.reminded_at
    if due is None or instance.released_at or instance.auto_renewal_months or (said is not None and said >= due.at):
        raise _not_due(instance)
    permit("RemindExpiry", caller, instance)
    with transaction.atomic():
        instance.move(reminded_at=due.at)
        recording.record(caller, "RemindExpiry", instance, name=instance.name, days_left=due.days_left, expired=due.expired,
                         end_at=instance.end_at, renew_by=states.renew_by(instance.end_at, settings.KMS_BILLING_ZONE))
    return instance
