"""Put the root key together again from its shares."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from access import custody
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Reads shares made by export_root_key, from files or one a line from standard input, compares what they give with "
            "the check value in the database, and only then writes root.key into the data directory. Never replaces a file.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE", help="files of one share each; without any: standard input")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            texts = [Path(name).read_text(encoding="ascii") for name in options["files"]] or list(sys.stdin)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"a share cannot be read: {type(error).__name__}") from None
        with shell.clear_errors():
            generation = custody.restore_root_key(shell.operator(), texts=[text for text in texts if text.strip()])
        name = settings.KMS_ROOT_KEY_PATH.name
        self.stdout.write(json.dumps({"generation": generation, "file": name}) if options["json"] else
                          f"{name} is written: generation {generation} of the root key")
