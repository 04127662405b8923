"""A new instance key under everything in an instance, or in the shared store of an account."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import IntegrityError, transaction

from access import freezes
from access.models import Account
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances import opening
from instances.models import Instance, WrappingKey
from instances.states import State

_WITH_KEYS = (State.CONNECTED, State.EXPIRED)


@recording.operation("RotateInstanceKey")
def rotate_instance_key(caller: Caller, instance: Instance | None, *, account: Account | None = None) -> WrappingKey:
    """Makes the successor; from now on new material goes under it, and `keys.rewrapping` moves what there is.

    `instance` None with an `account` means its shared store. Raises Refused: a hardware instance (its keys are in the HSM), one
    that is not enabled, and while an earlier rotation is not over.
    """
    home = instance.account if instance else account
    if home is None:
        raise ValueError("a shared store belongs to an account")
    old = WrappingKey.objects.of(home.pk, instance.pk if instance else None).first()
    reasons = tuple(_why_not(caller, instance, old))
    if reasons or old is None:
        raise Refused(*reasons)
    try:
        with transaction.atomic():
            new = opening.make_wrapping_key(caller, home, instance, old.generation + 1)
            recording.record(caller, "RotateInstanceKey", instance or home, generation=new.generation)
    except IntegrityError:  # another rotation was faster
        raise Refused(_under_way(instance)) from None
    return new


def _why_not(caller: Caller, instance: Instance | None, old: WrappingKey | None) -> Iterator[Refusal]:
    yield from why_not_permitted(caller, "RotateInstanceKey", instance_lookup.arn_of(instance) if instance else "")
    if old is not None:
        yield from freezes.why_frozen(old.account_id, caller.at)
    named = {"instance": instance.pk if instance else "", "name": instance.name if instance else ""}
    if instance is not None and instance.type == Instance.Type.HARDWARE:
        yield Refusal("UnsupportedOperation", named, reason="hardware_key_in_hsm")
    elif old is None or (instance is not None and instance.state_at(caller.at) not in _WITH_KEYS):
        yield Refusal("Forbidden.DKMSInstanceStateInvalid", named, reason="no_instance_key")
    elif WrappingKey.objects.superseded().filter(account=old.account, instance=old.instance).exists():
        yield _under_way(instance)


def _under_way(instance: Instance | None) -> Refusal:
    return Refusal("Rejected.StateModifiedFailed", {"instance": instance.pk if instance else ""}, reason="rotation_under_way",
                   who="time")
