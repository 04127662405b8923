"""Keys of a backup back into an instance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backups import operations
from backups.models import Backup, Restore, RestoredKey
from base.caller import Caller
from instances.models import Instance
from kmsconsole import environment, shell


class Command(BaseCommand):
    help = ("Restores keys of a backup into an instance, under their own ids, so that ciphertext made before opens again. Names"
            " a backup by its id, or a file: one that was downloaded, with its key in KMS_BACKUP_KEY, or one of this root key's"
            " own from KMS_BACKUP_DIR, as after the database was lost. Keys that exist are left as they are. Prints what was"
            " restored, what was refused, and why.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="FILE|BACKUP", help="a file, or the id of a backup, bkp-...")
        parser.add_argument("--into", metavar="KST", required=True, help="the instance id, kst-...")
        parser.add_argument("--keys", metavar="ID,ID", default="", help="only these keys, separated by commas (default: all)")
        parser.add_argument("--again", action="store_true", help="also keys that were destroyed on purpose after the backup")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change no key")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Instance.objects.select_related("account").filter(pk=options["into"]).first()
        if target is None:
            raise CommandError(f"there is no instance {options['into']!r}")
        wanted = [word.strip() for word in options["keys"].split(",") if word.strip()]
        caller = shell.operator()
        with shell.clear_errors():
            backup = _backup(caller, target, options["source"])
            if options["dry_run"]:
                told = {"state": "DRY-RUN", **_counted([
                    {"key": plan.saved.id, "outcome": "refused" if plan.refusals else "restored",
                     "reasons": [reason.slug for reason in plan.refusals], "notes": [note["note"] for note in plan.notes]}
                    for plan in operations.foretold(caller, backup, target, keys=wanted, again=options["again"])])}
            else:
                asked = operations.restore_backup(caller, backup, target, keys=wanted, again=options["again"])
                told = _report(shell.carried_out(operations.run_restore, caller, asked))
        told = {"backup": backup.pk, "into": target.pk, **told}
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"{told['restored']} restored, {told['refused']} refused ({told['state']}, {backup.pk})")
        for line in told["keys"]:
            why = ", ".join([*line["reasons"], *line["notes"]])
            self.stdout.write(f"  {line['key']} {line['outcome']}{f': {why}' if why else ''}")


def _backup(caller: Caller, target: Instance, source: str) -> Backup:
    path = Path(source)
    if path.is_file():
        with path.open("rb") as content:
            return operations.upload_backup(caller, target.account, content, decryption_key=environment.secret("KMS_BACKUP_KEY"),
                                            name=path.name[:128])
    backup = Backup.objects.select_related("instance", "account").filter(pk=source, account=target.account).first()
    if backup is None:
        raise CommandError(f"there is no file and no backup {source!r} of the account of {target.pk}")
    return backup


def _report(restore: Restore) -> dict[str, Any]:
    lines = RestoredKey.objects.filter(restore=restore)
    return {"restore": restore.pk, "state": restore.state, **_counted([
        {"key": line.key_id, "outcome": line.outcome, "reasons": [reason["reason"] for reason in line.reasons],
         "notes": [note["note"] for note in line.notes]} for line in lines])}


def _counted(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {"restored": sum(line["outcome"] == "restored" for line in lines),
            "refused": sum(line["outcome"] == "refused" for line in lines), "keys": lines}
