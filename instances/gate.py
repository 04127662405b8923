"""Asking the rules about one instance on behalf of one caller: `reasons` for pages, `permit` for operations."""

from __future__ import annotations

from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup, rules
from instances.models import Instance


def reasons(action: str, caller: Caller, instance: Instance) -> tuple[Refusal, ...]:
    """Every reason why `caller` may not do `action` with `instance` now; empty where it may."""
    return rules.why_not(action, lookup.facts(caller, instance, action))


def permit(action: str, caller: Caller, instance: Instance, *more: Refusal) -> None:
    """more: refusals of the parameters, which come first. Raises Refused with every reason."""
    if refusals := (*more, *reasons(action, caller, instance)):
        raise Refused(*refusals)


def still_as_seen(instance: Instance, revision: int | None) -> None:
    """A page sends the revision it showed; raises Refused where the instance has changed since."""
    if revision is not None and revision != instance.revision:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"id": instance.pk}, reason="changed_meanwhile", who="user"))
