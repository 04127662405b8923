"""Make an AccessKey pair for a user."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from access import operations
from kmsconsole import shell


class Command(BaseCommand):
    help = "Makes an AccessKey pair and prints it once. It may do what its user may do."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="whose requests the pair will sign")
        parser.add_argument("--json", action="store_true", help='print {"AccessKeyId": ..., "AccessKeySecret": ...}')

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors(), transaction.atomic():
            user = shell.user_named(options["user"])
            if user.account is None:
                raise CommandError(f"{user.username} belongs to no account")
            key_id, secret = operations.create_access_key(shell.operator(), user)
            pair = {"AccessKeyId": key_id, "AccessKeySecret": secret}
            self.stdout.write(json.dumps(pair) if options["json"] else
                              "\n".join(f"{label:<16} {value}" for label, value in pair.items()))
            self.stdout.flush()
