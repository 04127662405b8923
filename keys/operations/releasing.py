"""The end of an instance, with everything in it: by its owner's hand, or by the clock.

It stands on this floor because only this floor knows what would be lost. One transaction releases: the instance is marked,
and the key that wraps all material in it is overwritten, so that everything is dead at once. `keys.sweeps.clear_released`
erases the rows afterwards, in its own time, and `instances.hsm_sweeps` what is in tokens; whatever kills the process in
between, the next sweep goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import hsm_objects, lookup, operations, rules, states
from instances.gate import still_as_seen
from instances.models import Instance
from instances.rules import Contents, Facts
from keys import erasing, quota
from keys.models import Key

WhyNot = Callable[[Facts, Contents], tuple[Refusal, ...]]


def why_not_release(action: str, caller: Caller, instance: Instance, *, forced: bool = False) -> tuple[Refusal, ...]:
    """Every reason why `caller` may not release the instance now by ``ReleaseKmsInstance`` or ``RefundInstance``."""
    # Forced, nobody asks what would be lost; and the page of an instance need not count it.
    contents = Contents() if forced else quota.contents(instance)
    return rules.why_not_release(action, lookup.facts(caller, instance, action), contents, forced=forced)


def _release(caller: Caller, action: str, instance: Instance, why_not: WhyNot, **facts: Any) -> Instance:
    """1. Hold the row: nothing new gets in, no use and no other release is under way. 2. Count what is in it, and decide.
    3. Mark it, by its revision, so that a renewal or protection since it was read wins; overwrite its key. 4. Record."""
    with transaction.atomic():
        # SQLite has the one writer already.
        Instance.objects.select_for_update().get(pk=instance.pk)
        contents = quota.contents(instance)
        if reasons := why_not(lookup.facts(caller, instance, action), contents):
            raise Refused(*reasons)
        operations.note_released(caller, instance)
        recording.record(caller, action, instance, name=instance.name, keys=contents.keys, backup_at=instance.last_backup_at,
                         end_at=instance.end_at, **facts)
    erasing.forget_old_pages()
    return instance


def _as_wished(caller: Caller, action: str, instance: Instance, *, forced: bool, revision: int | None) -> Instance:
    still_as_seen(instance, revision)
    return _release(caller, action, instance,
                    lambda facts, contents: rules.why_not_release(action, facts, contents, forced=forced), forced=forced)


@recording.operation("ReleaseKmsInstance")
def release_kms_instance(caller: Caller, instance: Instance, *, force_delete_without_backup: bool = False,
                         revision: int | None = None) -> Instance:
    """Of a pay-as-you-go instance, at any time. Needs a backup that holds all its keys, unless it is forced."""
    return _as_wished(caller, "ReleaseKmsInstance", instance, forced=force_delete_without_backup, revision=revision)


@recording.operation("RefundInstance")
def refund_instance(caller: Caller, instance: Instance, *, force_delete_without_backup: bool = False,
                    revision: int | None = None) -> Instance:
    """Unsubscribes a subscription, which releases the instance. Needs the same backup."""
    return _as_wished(caller, "RefundInstance", instance, forced=force_delete_without_backup, revision=revision)


@recording.operation("ReleaseExpiredInstance")
def release_expired_instance(caller: Caller, instance: Instance) -> Instance:
    """What the clock does when the days to renew are over."""
    return _release(caller, "ReleaseExpiredInstance", instance, lambda facts, contents: _why_not_expired(caller, facts, contents))


def _why_not_expired(caller: Caller, facts: Facts, contents: Contents) -> tuple[Refusal, ...]:
    if facts.renew_by > caller.at:
        return (Refusal("Forbidden.DKMSInstanceStateInvalid", facts.named(renew_by=facts.renew_by), reason="release_not_due"),)
    return rules.why_not_release_expired(facts, contents)


def why_release_waits(caller: Caller, instance: Instance) -> tuple[Refusal, ...]:
    """Why an instance that is due is not released; empty where the next sweep will."""
    return _why_not_expired(caller, lookup.facts(caller, instance, "ReleaseExpiredInstance"), quota.contents(instance))


@recording.operation("ReleaseDelayed")
def delay_release(caller: Caller, instance: Instance) -> Instance:
    """Says once a day that a release is due and what holds it back."""
    reasons = why_release_waits(caller, instance)
    said = instance.release_delayed_at
    if not reasons or reasons[0].slug == "release_not_due" or (said is not None and said > caller.at - states.ONE_DAY):
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"instance": instance.pk}, reason="instance_not_due"))
    with transaction.atomic():
        operations.note_delayed(caller, instance)
        recording.record(caller, "ReleaseDelayed", instance, name=instance.name, reasons=[reason.slug for reason in reasons],
                         keys=quota.contents(instance).keys, backup_at=instance.last_backup_at, end_at=instance.end_at)
    return instance


@recording.operation("ClearReleasedInstance")
def clear_released_instance(caller: Caller, instance: Instance) -> Instance:
    """Notes that the last key of a released instance is a tombstone, and that no token holds anything of it."""
    if instance.released_at is None or instance.cleared_at or Key.objects.left_in(instance).exists() or hsm_objects.left_of(
            instance):
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"instance": instance.pk}, reason="instance_not_due"))
    with transaction.atomic():
        operations.note_cleared(caller, instance)
        recording.record(caller, "ClearReleasedInstance", instance, keys=Key.objects.filter(instance=instance).count())
    return instance
