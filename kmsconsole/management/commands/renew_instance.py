"""Extend the term of an instance, or say how it is to end."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from base import clock
from instances import operations, plans
from instances.states import GracePolicy
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Extends the term of an instance from its end, or from today where it has expired; its keys serve again at once. "
            "With --auto-renewal or --grace-policy it sets these instead, and renews only if --months is given too.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--months", type=int, help="1 to 36 (default: 12)")
        parser.add_argument("--auto-renewal", type=int, choices=plans.AUTO_RENEWALS, metavar="MONTHS",
                            help="from now on renew by itself for so long each time; 0: not at all")
        parser.add_argument("--grace-policy", choices=[*GracePolicy],
                            help="what works in the fifteen days after the end: nothing, or what drains")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        caller, months, auto, policy = shell.operator(), options["months"], options["auto_renewal"], options["grace_policy"]
        with shell.clear_errors():
            instance = shell.instance_named(options["instance"])
            if auto is not None:
                operations.set_renewal(caller, instance, months=auto)
            if policy is not None:
                operations.set_grace_policy(caller, instance, policy=policy)
            if months is not None or (auto is None and policy is None):
                operations.renew_instance(caller, instance, months=12 if months is None else months)
        end_at = clock.iso(instance.end_at)
        told = {"instance": instance.pk, "end_at": end_at, "auto_renewal_months": instance.auto_renewal_months,
                "grace_policy": instance.grace_policy}
        self.stdout.write(json.dumps(told) if options["json"] else f"{instance.pk} now ends at {end_at}")
