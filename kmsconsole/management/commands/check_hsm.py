"""Check an HSM cluster."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from instances import hsm_operations
from kmsconsole import hsm_words, shell


class Command(BaseCommand):
    help = ("Tries out every member of an HSM cluster now: connects, logs in, makes a key, encrypts, decrypts and destroys it, "
            "and looks whether all members use the same keys. Ends with code 1 where a check did not pass.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cluster", help="name or id of the cluster")
        parser.add_argument("--try-pin-again", action="store_true",
                            help="a PIN that a token has refused is tried once more: you have put it right")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            cluster = shell.cluster_named(options["cluster"])
            checks = [asdict(one) for one in hsm_operations.check_hsm_cluster(shell.operator(), cluster,
                                                                              pin=options["try_pin_again"])]
        passed = all(not one["trouble"] for one in checks)
        self.stdout.write(json.dumps({"cluster": cluster.pk, "passed": passed, "checks": checks}) if options["json"] else
                          "\n".join(hsm_words.lines(checks)))
        if not passed:
            raise CommandError("a check did not pass", returncode=1)
