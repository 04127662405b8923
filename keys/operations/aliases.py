"""Aliases: resources of their own that point at a key."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import IntegrityError, transaction

from access import lists
from access.rules import why_not_permitted
from audit import recording
from base import ids
from base.caller import Caller
from base.page import Page
from base.refusal import Refusal, Refused
from keys import aliasing, listing, lookup, quota, totals, words
from keys.gate import permit, reasons
from keys.models import Alias, Key


def _valid_name(name: str) -> None:
    if refusals := aliasing.why_not_name(name):
        raise Refused(*refusals)


def _reasons(action: str, caller: Caller, key: Key, name: str) -> tuple[Refusal, ...]:
    """A change of an alias needs the permission on the key and on the alias (`keys.md` 12.2)."""
    against = reasons(action, caller, key)
    if any(one.code in ("Forbidden.NoPermission", "Forbidden.KeyNotFound") for one in against):
        return against
    arn = ids.arn(settings.KMS_REGION, key.account_id, name)
    return (*lookup.denied(caller, key, action, resource=arn), *against)


def _permit(action: str, caller: Caller, key: Key, name: str) -> None:
    if refusals := _reasons(action, caller, key, name):
        raise Refused(*refusals)


@recording.operation("CreateAlias")
def create_alias(caller: Caller, key: Key, *, alias_name: str) -> Alias:
    _valid_name(alias_name)
    if refusals := (*_reasons("CreateAlias", caller, key, alias_name), *quota.why_no_legacy_alias(key)):
        raise Refused(*refusals)
    try:
        with transaction.atomic():
            alias = Alias.objects.create(account_id=key.account_id, name=alias_name, key=key, created_at=caller.at)
            words.note(key)
            recording.record(caller, "CreateAlias", alias, key=key.pk)
    except IntegrityError:
        raise Refused(Refusal("AliasAlreadyExists", {"alias": alias_name}, who="user", lifted_by="UpdateAlias")) from None
    return alias


@recording.operation("UpdateAlias")
def update_alias(caller: Caller, key: Key, *, alias_name: str) -> Alias:
    """Points the alias at `key`; judged by this target alone, the key it leaves does not matter."""
    _valid_name(alias_name)
    alias = lookup.alias_for(caller, alias_name)
    _permit("UpdateAlias", caller, key, alias_name)
    with transaction.atomic():
        moved = Alias.objects.filter(pk=alias.pk, key_id=alias.key_id).update(key=key)
        if not moved:
            raise Refused(Refusal("Rejected.StateModifiedFailed", {"alias": alias_name}, reason="changed_meanwhile",
                                  who="user"))
        words.note(alias.key, key)
        recording.record(caller, "UpdateAlias", alias, key=key.pk, before=alias.key_id)
    alias.key = key
    return alias


@recording.operation("DeleteAlias")
def delete_alias(caller: Caller, *, alias_name: str) -> None:
    """Allowed in every state of the key; never touches the key."""
    alias = lookup.alias_for(caller, alias_name)
    refusals = _reasons("DeleteAlias", caller, alias.key, alias.name)
    if refusals:
        refused = Refused(*refusals)
        refused.target = alias
        raise refused
    with transaction.atomic():
        gone, _ = Alias.objects.filter(pk=alias.pk).delete()
        if not gone:
            raise Refused(Refusal("Forbidden.AliasNotFound", {"alias": alias_name[:300]}, who="user"))
        words.note(alias.key)
        recording.record(caller, "DeleteAlias", ("alias", alias.name), key=alias.key_id)


@recording.operation("ListAliases")
def list_aliases(caller: Caller, *, page_number: int = 1, page_size: int = 10) -> Page:
    """By name."""
    if denied := why_not_permitted(caller, "ListAliases"):
        raise Refused(*denied)
    rows = listing.select_aliases(caller, "").rows.order_by("name")
    page = Page.of(rows, page_number, page_size, totals.aliases(caller.account, caller.at))
    recording.record(caller, "ListAliases")
    return page


@recording.operation("ListAliases")
def browse_aliases(caller: Caller, text: str = "", *, size: int, after: str = "", before: str = "",
                   selection: listing.Selection | None = None) -> lists.Window:
    """The same list as a page of the console reads it, by cursor. selection: of this text, where the page has made it already."""
    if denied := why_not_permitted(caller, "ListAliases"):
        raise Refused(*denied)
    found = (selection or listing.select_aliases(caller, text)).window(size=size, after=after, before=before)
    recording.record(caller, "ListAliases", filters=["q"] if text else [])
    return found


@recording.operation("ListAliases")
def export_aliases(caller: Caller, text: str = "") -> Iterator[list[Alias]]:
    """All of it, in chunks that are read as they are asked for."""
    if denied := why_not_permitted(caller, "ListAliases"):
        raise Refused(*denied)
    recording.record(caller, "ListAliases", filters=["q"] if text else [], export="csv")
    return lists.chunks(listing.select_aliases(caller, text).rows, listing.BY_NAME)


@recording.operation("ListAliasesByKeyId")
def list_aliases_by_key_id(caller: Caller, key: Key, *, page_number: int = 1, page_size: int = 10) -> Page:
    permit("ListAliasesByKeyId", caller, key)
    rows = Alias.objects.filter(key=key).order_by("name")
    page = Page.of(rows, page_number, page_size)
    recording.record(caller, "ListAliasesByKeyId", key)
    return page
