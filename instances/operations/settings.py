"""What an owner changes about an instance: name, quotas and plan, default, networks, tags, deletion protection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import plans, tags
from instances.gate import permit, still_as_seen
from instances.models import Instance, InstanceTag

DESCRIPTION_LIMIT = 8192
VPC_FIELDS = ("VpcId", "VSwitchId", "RegionId", "VpcOwnerId")


@recording.operation("UpdateKmsInstance")
def rename_instance(caller: Caller, instance: Instance, *, name: str, revision: int | None = None) -> Instance:
    permit("UpdateKmsInstance", caller, instance, *plans.why_not_name(name))
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(name=name)
        recording.record(caller, "UpdateKmsInstance", instance, name=name)
    return instance


@recording.operation("ModifyInstance")
def upgrade_instance(caller: Caller, instance: Instance, *, spec: int | None = None, key_quota: int | None = None,
                     secret_quota: int | None = None, vpc_quota: int | None = None, revision: int | None = None) -> Instance:
    """A larger plan or larger quotas, at once and without interruption; only upwards. None leaves a value as it is."""
    had = {"spec": instance.spec, "key_quota": instance.key_quota, "secret_quota": instance.secret_quota,
           "vpc_quota": instance.vpc_quota}
    given = {"spec": spec, "key_quota": key_quota, "secret_quota": secret_quota, "vpc_quota": vpc_quota}
    wanted = {name: had[name] if value is None else value for name, value in given.items()}
    names = {"spec": "Spec", "key_quota": "KeyNum", "secret_quota": "SecretNum", "vpc_quota": "VpcNum"}
    wrong = [*plans.why_not_quotas(instance.type, **wanted)] if wanted != had else []
    wrong += [Refusal("InvalidParameter", {"name": names[name], "low": had[name]}, reason="only_upwards", who="user")
              for name in names if wanted[name] < had[name]]
    permit("ModifyInstance", caller, instance, *wrong)
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(**wanted)
        recording.record(caller, "ModifyInstance", instance, before=had, after=wanted)
    return instance


@recording.operation("SetDefaultKmsInstance")
def set_default_instance(caller: Caller, instance: Instance, *, revision: int | None = None) -> Instance:
    """From now on a resource goes there when its caller names no instance. An account has one default."""
    permit("SetDefaultKmsInstance", caller, instance)
    still_as_seen(instance, revision)
    try:
        with transaction.atomic():
            for other in Instance.objects.of(instance.account_id).filter(is_default=True).exclude(pk=instance.pk):
                other.move(is_default=False)
            instance.move(is_default=True)
            recording.record(caller, "SetDefaultKmsInstance", instance)
    except IntegrityError:
        # Two at once, for two instances: the constraint lets one through.
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": instance.pk}, reason="changed_meanwhile",
                              who="user")) from None
    return instance


def _why_not_vpcs(instance: Instance, vpcs: Sequence[Any]) -> list[Refusal]:
    if len(vpcs) > instance.vpc_quota:
        facts = {"instance": instance.pk, "name": instance.name, "limit": instance.vpc_quota, "used": len(vpcs)}
        return [Refusal("Rejected.LimitExceeded", facts, reason="quota_vpcs", who="owner", lifted_by="ModifyInstance")]
    fits = all(isinstance(vpc, Mapping) and set(vpc) <= set(VPC_FIELDS) and vpc.get("VpcId") and vpc.get("VSwitchId")
               and all(isinstance(value, str | int) and plans.is_network(str(value)) for value in vpc.values()) for vpc in vpcs)
    if not fits or len({str(vpc["VpcId"]) for vpc in vpcs}) < len(vpcs):
        return [Refusal("InvalidParameter", {"name": "BindVpcs"}, reason="vpcs_syntax", who="user")]
    return []


@recording.operation("UpdateKmsInstanceBindVpc")
def bind_vpcs(caller: Caller, instance: Instance, *, vpcs: Sequence[Any], revision: int | None = None) -> Instance:
    """Replaces the list of bound VPCs; the VPC of enabling does not stand in it. vpcs: objects of VpcId, VSwitchId and, as far
    as they are known, RegionId and VpcOwnerId. They are labels: there are no networks here."""
    permit("UpdateKmsInstanceBindVpc", caller, instance, *_why_not_vpcs(instance, vpcs))
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(bound_vpcs=[{name: str(vpc.get(name, "")) for name in VPC_FIELDS} for vpc in vpcs])
        recording.record(caller, "UpdateKmsInstanceBindVpc", instance, vpcs=[vpc["VpcId"] for vpc in instance.bound_vpcs])
    return instance


@recording.operation("TagKmsInstance")
def tag_instance(caller: Caller, instance: Instance, *, pairs: Sequence[tuple[str, str]],
                 revision: int | None = None) -> Instance:
    """Adds tags, or gives those of a known name a new value; twenty at most. Through the revision, so the limit holds."""
    missing = [] if pairs else [Refusal("MissingParameter", {"name": "Tag.1.Key"}, who="user")]
    permit("TagKmsInstance", caller, instance, *missing, *tags.why_not_tags(pairs))
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move()
        names = set(InstanceTag.objects.filter(instance=instance).values_list("tag_key", flat=True))
        if len(names | {name for name, _ in pairs}) > tags.LIMIT:
            raise Refused(Refusal("Rejected.LimitExceeded", {"name": "Tags", "limit": tags.LIMIT, "used": len(names)},
                                  reason="too_many_tags", who="user"))
        rows = [InstanceTag(instance=instance, tag_key=name, tag_value=value) for name, value in pairs]
        InstanceTag.objects.bulk_create(rows, update_conflicts=True, unique_fields=["instance", "tag_key"],
                                        update_fields=["tag_value"])
        recording.record(caller, "TagKmsInstance", instance, tags=[name for name, _ in pairs])
    return instance


@recording.operation("UntagKmsInstance")
def untag_instance(caller: Caller, instance: Instance, *, names: Sequence[str], revision: int | None = None) -> Instance:
    """A name that is not there is no error."""
    missing = [] if names else [Refusal("MissingParameter", {"name": "TagKey.1"}, who="user")]
    permit("UntagKmsInstance", caller, instance, *missing)
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move()
        InstanceTag.objects.filter(instance=instance, tag_key__in=names).delete()
        recording.record(caller, "UntagKmsInstance", instance, tags=[*names])
    return instance


@recording.operation("SetDeletionProtection")
def set_deletion_protection(caller: Caller, instance: Instance, *, enabled: bool, description: str = "",
                            revision: int | None = None) -> Instance:
    """While it is on, the instance is not released and none of its keys can be scheduled for deletion. Works on an expired
    one too: that is the time to protect it. Switching it off clears who switched it on, when and why."""
    if len(description) > DESCRIPTION_LIMIT:
        raise Refused(Refusal("InvalidParameter", {"name": "DeletionProtectionDescription", "limit": DESCRIPTION_LIMIT},
                              reason="too_long", who="user"))
    permit("SetDeletionProtection", caller, instance)
    still_as_seen(instance, revision)
    with transaction.atomic():
        instance.move(deletion_protection=enabled, deletion_protection_description=description if enabled else "",
                      deletion_protection_by=caller.principal if enabled else "",
                      deletion_protection_at=caller.at if enabled else None)
        recording.record(caller, "SetDeletionProtection", instance, enabled=enabled)
    return instance
