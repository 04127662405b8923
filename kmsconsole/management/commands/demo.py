"""Fill an empty installation with example data."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from base import clock
from kmsconsole import demo, first_start, shell


class Command(BaseCommand):
    help = ("Fills an installation without keys with a believable estate: several instances, keys in every state, service "
            "keys and 1.0 keys. The account is marked as demo data for good. Refuses where there are keys.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            user = shell.user_named(first_start.ADMINISTRATOR)
            if user.account is not None and user.account.demo_at is not None:
                self.tell(options, f"demo data is here since {clock.iso(user.account.demo_at)}; nothing was changed", 0)
                return
            try:
                made = demo.fill(user, clock.now())
            except demo.NotEmptyError as error:
                raise CommandError(str(error)) from None
        self.tell(options, f"demo data: {made} keys; log in as {user.username} to look around", made)

    def tell(self, options: dict[str, Any], text: str, made: int) -> None:
        self.stdout.write(json.dumps({"keys": made}) if options["json"] else text)
