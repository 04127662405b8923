"""Making a backup: asked for at a door or by the clock, carried out by whoever comes first."""

from __future__ import annotations

import json
import logging
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from audit import recording
from backups import content, files, lookup, restoring, rules
from backups.models import Backup
from backups.states import Kind, State
from base import ids
from base.caller import Caller
from base.clock import iso
from base.refusal import Refusal, Refused
from crypto.errors import ProviderError
from crypto.sealed_stream import FORMAT, Writer
from instances import lookup as instance_lookup
from instances.models import Instance
from instances.operations import note_backup

log = logging.getLogger(__name__)


@recording.operation("CreateBackup")
def create_backup(caller: Caller, instance: Instance, *, kind: str = Kind.MANUAL) -> Backup:
    """Asks for a backup; the clock carries it out within seconds (`run_backup`). One at a time for an instance."""
    if reasons := rules.why_not_create(instance_lookup.facts(caller, instance, "CreateBackup")):
        raise Refused(*reasons)
    try:
        with transaction.atomic():
            backup = Backup.objects.create(
                id=ids.backup_id(caller.at), account_id=instance.account_id, instance=instance, source=instance.pk,
                source_name=instance.name, source_type=instance.type, source_account=instance.account_id, kind=kind,
                asked_by=caller.principal, began_at=caller.at, format_version=FORMAT)
            recording.record(caller, "CreateBackup", backup, instance=instance.pk, kind=str(kind))
    except IntegrityError:
        raise Refused(Refusal("Rejected.BackupState", {"instance": instance.pk, "name": instance.name},
                              reason="backup_under_way", who="time")) from None
    return backup


def header(backup: Backup, at: datetime) -> bytes:
    """What anyone who has the file may know of it."""
    return json.dumps({
        "backup": backup.pk, "instance": backup.source, "name": backup.source_name, "type": backup.source_type,
        "account": backup.source_account, "region": settings.KMS_REGION, "created_at": iso(at), "kind": backup.kind,
        "fingerprints": restoring.fingerprint_key(),
    }, sort_keys=True, separators=(",", ":")).encode()


def run_backup(caller: Caller, backup: Backup) -> Backup:
    """1. Claims the row. 2. Writes the draft; no transaction is open while providers work. 3. The draft is on the disk and gets
    its name. 4. The row says that it is whole, the instance learns of it, and the event is written, together.

    A process that dies before 4 leaves a row that says RUNNING and nobody who holds its lock: the sweep calls it failed and
    removes the file. Raises Refused, and files.Busy where another process is at it.
    """
    with files.held(backup.pk):
        return _run(caller, backup)


@recording.operation("RunBackup")
def _run(caller: Caller, backup: Backup) -> Backup:
    if backup.state != State.WAITING:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"backup": backup.pk}, reason="changed_meanwhile"))
    backup.move(state=State.RUNNING, began_at=caller.at)
    try:
        _source(caller, backup)
        done = _write(backup, caller.at)
        with transaction.atomic():
            instance = _source(caller, backup)
            backup.move(state=State.SUCCEEDED, ended_at=caller.at, **done)
            note_backup(caller, instance, began_at=backup.began_at)
            recording.record(caller, "RunBackup", backup, instance=backup.source, **done)
    except (ProviderError, OSError) as error:
        log.error("backup %s failed: %s", backup.pk, type(error).__name__)
        fail_backup(caller, backup, type(error).__name__)
        raise Refused(Refusal("ServiceUnavailableTemporary", {"backup": backup.pk}, reason="backup_failed", who="operator"),
                      ) from None
    except BaseException as error:
        fail_backup(caller, backup, error.first.slug if isinstance(error, Refused) else type(error).__name__)
        raise
    return backup


def _source(caller: Caller, backup: Backup) -> Instance:
    """The instance as it is now. Released meanwhile, it has lost its keys, and what was written is no backup. Raises Refused."""
    instance = Instance.objects.get(pk=backup.source)
    if reasons := rules.why_not_create(instance_lookup.facts(caller, instance)):
        raise Refused(*reasons)
    return instance


def _write(backup: Backup, at: datetime) -> dict[str, int | str]:
    with files.drafted(backup.pk) as out:
        writer = Writer(out, header(backup, at), lookup.holder())
        keys, versions = content.write(Instance.objects.get(pk=backup.source), writer.key, writer.write,
                                       lambda n: _progress(backup, n))
        writer.close()
        out.flush()
        digest, size = files.digest_of(out)
    return {"key_count": keys, "version_count": versions, "digest": digest, "size": size}


def _progress(backup: Backup, keys: int) -> None:
    """For the page; no compare-and-set hangs on it."""
    Backup.objects.filter(pk=backup.pk).update(key_count=keys)


def fail_backup(caller: Caller, backup: Backup, error: str) -> None:
    """The row first, the file after: what stands in no row that succeeded is nobody's backup. Not by compare-and-set: whoever
    comes here holds the lock, and a transaction that was rolled back has left another revision in the object."""
    Backup.objects.filter(pk=backup.pk).update(state=State.FAILED, ended_at=caller.at, error=error[:64],
                                               revision=F("revision") + 1)
    backup.refresh_from_db()
    files.shred(files.path_of(backup.pk))


def clear_dead_backup(caller: Caller, backup: Backup) -> Backup:
    """What is left of a backup whose process died. Raises files.Busy where it has not."""
    with files.held(backup.pk):
        return _clear(caller, backup)


@recording.operation("FailBackup")
def _clear(caller: Caller, backup: Backup) -> Backup:
    backup.refresh_from_db()
    if backup.state != State.RUNNING:
        raise Refused(Refusal("Rejected.StateModifiedFailed", {"backup": backup.pk}, reason="changed_meanwhile"))
    files.draft_of(backup.pk).unlink(missing_ok=True)
    fail_backup(caller, backup, "died")
    recording.record(caller, "FailBackup", backup, instance=backup.source)
    return backup
