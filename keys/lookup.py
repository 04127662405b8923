"""From an outside string to a key, and from a key to the facts its rules look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from access import freezes
from access.models import Freeze
from access.rules import looks_at_tags, why_not_permitted
from access.statements import NO_TAGS
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances.rules import Protection
from keys import key_policies
from keys.aliasing import PREFIX
from keys.models import Alias, Key, KeyTag
from keys.rules import Facts
from keys.states import CHANGES, State


def know_tags(caller: Caller, keys: Iterable[Key]) -> None:
    """Loads what permissions need of many keys, in one query at most; a page calls it before it asks about each."""
    asked = [key for key in keys if _depends_on_tags(caller, key)]
    found: dict[str, dict[str, str]] = {key.pk: {} for key in asked}
    for tag in KeyTag.objects.filter(key__in=asked) if asked else ():
        found[tag.key_id][tag.tag_key] = tag.tag_value
    for key in asked:
        key.known_tags = found[key.pk]


def tags_of(key: Key) -> dict[str, str]:
    return dict(KeyTag.objects.filter(key=key).values_list("tag_key", "tag_value"))


def _depends_on_tags(caller: Caller, key: Key) -> bool:
    return looks_at_tags(caller) or key_policies.looks_at_tags(key.policy)


def _tags(caller: Caller, key: Key) -> Mapping[str, str]:
    if not _depends_on_tags(caller, key):
        return NO_TAGS
    if key.known_tags is not None:
        return key.known_tags
    return tags_of(key)


def denied(caller: Caller, key: Key, action: str, tags: Mapping[str, str] | None = None, *,
           resource: str = "") -> tuple[Refusal, ...]:
    """What caller's permissions and the key's policy together say against `action`. To other accounts a key that they may
    not use is not there. Costs no query unless a permission depends on tags. resource: the ARN of something that belongs to
    the key, an alias; the key itself otherwise."""
    foreign = key_policies.is_foreign(caller, key.account_id)
    tags = _tags(caller, key) if tags is None else tags
    refusals = why_not_permitted(caller, action, resource or key.arn, tags, foreign=foreign,
                                 attached=key_policies.said_to(caller, action, key.policy, key.account_id))
    return (Refusal("Forbidden.KeyNotFound", {"key": key.arn}),) if refusals and foreign else refusals


def visible(caller: Caller, key: Key | None) -> Key | None:
    """`key`, or None for another account that may do nothing at all with it."""
    if key is None or not key_policies.is_foreign(caller, key.account_id):
        return key
    tags = _tags(caller, key)
    shared = any(not denied(caller, key, action, tags) for action in key_policies.FOR_OTHER_ACCOUNTS)
    return key if shared and key.state_at(caller.at) is not State.DESTROYED else None


def _not_found(caller: Caller, key: Key | None, text: str) -> Refused:
    """The vendor's code to all; to callers who may know, also that the key was destroyed, when and by whose decision."""
    facts: dict[str, Any] = {"key": text[:300]}
    reason = ""
    if key is not None and not denied(caller, key, "DescribeKey"):
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


def _resource(caller: Caller, text: str) -> tuple[str, str]:
    """(account, id or alias) that an ARN of this region names; other text is a name in the caller's own account."""
    parts = ids.split_arn(text)
    if parts is None:
        return caller.account, text
    region, account, resource = parts
    if region != settings.KMS_REGION:
        raise _not_found(caller, None, text)
    return account, resource.removeprefix("key/")


def _of_another_account(caller: Caller, account: str, name: str, text: str) -> Key:
    """A key that its policy shares with the caller. All others, and whatever is not there, look the same."""
    if name.startswith(PREFIX):
        alias = Alias.objects.select_related("key__instance").filter(account_id=account, name=name).first()
        key = alias.key if alias else None
    else:
        key = Key.objects.of(account).select_related("instance").filter(pk=name).first()
    return living(caller, visible(caller, key), text)


def alias_for(caller: Caller, name: str) -> Alias:
    """The caller's alias, whatever the state of its key."""
    alias = Alias.objects.select_related("key__instance").filter(account_id=caller.account, name=name).first()
    if alias is None:
        refused = Refused(Refusal("Forbidden.AliasNotFound", {"alias": name[:300]}, who="user"))
        refused.target = ("alias", name)
        raise refused
    return alias


def key_for(caller: Caller, text: str) -> Key:
    """By id, alias or ARN; a key of another account by ARN only. The same refusal for "absent" and "not yours"."""
    account, name = _resource(caller, text)
    if account != caller.account:
        return _of_another_account(caller, account, name, text)
    if name.startswith(PREFIX):
        return living(caller, alias_for(caller, name).key, name)
    return living(caller, Key.objects.of(caller.account).select_related("instance").filter(pk=name).first(), text)


def key_for_id(caller: Caller, text: str) -> Key:
    """By id (or its ARN) only, where the vendor's call takes no alias."""
    _, name = _resource(caller, text)
    if name.startswith(PREFIX):
        raise Refused(Refusal("Unsupported.Alias", {"alias": name[:300]}, who="user"))
    return key_for(caller, text)


def facts(caller: Caller, key: Key, action: str = "") -> Facts:
    """`key` must come with its instance (`select_related`); costs no query then, but one where permissions depend on tags
    that `know_tags` has not loaded, and one where `action` is a change and `know_freeze` has not looked."""
    home = key.instance
    return Facts(
        key.pk, key.state_at(caller.at), key.kind, key.edition, key.origin, key.creator, caller.door, key.spec, key.usage,
        denied=denied(caller, key, action) if action else (),
        instance=instance_lookup.facts(caller, home) if home else None,
        delete_at=key.delete_at, service=caller.service, storage=key.storage_mechanism, protection=_protection(key),
        instance_protection=instance_lookup.protection_of(home) if home else None, own_state=key.own_state_at(caller.at),
        frozen=_frozen(caller, key) if action in CHANGES else (), legacy_closed=legacy_closed(caller.at))


def why_nobody_creates(caller: Caller) -> tuple[Refusal, ...]:
    """Permission and freeze, which come before all that is asked of a key that there is not yet."""
    return (*why_not_permitted(caller, "CreateKey"), *freezes.why_frozen(caller.account, caller.at))


def legacy_closed(now: datetime) -> bool:
    """Whether the 1.0 console only lets out what is in it: past the end of service, unless the operator keeps it open."""
    return now >= settings.KMS_LEGACY_END_OF_SERVICE and settings.KMS_LEGACY_AFTER_END != "open"


def know_freeze(caller: Caller, keys: Iterable[Key]) -> None:
    """Loads whether the accounts of many keys are frozen, in one query; a page calls it before it asks about each."""
    keys = list(keys)
    rows = Freeze.objects.filter(account__in={key.account_id for key in keys}, until__gt=caller.at) if keys else ()
    found = {row.account_id: freezes.refusals(row) for row in rows}
    for key in keys:
        key.known_freeze = found.get(key.account_id, ())


def _frozen(caller: Caller, key: Key) -> tuple[Refusal, ...]:
    return freezes.why_frozen(key.account_id, caller.at) if key.known_freeze is None else key.known_freeze


def _protection(key: Key) -> Protection | None:
    if not key.deletion_protection:
        return None
    return Protection(key.deletion_protection_description, key.deletion_protection_by, key.deletion_protection_at)
