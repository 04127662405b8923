"""Operations on instances. Ordering and renewing have no call in the vendor's KMS API (the billing API does them); they
are ours, under the names the vendor's billing uses."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from access import freezes
from access.models import Account
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.page import Page
from base.refusal import Refusal, Refused
from instances import lookup, opening, rules, states
from instances.models import Instance

MONTHS = range(1, 37)
# The first instance outlives the longest waiting time of a deletion (366 days), so that none scheduled on the first day
# is caught in an expiry.
FIRST_TERM_MONTHS = 13
DESCRIPTION_LIMIT = 8192


def _permit(action: str, caller: Caller, instance: Instance) -> None:
    if reasons := rules.why_not(action, lookup.facts(caller, instance, action)):
        raise Refused(*reasons)


def _valid_months(months: int) -> None:
    if months not in MONTHS:
        raise Refused(Refusal("InvalidParameter", {"name": "Months", "low": MONTHS[0], "high": MONTHS[-1]},
                              reason="months_out_of_range", who="user"))


@recording.operation("CreateInstance")
def order_instance(caller: Caller, account: Account, *, name: str, months: int = 12, key_quota: int = 1000,
                   secret_quota: int = 0, spec: int = 1000) -> Instance:
    """A software instance in status Uninitialized; it takes keys once it is enabled. Its term begins now and ends at
    midnight of the billing zone."""
    if denied := (*why_not_permitted(caller, "CreateInstance"), *freezes.why_frozen(account.pk, caller.at)):
        raise Refused(*denied)
    _valid_months(months)
    with transaction.atomic():
        instance = Instance.objects.create(
            id=ids.instance_id(caller.at), account=account, name=name, created_at=caller.at, started_at=caller.at,
            end_at=states.end_of_term(caller.at, months, settings.KMS_BILLING_ZONE),
            key_quota=key_quota, secret_quota=secret_quota, spec=spec)
        recording.record(caller, "CreateInstance", instance, end_at=instance.end_at, key_quota=key_quota)
    return instance


@recording.operation("ConnectKmsInstance")
def enable_instance(caller: Caller, instance: Instance) -> Instance:
    """Makes the instance key and starts serving. The account's first enabled instance becomes its default."""
    _permit("ConnectKmsInstance", caller, instance)
    with transaction.atomic():
        first = lookup.default_instance(instance.account_id) is None
        opening.make_wrapping_key(caller, instance.account, instance)
        instance.move(status=states.Status.CONNECTED, is_default=first)
        recording.record(caller, "ConnectKmsInstance", instance, default=first)
    return instance


@recording.operation("RenewInstance")
def renew_instance(caller: Caller, instance: Instance, *, months: int) -> Instance:
    """Extends the term by `months` from its end, or from now where it has ended; an expired instance serves at once.

    The gap is noted (`lapsed_at`, `resumed_at`): deletions that fell due inside it get a fresh day.
    """
    _permit("RenewInstance", caller, instance)
    _valid_months(months)
    expired = instance.end_at <= caller.at
    # The end is 00:00 of the day after the last day, so the next term counts from that last day.
    start = caller.at if expired else instance.end_at - states.ONE_DAY
    changes = {"end_at": states.end_of_term(start, months, settings.KMS_BILLING_ZONE), "expiry_marked_at": None}
    if expired:
        changes |= {"lapsed_at": instance.end_at, "resumed_at": caller.at}
    with transaction.atomic():
        instance.move(**changes)
        recording.record(caller, "RenewInstance", instance, months=months, end_at=instance.end_at, expired=expired)
    return instance


@recording.operation("SetDeletionProtection")
def set_deletion_protection(caller: Caller, instance: Instance, *, enabled: bool, description: str = "",
                            revision: int | None = None) -> Instance:
    """While it is on, the instance is not released and none of its keys can be scheduled for deletion. Works on an expired
    one too: that is the time to protect it. Switching it off clears who switched it on, when and why."""
    if len(description) > DESCRIPTION_LIMIT:
        raise Refused(Refusal("InvalidParameter", {"name": "DeletionProtectionDescription", "limit": DESCRIPTION_LIMIT},
                              reason="too_long", who="user"))
    _permit("SetDeletionProtection", caller, instance)
    if revision is not None and revision != instance.revision:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": instance.pk}, reason="changed_meanwhile", who="user"))
    with transaction.atomic():
        instance.move(deletion_protection=enabled, deletion_protection_description=description if enabled else "",
                      deletion_protection_by=caller.principal if enabled else "",
                      deletion_protection_at=caller.at if enabled else None)
        recording.record(caller, "SetDeletionProtection", instance, enabled=enabled)
    return instance


@recording.operation("ListKmsInstances")
def list_kms_instances(caller: Caller, *, page_number: int = 1, page_size: int = 20) -> Page:
    if denied := why_not_permitted(caller, "ListKmsInstances"):
        raise Refused(*denied)
    rows = Instance.objects.of(caller.account).filter(released_at=None)
    page = Page.of(rows, page_number, page_size)
    recording.record(caller, "ListKmsInstances")
    return page


@recording.operation("GetKmsInstance")
def get_kms_instance(caller: Caller, instance: Instance) -> Instance:
    _permit("GetKmsInstance", caller, instance)
    recording.record(caller, "GetKmsInstance", instance)
    return instance


@recording.operation("GetDefaultKmsInstance")
def get_default_kms_instance(caller: Caller) -> Instance | None:
    if denied := why_not_permitted(caller, "GetDefaultKmsInstance"):
        raise Refused(*denied)
    instance = lookup.default_instance(caller.account)
    recording.record(caller, "GetDefaultKmsInstance", instance)
    return instance


@recording.operation("ExpireInstance")
def mark_expired_instance(caller: Caller, instance: Instance) -> Instance:
    """Notes that the end has come, once: the event that people and later mails hear of. Service stopped by itself."""
    _permit("ExpireInstance", caller, instance)
    with transaction.atomic():
        instance.move(expiry_marked_at=caller.at)
        recording.record(caller, "ExpireInstance", instance, end_at=instance.end_at)
    return instance
