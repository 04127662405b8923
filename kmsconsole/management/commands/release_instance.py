"""Release an instance with everything in it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from base import clock
from keys import operations, quota
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Releases an instance: all its keys are dead at once, and nobody can bring them back, except from a backup. "
            "A subscription is unsubscribed (RefundInstance), pay-as-you-go released (ReleaseKmsInstance). "
            "The name of the instance must be given again.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--confirm", metavar="NAME", required=True, help="the name of the instance, as it is shown")
        parser.add_argument("--without-backup", action="store_true", help="release although no backup holds all its keys")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            instance = shell.instance_named(options["instance"])
            if options["confirm"] not in (instance.name, instance.pk):
                raise CommandError(f"--confirm must be the name of the instance: {instance.name}")
            keys = quota.contents(instance).keys
            end = operations.refund_instance if instance.has_term else operations.release_kms_instance
            end(shell.operator(), instance, force_delete_without_backup=options["without_backup"])
        told = {"instance": instance.pk, "released_at": clock.iso(instance.released_at), "keys": keys}
        self.stdout.write(json.dumps(told) if options["json"] else
                          f"{instance.pk} was released at {told['released_at']}, with {keys} keys")
