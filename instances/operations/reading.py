"""Reads, and audited all the same."""

from __future__ import annotations

from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.page import Page
from base.refusal import Refused
from instances import lookup
from instances.gate import permit
from instances.models import Instance


@recording.operation("ListKmsInstances")
def list_kms_instances(caller: Caller, *, page_number: int = 1, page_size: int = 20, type: str = "") -> Page:
    """Without the released. type: what a page narrows the list to."""
    if denied := why_not_permitted(caller, "ListKmsInstances"):
        raise Refused(*denied)
    rows = Instance.objects.of(caller.account).filter(released_at=None, **({"type": type} if type else {}))
    page = Page.of(rows, page_number, page_size)
    recording.record(caller, "ListKmsInstances")
    return page


@recording.operation("GetKmsInstance")
def get_kms_instance(caller: Caller, instance: Instance) -> Instance:
    permit("GetKmsInstance", caller, instance)
    recording.record(caller, "GetKmsInstance", instance)
    return instance


@recording.operation("GetDefaultKmsInstance")
def get_default_kms_instance(caller: Caller) -> Instance | None:
    if denied := why_not_permitted(caller, "GetDefaultKmsInstance"):
        raise Refused(*denied)
    instance = lookup.default_instance(caller.account)
    recording.record(caller, "GetDefaultKmsInstance", instance)
    return instance


@recording.operation("GetKmsInstanceTerm")
def get_instance_term(caller: Caller, instance: Instance) -> Instance:
    permit("GetKmsInstanceTerm", caller, instance)
    recording.record(caller, "GetKmsInstanceTerm", instance)
    return instance


@recording.operation("ListKmsInstanceTags")
def list_instance_tags(caller: Caller, instance: Instance) -> dict[str, str]:
    permit("ListKmsInstanceTags", caller, instance)
    recording.record(caller, "ListKmsInstanceTags", instance)
    return lookup.tags_of(instance)
