"""From an outside string to a key, and from a key to the facts its rules look at."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from access.rules import why_not_permitted
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from keys.aliasing import PREFIX
from keys.models import Alias, Key
from keys.rules import Facts
from keys.states import State


def _not_found(caller: Caller, key: Key | None, text: str) -> Refused:
    """The vendor's code to all; to callers who may know, also that the key was destroyed, when and by whose decision."""
    facts: dict[str, Any] = {"key": text[:300]}
    reason = ""
    if key is not None and not why_not_permitted(caller, "DescribeKey"):
        reason = "key_destroyed"
        facts |= {"key": key.pk, "destroyed_at": key.destroyed_at or key.destroyed_from(),
                  "scheduled_at": key.deletion_scheduled_at, "scheduled_by": key.deletion_scheduled_by}
    refused = Refused(Refusal("Forbidden.KeyNotFound", facts, reason=reason))
    refused.target = key
    return refused


def living(caller: Caller, key: Key | None, text: str) -> Key:
    """`key` unless it is absent or, at the caller's time, destroyed. Raises Refused."""
    if key is None or key.state_at(caller.at) is State.DESTROYED:
        raise _not_found(caller, key, text)
    return key


def _resource(caller: Caller, text: str) -> str:
    """The id or alias that an ARN of the caller's own account and region names; other text as it is."""
    parts = ids.split_arn(text)
    if parts is None:
        return text
    region, account, resource = parts
    if (region, account) != (settings.KMS_REGION, caller.account):
        raise _not_found(caller, None, text)
    return resource.removeprefix("key/")


def alias_for(caller: Caller, name: str) -> Alias:
    """The caller's alias, whatever the state of its key."""
    alias = Alias.objects.select_related("key__instance").filter(account_id=caller.account, name=name).first()
    if alias is None:
        refused = Refused(Refusal("Forbidden.AliasNotFound", {"alias": name[:300]}, who="user"))
        refused.target = ("alias", name)
        raise refused
    return alias


def key_for(caller: Caller, text: str) -> Key:
    """By id, alias or ARN. The same refusal for "absent" and "not yours"."""
    name = _resource(caller, text)
    if name.startswith(PREFIX):
        return living(caller, alias_for(caller, name).key, name)
    return living(caller, Key.objects.of(caller.account).select_related("instance").filter(pk=name).first(), text)


def key_for_id(caller: Caller, text: str) -> Key:
    """By id (or its ARN) only, where the vendor's call takes no alias."""
    name = _resource(caller, text)
    if name.startswith(PREFIX):
        raise Refused(Refusal("Unsupported.Alias", {"alias": name[:300]}, who="user"))
    return key_for(caller, text)


def facts(caller: Caller, key: Key, action: str = "") -> Facts:
    """`key` must come with its instance (`select_related`); costs no query then."""
    home = key.instance
    return Facts(
        key.pk, key.state_at(caller.at), key.kind, key.edition, key.origin, key.creator, caller.door, key.spec, key.usage,
        denied=why_not_permitted(caller, action) if action else (),
        instance=instance_lookup.facts(caller, home) if home else None,
        delete_at=key.delete_at, protected=key.deletion_protection,
        protection_description=key.deletion_protection_description,
        instance_protected=home.deletion_protection if home else False,
        instance_protection_description=home.deletion_protection_description if home else "")
