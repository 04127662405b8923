"""Connect a hardware instance to its HSM cluster."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from instances import hsm_operations
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Enables a hardware instance with an HSM cluster, for good, or connects it again after it was disconnected. Every "
            "check of the cluster must pass. One cluster serves one instance.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("cluster", help="name or id of the cluster")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with shell.clear_errors():
            instance, cluster = shell.instance_named(options["instance"]), shell.cluster_named(options["cluster"])
            hsm_operations.connect_hardware_instance(shell.operator(), instance, cluster=cluster)
        self.stdout.write(json.dumps({"instance": instance.pk, "status": instance.status, "cluster": cluster.pk})
                          if options["json"] else f"{instance.pk} is connected to {cluster.name}")
