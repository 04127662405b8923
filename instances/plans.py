"""What can be ordered: types, plans and the ranges of quotas and terms (reference `instances.md` 1.3, 1.4). Pure.

The vendor renews for 1-9, 12, 24 or 36 months; here every number up to 36 is fine, because nobody is paid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from base.refusal import Refusal
from instances.states import GracePolicy

TYPES = ("software", "hardware")
CHARGE_TYPES = ("PREPAY", "POSTPAY")
# Symmetric calls per second. 200 is the vendor's basic edition; 10,000 and 20,000 it sells on request.
PLANS: Mapping[str, tuple[int, ...]] = {"software": (200, 1000, 2000, 4000, 10_000, 20_000), "hardware": (2000, 4000, 6000, 8000)}
USUAL: Mapping[str, int] = {"software": 1000, "hardware": 2000}
KEYS, SECRETS, ACCESS = range(100, 100_001), range(100_001), range(1, 1001)
MONTHS = range(1, 37)
AUTO_RENEWALS = (0, 1, 2, 3, 6, 12, 24, 36)
ZONES = 3
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,128}")
_NETWORK = re.compile(r"[A-Za-z0-9-]{1,64}")


def is_network(text: str) -> bool:
    """An id of a VPC, a zone, a vSwitch, a region or an account. Or nothing, where it may be left out."""
    return not text or _NETWORK.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of an order as given; spec 0 is the usual plan of the type."""

    name: str
    type: str = "software"
    charge_type: str = "PREPAY"
    months: int = 12
    spec: int = 0
    key_quota: int = 1000
    secret_quota: int = 0
    vpc_quota: int = 1
    auto_renewal_months: int = 0
    grace_policy: str = GracePolicy.STOP


def _parameter(name: str, reason: str, **facts: object) -> Refusal:
    return Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user")


def why_not_name(name: str) -> Iterator[Refusal]:
    if not _NAME.fullmatch(name):
        yield _parameter("InstanceName", "instance_name_syntax", value=name[:128])


def why_not_months(months: int) -> Iterator[Refusal]:
    if months not in MONTHS:
        yield _parameter("Months", "months_out_of_range", low=MONTHS[0], high=MONTHS[-1])


def why_not_auto_renewal(months: int) -> Iterator[Refusal]:
    if months not in AUTO_RENEWALS:
        yield _parameter("RenewalPeriod", "auto_renewal_months", months=[number for number in AUTO_RENEWALS if number])


def why_not_grace_policy(policy: str) -> Iterator[Refusal]:
    if policy not in [*GracePolicy]:
        yield _parameter("GracePolicy", "unknown_value", value=policy[:64])


def why_not_quotas(kind: str, spec: int, key_quota: int, secret_quota: int, vpc_quota: int) -> Iterator[Refusal]:
    if spec not in PLANS[kind]:
        yield _parameter("Spec", "no_such_plan", plans=list(PLANS[kind]))
    given = (("KeyNum", key_quota, KEYS), ("SecretNum", secret_quota, SECRETS), ("VpcNum", vpc_quota, ACCESS))
    for name, value, allowed in given:
        if value not in allowed:
            yield _parameter(name, "out_of_range", low=allowed[0], high=allowed[-1])


def why_not_networks(vpc_id: str, zone_ids: tuple[str, ...], vswitch_ids: tuple[str, ...]) -> Iterator[Refusal]:
    """Of enabling. They are labels here, but labels of the vendor's form."""
    for name, values in (("VpcId", (vpc_id,) if vpc_id else ()), ("ZoneIds", zone_ids), ("VSwitchIds", vswitch_ids)):
        if len(values) > ZONES:
            yield _parameter(name, "too_many", limit=ZONES)
        if not all(value and is_network(value) for value in values):
            yield _parameter(name, "network_syntax")


def why_not_order(order: Order) -> tuple[Refusal, ...]:
    """Every reason against these parameters."""
    found = [*why_not_name(order.name), *why_not_grace_policy(order.grace_policy)]
    found += why_not_auto_renewal(order.auto_renewal_months)
    if order.type not in TYPES:
        found.append(_parameter("ProductVersion", "unknown_value", value=order.type[:64]))
    else:
        spec = order.spec or USUAL[order.type]
        found += why_not_quotas(order.type, spec, order.key_quota, order.secret_quota, order.vpc_quota)
    if order.charge_type not in CHARGE_TYPES:
        found.append(_parameter("SubscriptionType", "unknown_value", value=order.charge_type[:64]))
    elif order.charge_type == "PREPAY":
        found += why_not_months(order.months)
    elif order.auto_renewal_months:
        found.append(Refusal("Rejected.UnsupportedOperation", {"name": order.name}, reason="pay_as_you_go_has_no_term"))
    return tuple(found)
