"""Parameters and answers of the calls about backups. All are extensions: the vendor has backups in its console only."""

from __future__ import annotations

from typing import Any

from api.json_parameters import TagKeys
from api.parameters import KeyId
from backups import lookup
from backups.models import Backup, Drill, Restore, RestoredKey
from backups.proofs import newest_drill
from base.caller import Caller
from base.clock import iso
from base.page import Page

Body = dict[str, Any]
LINES = 1000


class BackupId(KeyId):
    def find(self, caller: Caller, value: str | None) -> Any:
        return lookup.backup_for(caller, value) if value is not None else None


class RestoreId(KeyId):
    def find(self, caller: Caller, value: str | None) -> Any:
        return lookup.restore_for(caller, value) if value is not None else None


class KeyIds(TagKeys):
    """``["key-…", "key-…"]``; none means all."""


def backup(caller: Caller, row: Backup) -> Body:
    return {"Backup": _backup(row)}


def described_backup(caller: Caller, row: Backup) -> Body:
    return {"Backup": _backup(row) | {"Drill": _drill(newest_drill(row))}}


def _backup(row: Backup) -> Body:
    return {"BackupId": row.pk, "BackupArn": row.arn, "KmsInstanceId": row.source, "InstanceName": row.source_name,
            "BackupKind": row.kind, "Status": row.state, "BackupTime": iso(row.began_at), "EndTime": iso(row.ended_at),
            "KeyCount": row.key_count, "KeyVersionCount": row.version_count, "Size": row.size, "Digest": row.digest,
            "FormatVersion": row.format_version, "Error": row.error, "DestroyTime": iso(row.destroyed_at or row.kept_until)}


def _drill(drill: Drill | None) -> Body:
    if drill is None:
        return {}
    return {"DrillTime": iso(drill.at), "Passed": drill.passed, "KeyCount": drill.keys, "Opened": drill.opened,
            "Failures": drill.failures, "Milliseconds": drill.milliseconds, "Error": drill.error}


def backups(caller: Caller, page: Page) -> Body:
    return {"Backups": {"Backup": [_backup(row) for row in page.items]}, "TotalCount": page.total, "PageNumber": page.number,
            "PageSize": page.size}


def restore(caller: Caller, row: Restore) -> Body:
    return {"Restore": {"RestoreId": row.pk, "BackupId": row.backup_id, "KmsInstanceId": row.target_id, "Status": row.state,
                        "Restored": row.restored, "Refused": row.refused, "Error": row.error, "EndTime": iso(row.ended_at)}}


def described_restore(caller: Caller, row: Restore) -> Body:
    """With the first thousand lines of the report."""
    lines = RestoredKey.objects.filter(restore=row)[:LINES]
    return {"Restore": restore(caller, row)["Restore"] | {"Keys": {"Key": [
        {"KeyId": line.key_id, "KeySpec": line.spec, "KeyVersionCount": line.versions, "Outcome": line.outcome,
         "Reasons": {"Reason": [reason["reason"] for reason in line.reasons]},
         "Notes": {"Note": [note["note"] for note in line.notes]}} for line in lines]}}}
