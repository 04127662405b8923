"""Disconnect a hardware instance from its HSM cluster."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from instances import hsm_operations
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Disconnects a hardware instance from its HSM cluster: all its keys are unavailable at once, in every process, until "
            "connect_hsm connects it again. Nothing in the tokens changes.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            instance = shell.instance_named(options["instance"])
            hsm_operations.disconnect_hardware_instance(shell.operator(), instance)
        self.stdout.write(json.dumps({"instance": instance.pk, "status": instance.status}) if options["json"] else
                          f"{instance.pk} is disconnected; its keys are unavailable")
