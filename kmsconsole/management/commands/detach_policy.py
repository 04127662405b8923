"""Take a permission document from a user."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from access import operations
from kmsconsole import shell


class Command(BaseCommand):
    help = "Detaches a permission document from a user, by its name. The role's permissions and other documents stay as they are."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="who loses the document")
        parser.add_argument("--name", required=True, metavar="N", help="name it was attached under")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            user = shell.user_named(options["user"])
            operations.detach_policy(shell.operator(), user, name=options["name"])
        told = {"user": user.username, "policy": options["name"]}
        self.stdout.write(json.dumps(told) if options["json"] else f"{user.username} no longer has the policy {options['name']}.")
