"""From an outside string to an instance, and from an instance to the facts its rules look at."""

from __future__ import annotations

from django.conf import settings

from access import freezes
from access.rules import why_not_permitted
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import states
from instances.models import Instance, InstanceTag
from instances.rules import GO_ON, Facts, Protection


def instance_for(caller: Caller, instance_id: str) -> Instance:
    """The caller's instance. The same refusal for "absent", "not yours" and "released long ago"."""
    instance = Instance.objects.of(caller.account).filter(pk=instance_id).first()
    if instance is None or (instance.released_at and instance.released_at + states.SHOWN_AFTER_RELEASE <= caller.at):
        raise Refused(Refusal("Forbidden.DKMSInstanceNotFound", {"instance": instance_id}, who="user"))
    return instance


def default_instance(account: str) -> Instance | None:
    """Where a resource goes that names no instance; None for an account without a default instance."""
    return Instance.objects.of(account).filter(is_default=True, released_at=None).first()


def arn_of(instance: Instance) -> str:
    return ids.arn(settings.KMS_REGION, instance.account_id, f"keystore/{instance.pk}")


def facts(caller: Caller, instance: Instance, action: str = "") -> Facts:
    zone, state = settings.KMS_BILLING_ZONE, instance.state_at(caller.at)
    return Facts(
        instance.pk, instance.name, state, instance.end_at, states.renew_by(instance.end_at, zone),
        why_not_permitted(caller, action, arn_of(instance)) if action else (), instance.type, prepaid=instance.has_term,
        drains=states.drains(state, instance.grace_policy, instance.end_at, caller.at, zone),
        auto_renewal_months=instance.auto_renewal_months, backup_at=instance.last_backup_at, protection=protection_of(instance),
        frozen=freezes.why_frozen(instance.account_id, caller.at) if action and action not in GO_ON else ())


def why_nobody_orders(caller: Caller, account: str = "") -> tuple[Refusal, ...]:
    """Permission and freeze; account: whose instance it would be, by default the caller's."""
    return (*why_not_permitted(caller, "CreateInstance"), *freezes.why_frozen(account or caller.account, caller.at))


def protection_of(instance: Instance) -> Protection | None:
    if not instance.deletion_protection:
        return None
    return Protection(instance.deletion_protection_description, instance.deletion_protection_by, instance.deletion_protection_at)


def tags_of(instance: Instance) -> dict[str, str]:
    return dict(InstanceTag.objects.filter(instance=instance).values_list("tag_key", "tag_value"))
