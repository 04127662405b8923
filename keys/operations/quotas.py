"""What an instance may hold and holds. It stands on this floor because only this floor can count keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Max

from access.rules import why_not_permitted
from audit import recording
from audit.models import Event
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup
from instances.models import Instance
from keys import quota
from keys.models import Key
from keys.states import CRYPTOGRAPHY

RECENT_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class Quota:
    """resource_type: key, secret, qps or vpc."""

    resource_type: str
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class Quotas:
    instance: Instance
    items: list[Quota]


def _key_versions(caller: Caller, instance: Instance) -> Quota:
    return Quota("key", instance.key_quota, quota.used(instance))


def _calls_a_second(caller: Caller, instance: Instance) -> Quota:
    """Cryptographic calls in the last whole second, from the audit trail; the newest rows are enough to look at."""
    newest = Event.objects.aggregate(newest=Max("pk"))["newest"] or 0
    used = Event.objects.filter(
        account=instance.account_id, pk__gt=newest - RECENT_EVENTS, at=caller.at.replace(microsecond=0) - timedelta(seconds=1),
        action__in=CRYPTOGRAPHY, object_id__in=Key.objects.filter(instance=instance).values("pk")).count()
    return Quota("qps", instance.spec, used)


_READERS: Mapping[str, Callable[[Caller, Instance], Quota]] = {
    "key": _key_versions,
    "secret": lambda caller, instance: Quota("secret", instance.secret_quota, 0),  # there are no secrets yet
    "qps": _calls_a_second,
    "vpc": lambda caller, instance: Quota("vpc", instance.vpc_quota, quota.access_used(instance)),
}


@recording.operation("GetKmsInstanceQuotaInfos")
def get_kms_instance_quota_infos(caller: Caller, instance: Instance | None = None, *, resource_type: str = "") -> Quotas:
    """All four quotas, or the one asked for; without an instance those of the account's default instance."""
    if resource_type and resource_type not in _READERS:
        raise Refused(Refusal("InvalidParameter", {"name": "ResourceType", "value": resource_type[:64]},
                              reason="unknown_value", who="user"))
    instance = instance or lookup.default_instance(caller.account)
    if denied := why_not_permitted(caller, "GetKmsInstanceQuotaInfos", lookup.arn_of(instance) if instance else ""):
        raise Refused(*denied)
    if instance is None:
        raise Refused(Refusal("Forbidden.DKMSInstanceNotFound", {"instance": ""}, reason="no_default_instance", who="user"))
    items = [_READERS[name](caller, instance) for name in ([resource_type] if resource_type else _READERS)]
    recording.record(caller, "GetKmsInstanceQuotaInfos", instance)
    return Quotas(instance, items)
