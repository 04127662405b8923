"""Try mail and webhook."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from base import clock
from kmsconsole import notices


class Command(BaseCommand):
    help = ("Sends an invented event by mail and webhook, whichever are set up (KMS_MAIL_HOST, KMS_WEBHOOK_URL), now and once, "
            "and says for each whether it was taken, or what went wrong. Fails where one was not taken or none is set up.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object: channel and error")

    def handle(self, *args: Any, **options: Any) -> None:
        channels = notices.senders()
        if not channels:
            raise CommandError("neither KMS_MAIL_HOST nor KMS_WEBHOOK_URL is set")
        found = notices.try_out(clock.now(), channels)
        self.stdout.write(json.dumps(found) if options["json"] else
                          "\n".join(f"{name:<8} {trouble or 'ok'}" for name, trouble in found.items()))
        if any(found.values()):
            raise CommandError("not everything was taken")
