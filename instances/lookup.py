"""From an outside string to an instance, and from an instance to the facts its rules look at."""

from __future__ import annotations

from django.conf import settings

from access import freezes
from access.rules import why_not_permitted
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import states
from instances.models import Instance
from instances.rules import GO_ON, Facts


def instance_for(caller: Caller, instance_id: str) -> Instance:
    """The caller's instance. The same refusal for "absent" and "not yours"."""
    instance = Instance.objects.of(caller.account).filter(pk=instance_id).first()
    if instance is None:
        raise Refused(Refusal("Forbidden.DKMSInstanceNotFound", {"instance": instance_id}, who="user"))
    return instance


def default_instance(account: str) -> Instance | None:
    """Where a resource goes that names no instance; None for an account without a default instance."""
    return Instance.objects.of(account).filter(is_default=True, released_at=None).first()


def arn_of(instance: Instance) -> str:
    return ids.arn(settings.KMS_REGION, instance.account_id, f"keystore/{instance.pk}")


def facts(caller: Caller, instance: Instance, action: str = "") -> Facts:
    arn = arn_of(instance)
    return Facts(instance.pk, instance.name, instance.state_at(caller.at), instance.end_at,
                 states.renew_by(instance.end_at, settings.KMS_BILLING_ZONE),
                 why_not_permitted(caller, action, arn) if action else (),
                 freezes.why_frozen(instance.account_id, caller.at) if action and action not in GO_ON else ())
