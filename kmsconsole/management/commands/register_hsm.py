"""Register an HSM cluster."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from crypto.hsm.configuration import CONSOLE, LIBRARY
from instances import hsm_operations
from kmsconsole import hsm_words, shell


class Command(BaseCommand):
    help = ("Registers two or more tokens of HSMs as a cluster, after a check of each: it logs in, makes a key, encrypts, "
            "decrypts and destroys it, and then makes the cluster key, which must come to every member. The PIN itself is never "
            "stored.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="1 to 64 letters, digits and . _ / + = @ -")
        parser.add_argument("--module", required=True, metavar="PATH", help="the PKCS#11 library of the vendor")
        parser.add_argument("--token", required=True, action="append", metavar="T", dest="tokens",
                            help="label or serial of a token; give it two or more times")
        parser.add_argument("--replication", choices=(CONSOLE, LIBRARY), default=CONSOLE,
                            help="who brings keys to every member: this program, or the vendor's library (default: console)")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--pin-from", metavar="NAME",
                           help="environment variable with the PIN; NAME_FILE may name a file instead")
        where.add_argument("--pin-file", metavar="PATH", help="file with the PIN, readable for its owner only")
        parser.add_argument("--account", metavar="UID", help="whose cluster it is; the administrator's account by default")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        source = f"env:{options['pin_from']}" if options["pin_from"] else f"file:{options['pin_file']}"
        with shell.clear_errors():
            cluster = hsm_operations.register_hsm_cluster(
                shell.operator(), shell.account_of(options["account"]), name=options["name"], module=options["module"],
                tokens=options["tokens"], replication=options["replication"], pin_source=source)
        members = [{"label": member.label, "serial": member.serial} for member in hsm_operations.members_of(cluster)]
        self.stdout.write(json.dumps({"cluster": cluster.pk, "name": cluster.name, "members": members, "checks": cluster.checks})
                          if options["json"] else "\n".join([f"{cluster.name} is registered as {cluster.pk}",
                                                             *hsm_words.lines(cluster.checks)]))
