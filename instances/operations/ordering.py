"""Ordering and enabling: how an instance comes to be."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from access.models import Account
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup, opening, plans, states
from instances.gate import permit, still_as_seen
from instances.models import Instance

# The first instance outlives the longest waiting time of a deletion (366 days), so that none scheduled on the first day
# is caught in an expiry.
FIRST_TERM_MONTHS = 13
# The vendor's word for a software instance: its own machines hold the material.
PROVIDER = "Aliyun"


@recording.operation("CreateInstance")
def order_instance(caller: Caller, account: Account | None = None, *, name: str, months: int = 12, type: str = "software",
                   charge_type: str = "PREPAY", spec: int = 0, key_quota: int = 1000, secret_quota: int = 0,
                   vpc_quota: int = 1, auto_renewal_months: int = 0,
                   grace_policy: str = states.GracePolicy.STOP) -> Instance:
    """An instance in status Uninitialized; it takes keys once it is enabled. Its term begins now and ends at midnight of
    the billing zone; pay-as-you-go has none. account: the caller's own by default. spec 0: the usual plan of the type."""
    order = plans.Order(name, type, charge_type, months, spec, key_quota, secret_quota, vpc_quota, auto_renewal_months,
                        grace_policy)
    if reasons := (*plans.why_not_order(order), *lookup.why_nobody_orders(caller, account.pk if account else "")):
        raise Refused(*reasons)
    end_at = states.end_of_term(caller.at, months, settings.KMS_BILLING_ZONE) if charge_type == "PREPAY" else states.NEVER
    with transaction.atomic():
        instance = Instance.objects.create(
            id=ids.instance_id(caller.at), account=account or Account.objects.get(pk=caller.account), name=name, type=type,
            charge_type=charge_type, created_at=caller.at, started_at=caller.at, end_at=end_at, spec=spec or plans.USUAL[type],
            key_quota=key_quota, secret_quota=secret_quota, vpc_quota=vpc_quota, auto_renewal_months=auto_renewal_months,
            grace_policy=grace_policy)
        recording.record(caller, "CreateInstance", instance, type=type, charge_type=charge_type, end_at=end_at,
                         spec=instance.spec, key_quota=key_quota, secret_quota=secret_quota)
    return instance


@recording.operation("ConnectKmsInstance")
def enable_instance(caller: Caller, instance: Instance, *, km_provider: str = PROVIDER, vpc_id: str = "",
                    zone_ids: tuple[str, ...] = (), vswitch_ids: tuple[str, ...] = (), revision: int | None = None) -> Instance:
    """Makes the instance key and starts serving. The account's first enabled instance becomes its default. Networks are
    noted and told again: there are none here."""
    wrong = [] if km_provider == PROVIDER else [Refusal("InvalidParameter", {"name": "KMProvider", "value": km_provider[:64]},
                                                        reason="unknown_value", who="user")]
    permit("ConnectKmsInstance", caller, instance, *wrong, *plans.why_not_networks(vpc_id, zone_ids, vswitch_ids))
    still_as_seen(instance, revision)
    with transaction.atomic():
        first = lookup.default_instance(instance.account_id) is None
        instance.move(status=states.Status.CONNECTED, is_default=first, vpc_id=vpc_id, zone_ids=[*zone_ids],
                      vswitch_ids=[*vswitch_ids])
        opening.make_wrapping_key(caller, instance.account, instance)
        recording.record(caller, "ConnectKmsInstance", instance, default=first)
    return instance
