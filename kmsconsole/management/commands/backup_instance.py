"""A backup now, and the file for keeping it somewhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backups import files, operations
from backups.models import Backup
from backups.operations.moving import Exported, blocks
from backups.states import State
from base.clock import iso
from instances.models import Instance
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Makes a backup of an instance and waits until it is there: one sealed file in KMS_BACKUP_DIR, which this"
            " installation can restore. With --download it is also written to FILE, sealed under a fresh encryption key that is"
            " printed this once and kept nowhere: whoever has the file and the key can restore it anywhere.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--download", metavar="FILE", type=Path, help="where to write the file for keeping; must not exist")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        instance = Instance.objects.select_related("account").filter(pk=options["instance"]).first()
        if instance is None:
            raise CommandError(f"there is no instance {options['instance']!r}")
        if options["download"] is not None and options["download"].exists():
            raise CommandError(f"{options['download']} exists already")
        caller = shell.operator()
        with shell.clear_errors():
            backup = shell.carried_out(operations.run_backup, caller, operations.create_backup(caller, instance))
            if backup.state != State.SUCCEEDED:
                raise CommandError(f"the backup {backup.pk} failed: {backup.error}")
            made = operations.download_backup(caller, backup) if options["download"] is not None else None
        self._tell(backup, made, options)

    def _tell(self, backup: Backup, made: Exported | None, options: dict[str, Any]) -> None:
        told: dict[str, Any] = {
            "backup": backup.pk, "instance": backup.source, "state": backup.state, "began_at": iso(backup.began_at),
            "keys": backup.key_count, "versions": backup.version_count, "size": backup.size, "digest": backup.digest,
            "file": str(files.path_of(backup.pk))}
        if made is not None:
            save(made, options["download"])
            told |= {"download": str(options["download"]), "encryption_key": made.encryption_key}
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"{backup.pk}: {backup.key_count} keys, {backup.version_count} versions, {backup.size} bytes")
        if made is not None:
            self.stdout.write(f"Encryption key, shown this once: {made.encryption_key}")


def save(made: Exported, target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        for block in blocks(made.download):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
