"""The end of a backup: by its owner, or by the clock when its time is over. The row stays as the record."""

from __future__ import annotations

from django.db import transaction

from audit import recording
from backups import files, lookup, rules
from backups.models import Backup, Download
from base.caller import Caller
from base.refusal import Refused


@recording.operation("DeleteBackup")
def delete_backup(caller: Caller, backup: Backup) -> Backup:
    """By its owner, and for good."""
    if reasons := rules.why_not_delete(lookup.facts(caller, backup, "DeleteBackup")):
        raise Refused(*reasons)
    return _destroy(caller, "DeleteBackup", backup)


@recording.operation("DestroyBackup")
def destroy_backup(caller: Caller, backup: Backup) -> Backup:
    """By the clock; which ones are due the sweep knows."""
    return _destroy(caller, "DestroyBackup", backup)


def _destroy(caller: Caller, action: str, backup: Backup) -> Backup:
    """1. The row says that it is gone. 2. The file is overwritten and removed; where the process dies before, the sweep does."""
    with transaction.atomic():
        backup.move(destroyed_at=caller.at, destroyed_by=caller.principal)
        Download.objects.filter(backup=backup).delete()
        recording.record(caller, action, backup, instance=backup.source, digest=backup.digest)
    files.shred(files.path_of(backup.pk))
    return backup
