"""Tags of keys, one key at a time and in batches.

Every change goes through the key's revision: two callers cannot fill a key beyond its twenty tags between them, and no tag
appears on a key whose deletion was scheduled meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances.tags import LENGTH, LIMIT, why_not_tags
from keys import lookup
from keys.gate import permit, reasons
from keys.models import Key, KeyTag

Pairs = Sequence[tuple[str, str]]

PAGE = 200
RESOURCE_LIMIT = 50
TYPES = ("key", "secret")


@dataclass(frozen=True, slots=True)
class TagPage:
    """next_token: what asks for the page after this one; empty on the last."""

    items: list[KeyTag]
    next_token: str


def _invalid(name: str, reason: str, **facts: object) -> Refused:
    return Refused(Refusal("InvalidParameter", {"name": name, **facts}, reason=reason, who="user"))


def _check(tags: Pairs) -> None:
    if refusals := tuple(why_not_tags(tags)):
        raise Refused(*refusals)


def _check_names(parameter: str, names: Sequence[str]) -> None:
    if not names:
        raise Refused(Refusal("MissingParameter", {"name": parameter}, who="user"))
    if len(names) > LIMIT:
        raise _invalid(parameter, "too_many", limit=LIMIT)
    if not all(1 <= len(name) <= LENGTH for name in names):
        raise _invalid(parameter, "tag_name_length", limit=LENGTH)


def _key_or_refuse(caller: Caller, action: str, key: Key | None, secret_name: str) -> Key:
    """The vendor's call also tags secrets and certificates; this service holds neither."""
    if key is not None:
        return key
    if denied := why_not_permitted(caller, action):
        raise Refused(*denied)
    if secret_name:
        refused = Refused(Refusal("Forbidden.ResourceNotFound", {"secret": secret_name[:192]}, reason="no_such_secret",
                                  who="user"))
        refused.target = ("secret", secret_name)
        raise refused
    raise Refused(Refusal("UnsupportedOperation", {"name": "CertificateId"}, reason="no_certificates"))


def _set(keys: Iterable[Key], tags: Mapping[str, str]) -> None:
    """In the caller's transaction. Raises Refused where a key would have too many, or changed meanwhile."""
    rows, full = [], []
    for key in sorted(keys, key=lambda one: one.pk):  # one order for all, so that two batches cannot block each other
        key.move()
        names = set(KeyTag.objects.filter(key=key).values_list("tag_key", flat=True))
        if len(names | set(tags)) > LIMIT:
            full.append(Refusal("Rejected.LimitExceeded", {"name": "Tags", "key": key.pk, "limit": LIMIT, "used": len(names)},
                                reason="too_many_tags", who="user"))
        rows += [KeyTag(key=key, tag_key=name, tag_value=value) for name, value in tags.items()]
    if full:
        raise Refused(*full)
    KeyTag.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key", "tag_key"], update_fields=["tag_value"])


def _remove(keys: Iterable[Key], names: Sequence[str] | None) -> int:
    """names: None for all of them."""
    chosen = sorted(keys, key=lambda one: one.pk)
    for key in chosen:
        key.move()
    rows = KeyTag.objects.filter(key__in=chosen)
    gone, _ = (rows if names is None else rows.filter(tag_key__in=names)).delete()
    return gone


@recording.operation("TagResource")
def tag_resource(caller: Caller, key: Key | None, *, tags: Pairs, secret_name: str = "", certificate_id: str = "") -> None:
    """Adds tags; one that is there already gets the new value."""
    _check(tags)
    if not tags:
        raise Refused(Refusal("MissingParameter", {"name": "Tags"}, who="user"))
    key = _key_or_refuse(caller, "TagResource", key, secret_name)
    permit("TagResource", caller, key)
    with transaction.atomic():
        _set([key], dict(tags))
        recording.record(caller, "TagResource", key, tags=sorted(name for name, _ in tags))


@recording.operation("UntagResource")
def untag_resource(caller: Caller, key: Key | None, *, tag_keys: Sequence[str], secret_name: str = "",
                   certificate_id: str = "") -> None:
    """A tag that is not there counts as removed."""
    _check_names("TagKeys", tag_keys)
    key = _key_or_refuse(caller, "UntagResource", key, secret_name)
    permit("UntagResource", caller, key)
    with transaction.atomic():
        gone = _remove([key], tag_keys)
        recording.record(caller, "UntagResource", key, tags=sorted(tag_keys), removed=gone)


@recording.operation("ListResourceTags")
def list_resource_tags(caller: Caller, key: Key) -> list[KeyTag]:
    permit("ListResourceTags", caller, key)
    tags = list(KeyTag.objects.filter(key=key).order_by("tag_key"))
    recording.record(caller, "ListResourceTags", key)
    return tags


def _plain_id(caller: Caller, name: str) -> str:
    """The id that an ARN of the caller's own account and region names; other text as it is."""
    prefix = ids.arn(settings.KMS_REGION, caller.account, "key/")
    return name.removeprefix(prefix)


def _resources(caller: Caller, action: str, resource_type: str, resource_ids: Sequence[str]) -> list[Key]:
    """The living keys behind the ids, each once. Raises Refused (InvalidResourceId.NotFound) for all that are not there."""
    if resource_type not in TYPES:
        raise _invalid("ResourceType", "unknown_value", value=resource_type[:64])
    if len(resource_ids) > RESOURCE_LIMIT:
        raise _invalid("ResourceId", "too_many", limit=RESOURCE_LIMIT)
    names = list(dict.fromkeys(_plain_id(caller, name) for name in resource_ids))
    rows = Key.objects.of(caller.account).living(caller.at).select_related("instance")
    # There are no secrets here, so that none of that type is found is the truth.
    found = rows.in_bulk(names) if resource_type == "key" else {}
    missing = [name for name in names if name not in found]
    # A key can permit what its owner's roles do not, so they are asked alone only where there is no key to ask.
    if (missing or not names) and (denied := why_not_permitted(caller, action)):
        raise Refused(*denied)
    if missing:
        raise Refused(*(Refusal("InvalidResourceId.NotFound", {"resource": name[:300]}, who="user") for name in missing))
    return [found[name] for name in names]


def _permit_all(action: str, caller: Caller, keys: Sequence[Key]) -> None:
    lookup.know_tags(caller, keys)
    if refusals := [refusal for key in keys for refusal in reasons(action, caller, key)]:
        raise Refused(*refusals)


def _target(keys: Sequence[Key]) -> Key | None:
    """One event for the whole batch: its object is the key where there is just one, the others stand in the detail."""
    return keys[0] if len(keys) == 1 else None


@recording.operation("TagResources")
def tag_resources(caller: Caller, *, region_id: str, resource_type: str, resource_ids: Sequence[str], tags: Pairs) -> None:
    """All keys or none: up to 50 keys get up to 20 tags each."""
    _check(tags)
    keys = _resources(caller, "TagResources", resource_type, resource_ids)
    _permit_all("TagResources", caller, keys)
    with transaction.atomic():
        _set(keys, dict(tags))
        recording.record(caller, "TagResources", _target(keys), keys=[key.pk for key in keys],
                         tags=sorted(name for name, _ in tags))


@recording.operation("UntagResources")
def untag_resources(caller: Caller, *, region_id: str, resource_type: str, resource_ids: Sequence[str],
                    tag_keys: Sequence[str] = (), everything: bool = False) -> None:
    """everything: all tags; counts only where no tag is named, as the vendor has it."""
    if tag_keys or not everything:
        _check_names("TagKey", tag_keys)
    keys = _resources(caller, "UntagResources", resource_type, resource_ids)
    _permit_all("UntagResources", caller, keys)
    with transaction.atomic():
        gone = _remove(keys, tag_keys or None)
        recording.record(caller, "UntagResources", _target(keys), keys=[key.pk for key in keys], tags=sorted(tag_keys),
                         removed=gone)


@recording.operation("ListTagResources")
def list_tag_resources(caller: Caller, *, region_id: str, resource_type: str, resource_ids: Sequence[str] = (),
                       tags: Pairs = (), next_token: str = "") -> TagPage:
    """The tags of the caller's keys, or of those named, that carry every one of `tags` (an empty value: with any value)."""
    if len({name for name, _ in tags}) < len(tags):
        raise Refused(Refusal("Duplicate.TagKey", {"name": "Tag"}, who="user"))
    after = _position(next_token)
    keys = _resources(caller, "ListTagResources", resource_type, resource_ids)
    _permit_all("ListTagResources", caller, keys)
    living = Key.objects.of(caller.account).living(caller.at) if resource_type == "key" else Key.objects.none()
    rows = KeyTag.objects.filter(key__in=keys if resource_ids else living)
    for name, value in tags:
        same = KeyTag.objects.filter(tag_key=name, **({"tag_value": value} if value else {}))
        rows = rows.filter(key__in=same.values("key"))
    found = list(_beyond(rows.order_by("key_id", "tag_key"), after)[:PAGE + 1])
    recording.record(caller, "ListTagResources", _target(keys), keys=[key.pk for key in keys])
    return TagPage(found[:PAGE], _token(found[PAGE - 1]) if len(found) > PAGE else "")


def _beyond(rows: QuerySet[KeyTag], after: tuple[str, str] | None) -> QuerySet[KeyTag]:
    if after is None:
        return rows
    key, name = after
    return rows.filter(key_id__gte=key).exclude(key_id=key, tag_key__lte=name)


def _token(row: KeyTag) -> str:
    """Where a page ended. It names what its owner has just read, so there is nothing to hide or to sign in it."""
    return base64.urlsafe_b64encode(json.dumps([row.key_id, row.tag_key]).encode()).decode()


def _position(token: str) -> tuple[str, str] | None:
    if not token:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("NextToken", "unknown_value", value="") from None
    if not (isinstance(found, list) and len(found) == 2 and all(isinstance(part, str) for part in found)):
        raise _invalid("NextToken", "unknown_value", value="")
    if any("\0" in part or any("\ud800" <= character <= "\udfff" for character in part) for part in found):
        raise _invalid("NextToken", "unknown_value", value="")
    return found[0], found[1]
