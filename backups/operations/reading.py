"""What there is: backups, one of them, and what is in it."""

from __future__ import annotations

from django.db.models import Q

from access.rules import why_not_permitted
from audit import recording
from backups import lookup
from backups.content import SavedKey
from backups.models import Backup, Restore
from base.caller import Caller
from base.page import Page
from base.refusal import Refused
from crypto.sealed_stream import Unreadable
from instances.models import Instance


@recording.operation("ListBackups")
def list_backups(caller: Caller, *, instance: Instance | None = None, page_number: int = 1, page_size: int = 20) -> Page:
    if denied := why_not_permitted(caller, "ListBackups"):
        raise Refused(*denied)
    rows = Backup.objects.of(caller.account).select_related("instance")
    page = Page.of(rows.filter(Q(source=instance.pk)) if instance else rows, page_number, page_size)
    recording.record(caller, "ListBackups")
    return page


@recording.operation("DescribeBackup")
def describe_backup(caller: Caller, backup: Backup) -> Backup:
    if denied := lookup.facts(caller, backup, "DescribeBackup").denied:
        raise Refused(*denied)
    recording.record(caller, "DescribeBackup", backup)
    return backup


@recording.operation("DescribeRestore")
def describe_restore(caller: Caller, restore: Restore) -> Restore:
    if denied := why_not_permitted(caller, "DescribeRestore", restore.backup.arn):
        raise Refused(*denied)
    recording.record(caller, "DescribeRestore", restore)
    return restore


def keys_page(backup: Backup, text: str, number: int, size: int) -> Page:
    """Keys of the backup whose id or one of whose aliases begins with `text`. Reads the whole file, in flat memory. Raises
    Refused."""
    text, found, total = text.strip().lower().removeprefix("alias/"), [], 0
    first = (number - 1) * size
    try:
        for saved in lookup.keys_in(backup):
            if text and not _matches(saved, text):
                continue
            if first <= total < first + size:
                found.append(saved)
            total += 1
    except Unreadable as error:
        raise lookup.refused_as(error, backup) from None
    return Page(found, total, number, size)


def _matches(saved: SavedKey, text: str) -> bool:
    return saved.id.startswith(text) or any(name.lower().removeprefix("alias/").startswith(text) for name in saved.aliases)
