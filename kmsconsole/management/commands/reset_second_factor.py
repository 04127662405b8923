"""Let somebody in again who has lost every second factor."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from access import people
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Removes passkeys, authenticator app and recovery codes of a user and ends their sessions; the password stays. For "
            "the last administrator, whom nobody else can help. Make sure first who asks.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="who signs in with the password alone afterwards")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            user = shell.user_named(options["user"])
            people.reset_second_factor(shell.operator(), user)
        self.stdout.write(json.dumps({"user": user.username}) if options["json"] else
                          f"{user.username} signs in with the password alone now.")
