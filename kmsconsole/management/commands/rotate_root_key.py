"""Put a new root key over everything, while the product runs."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from access import root
from crypto import rootkey
from crypto.envelope import WrappingKey
from instances import rekeying
from kmsconsole import preparing, shell


class Command(BaseCommand):
    help = ("Leads from the root key in use to the next one: KMS_ROOT_KEY_NEXT, or root.next in the data directory, which is "
            "made if it is not there. Instance keys are sealed again, opened to prove it, and only then the old key is retired. "
            "The product may run meanwhile. Cut off anywhere, it goes on with the next run.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare", action="store_true",
                            help="only make root.next, to be brought to every machine before the rotation")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors(), preparing.alone():
            new = root.next_key() or self.make()
            if options["prepare"]:
                self.tell(options, {"next": new.key_id.hex()},
                          "The next root key is ready. Bring it to every machine, then rotate.")
                return
            done = rekeying.rotate_root_key(shell.operator(), new=new)
        told = {"generation": done.generation, "moved": done.moved, "retired": list(done.retired)}
        lines = [f"generation {done.generation} of the root key is in use; {done.moved} keys were sealed again"]
        if done.retired:
            lines.append("Export its shares now (manage.py export_root_key); those of the old key open old backups only.")
        if settings.KMS_ROOT_KEY_NEXT:
            lines.append("Now give it as KMS_ROOT_KEY, take KMS_ROOT_KEY_NEXT away, and start every machine again.")
        self.tell(options, told, "\n".join(lines))

    def make(self) -> WrappingKey:
        if settings.KMS_ROOT_KEY:
            raise CommandError("the root key comes from the environment; give the next one there as well: KMS_ROOT_KEY_NEXT, in "
                               "every process of the product, before the rotation")
        return rootkey.create(settings.KMS_ROOT_KEY_NEXT_PATH)

    def tell(self, options: dict[str, Any], told: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(told) if options["json"] else text)
