"""From an outside string to a backup, and from rows to the facts that rules look at; and opening a backup's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from access.root import purpose_key
from access.rules import why_not_permitted
from backups import content, files
from backups.content import SavedKey
from backups.models import Backup, Restore
from backups.rules import HARDWARE, BackupFacts, Place
from base.caller import Caller
from base.refusal import Refusal, Refused
from crypto import sealed_stream
from crypto.envelope import WrappingKey
from crypto.sealed_stream import FileKey, Opening, Unreadable
from instances import lookup as instance_lookup
from instances.models import Instance

PURPOSE = "backup"
UNREADABLE = {
    "not_a_backup": Refusal("InvalidBackup", reason="backup_is_none", who="user"),
    "newer_format": Refusal("InvalidBackup", reason="backup_newer_format", who="operator"),
    "wrong_key": Refusal("InvalidBackup", reason="backup_wrong_key", who="user"),
    "damaged": Refusal("InvalidBackup", reason="backup_damaged"),
    "file_gone": Refusal("InvalidBackup", reason="backup_file_gone", who="operator"),
}


def holder() -> WrappingKey:
    """Seals the file keys of this installation's backups."""
    return purpose_key(PURPOSE)


def backup_for(caller: Caller, backup_id: str) -> Backup:
    """The caller's backup. The same refusal for "absent" and "not yours"."""
    backup = Backup.objects.of(caller.account).select_related("instance", "account").filter(pk=backup_id).first()
    if backup is None:
        raise Refused(Refusal("Forbidden.BackupNotFound", {"backup": backup_id[:64]}, who="user"))
    return backup


def restore_for(caller: Caller, restore_id: str) -> Restore:
    restore = (Restore.objects.select_related("backup", "target")
               .filter(pk=restore_id, target__account_id=caller.account).first())
    if restore is None:
        raise Refused(Refusal("Forbidden.RestoreNotFound", {"restore": restore_id[:64]}, who="user"))
    return restore


def facts(caller: Caller, backup: Backup, action: str = "") -> BackupFacts:
    lives = backup.instance is not None and backup.instance.released_at is None
    return BackupFacts(backup.pk, backup.kind, backup.state, backup.source, backup.source_name, backup.destroyed_at, lives,
                       backup.source_type == HARDWARE, why_not_permitted(caller, action, backup.arn) if action else ())


def place_of(caller: Caller, backup: Backup, target: Instance) -> Place:
    return Place(instance_lookup.facts(caller, target), target.type, backup.source, backup.source_type)


def refused_as(error: Unreadable, backup: Backup | None = None) -> Refused:
    refused = Refused(UNREADABLE[error.reason])
    refused.target = backup
    return refused


@contextmanager
def opened(backup: Backup) -> Iterator[tuple[BinaryIO, Opening, FileKey]]:
    """The file behind its opening. Raises Unreadable."""
    try:
        source = files.path_of(backup.pk).open("rb")
    except OSError:
        raise Unreadable("file_gone") from None
    with source:
        opening = sealed_stream.read_opening(source)
        yield source, opening, opening.file_key(holder())


def keys_in(backup: Backup) -> Iterator[SavedKey]:
    """Every key of the backup; proved to be all of them only at the end. Raises Unreadable."""
    with opened(backup) as (source, _, key):
        yield from content.read(source, key)


def count_in(backup: Backup) -> tuple[int, int]:
    """(keys, versions): the whole file is read and proved, and nothing of it kept. Raises Unreadable."""
    keys = versions = 0
    for saved in keys_in(backup):
        keys, versions = keys + 1, versions + len(saved.versions)
    return keys, versions
