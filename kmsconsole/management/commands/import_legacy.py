"""Take 1.0 keys from an export file."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.models import Account
from crypto.errors import ProviderError
from kmsconsole import environment, shell
from migration import operations
from migration.legacy_files import LegacyFile, LegacyFileError


class Command(BaseCommand):
    help = ("Takes the 1.0 keys of an export: ids, versions, material, aliases, tags and dates stay as they were. The whole file "
            "is checked before the first key is written; a key that is there already is left as it is, so an import that was cut "
            "off can be started again. The secret of the file comes from --secret-file, from KMS_LEGACY_EXPORT_SECRET, or is "
            "asked for. docs/migration.md describes the format.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="JSON lines, as docs/migration.md describes them")
        parser.add_argument("--secret-file", type=Path, help="holds the passphrase, or the KEK as 64 hex digits")
        parser.add_argument("--account", metavar="UID", help="whose keys they become (default: the administrator's account)")
        parser.add_argument("--accept-software", action="store_true",
                            help="take keys of protection level HSM too: here their material is protected by software")
        parser.add_argument("--check", action="store_true", help="only check the file")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with shell.clear_errors():
                counts = self._take(options)
        except (LegacyFileError, ProviderError) as error:
            raise CommandError(str(error) or type(error).__name__) from None
        text = f"{counts['imported']} keys imported, {counts['known']} were there already, {counts['keys']} in the file"
        self.stdout.write(json.dumps(counts) if options["json"] else text)

    def _take(self, options: dict[str, Any]) -> dict[str, int]:
        account = self._account(options["account"])
        file = LegacyFile(options["file"], _secret(options["secret_file"]))
        hardware = sum(entry.protection_level == "HSM" for entry, _ in file)
        if hardware and not options["accept_software"]:
            raise CommandError(f"{hardware} keys are of protection level HSM, and their material would be protected by software "
                               "here; add --accept-software if that is meant")
        imported = 0
        if not options["check"]:
            for entry, material in file:
                imported += operations.import_legacy_key(shell.operator(), account, entry, material) is not None
        return {"keys": file.header.keys, "imported": imported, "known": 0 if options["check"] else file.header.keys - imported}

    def _account(self, uid: str | None) -> Account:
        rows = Account.objects.filter(pk=uid) if uid else Account.objects.order_by("created_at", "pk")
        account = rows.first()
        if account is None:
            raise CommandError("there is no such account; manage.py setup makes the first one")
        return account


def _secret(path: Path | None) -> str:
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    if given := environment.secret("KMS_LEGACY_EXPORT_SECRET"):
        return given
    if not sys.stdin.isatty():
        raise CommandError("give the secret of the file with --secret-file or KMS_LEGACY_EXPORT_SECRET")
    return getpass.getpass("Secret of the export: ")
