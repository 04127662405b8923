"""Run every sweep of the clock once, now."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from base import clock
from kmsconsole import running, shell
from kmsconsole.schedule import SWEEPS


class Command(BaseCommand):
    help = ("Runs every sweep once, now, in this process: marks expired instances, destroys due keys, adds up the uses of "
            "keys, forgets old nonces, and the rest of the clock's work. Prints how many rows each one changed.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object of counts")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        with shell.clear_errors():
            counts = {}
            for name, run in SWEEPS.items():
                counts[name] = run(now)
                running.note(name, counts[name])
        self.stdout.write(json.dumps(counts) if options["json"] else
                          "\n".join(f"{name:<24} {count}" for name, count in counts.items()))
