"""Extend the term of an instance."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from base import clock
from instances import operations
from instances.models import Instance
from kmsconsole import shell


class Command(BaseCommand):
    help = "Extends the term of an instance from its end, or from today where it has expired; its keys serve again at once."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--months", type=int, default=12, help="1 to 36 (default: 12)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            # The operator of the machine stands above accounts, so this does not go through a caller's lookup.
            instance = Instance.objects.select_related("account").filter(pk=options["instance"]).first()
            if instance is None:
                raise CommandError(f"there is no instance {options['instance']!r}")
            operations.renew_instance(shell.operator(), instance, months=options["months"])
        end_at = clock.iso(instance.end_at)
        self.stdout.write(json.dumps({"instance": instance.pk, "end_at": end_at}) if options["json"]
                          else f"{instance.pk} now ends at {end_at}")
