"""Reads. They change nothing, and are audited all the same: who looked is part of what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from access import lists
from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.page import Page
from base.refusal import Refusal, Refused
from keys import listing, totals
from keys.filters import filtered
from keys.gate import permit
from keys.models import Key, KeyVersion
from keys.states import State


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as it is at the caller's time. primary_version_id: empty while there is no material yet."""

    key: Key
    state: State
    primary_version_id: str


def view(caller: Caller, key: Key) -> KeyView:
    primary = KeyVersion.objects.filter(key=key, is_primary=True).values_list("pk", flat=True).first()
    return KeyView(key, key.state_at(caller.at), primary or "")


@recording.operation("DescribeKey")
def describe_key(caller: Caller, key: Key) -> KeyView:
    permit("DescribeKey", caller, key)
    recording.record(caller, "DescribeKey", key)
    return view(caller, key)


@recording.operation("ListKeys")
def list_keys(caller: Caller, *, filters: Mapping[str, Sequence[str]] | None = None, page_number: int = 1,
              page_size: int = 10, among: Q | None = None) -> Page:
    """Newest first. `filters`: name -> values, as `keys.filters` knows them. Items are Key rows with their instance.

    among: what a page narrows the list to beyond the vendor's filters (a search, a tab).
    """
    if denied := why_not_permitted(caller, "ListKeys"):
        raise Refused(*denied)
    rows = filtered(caller, filters or {}).filter(among or Q()).select_related("instance").order_by("-created_at", "-id")
    narrowed = among is not None or any((filters or {}).values())
    page = Page.of(rows, page_number, page_size, None if narrowed else totals.keys(caller.account, caller.at))
    recording.record(caller, "ListKeys", filters=sorted(filters or {}))
    return page


@recording.operation("ListKeys")
def browse_keys(caller: Caller, wish: listing.Asked, *, size: int, after: str = "", before: str = "",
                selection: listing.Selection | None = None) -> lists.Window:
    """The same list as a page of the console reads it: by cursor, with the filters of `keys.listing`. selection: of this wish,
    where the page has made it already."""
    if denied := why_not_permitted(caller, "ListKeys"):
        raise Refused(*denied)
    found = (selection or listing.select(caller, wish)).window(size=size, after=after, before=before)
    recording.record(caller, "ListKeys", filters=sorted(wish.filters))
    return found


@recording.operation("ListKeys")
def export_keys(caller: Caller, wish: listing.Asked) -> Iterator[list[Key]]:
    """All of it, in chunks that are read as they are asked for. The event is written before the first."""
    if denied := why_not_permitted(caller, "ListKeys"):
        raise Refused(*denied)
    recording.record(caller, "ListKeys", filters=sorted(wish.filters), export="csv")
    return lists.chunks(listing.rows(caller, wish), listing.order(wish))


@recording.operation("ListKeyVersions")
def list_key_versions(caller: Caller, key: Key, *, page_number: int = 1, page_size: int = 10) -> Page:
    """Newest first."""
    permit("ListKeyVersions", caller, key)
    rows = KeyVersion.objects.filter(key=key).order_by("-created_at", "-id")
    page = Page.of(rows, page_number, page_size)
    recording.record(caller, "ListKeyVersions", key)
    return page


@recording.operation("DescribeKeyVersion")
def describe_key_version(caller: Caller, key: Key, *, key_version_id: str) -> KeyVersion:
    permit("DescribeKeyVersion", caller, key)
    version = KeyVersion.objects.filter(key=key, pk=key_version_id).first()
    if version is None:
        raise Refused(Refusal("Forbidden.KeyVersionNotFound", {"key": key.pk, "version": key_version_id[:64]}, who="user"))
    recording.record(caller, "DescribeKeyVersion", key, version=version.pk)
    return version
