"""Set up, then run console, API, worker and beat together until Ctrl-C."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections

from kmsconsole import addresses, environment, serving
from kmsconsole.supervisor import Supervisor


class Command(BaseCommand):
    help = ("Runs `setup`, then the console, the API, the Celery worker and beat together. A process that dies is started "
            "again; Ctrl-C ends all of them, a second Ctrl-C at once.")
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        with serving.only_one():
            call_command("setup", stdout=self.stdout, stderr=self.stderr)
            # The children open their own; a connection that lived through a fork belongs to nobody.
            connections.close_all()
            code = Supervisor(serving.children(), self.warn, serving.ready, self.tell_ready).run()
        sys.exit(code)

    def warn(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()

    def tell_ready(self) -> None:
        shift = environment.text("KMS_CLOCK_OFFSET")
        lines = ["KMS Console is ready", f"  Console  {addresses.console()}", f"  API      {addresses.api()}"]
        if settings.KMS_TEST_MODE:
            lines.append(f"  TEST MODE: the product's clock is shifted by {shift}" if shift else "  TEST MODE")
        self.stdout.write("\n".join([*lines, "  Ctrl-C ends everything."]))
        self.stdout.flush()
