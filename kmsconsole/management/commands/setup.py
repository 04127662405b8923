"""Prepare the data directory and the database; make the first account on the first start."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from kmsconsole import addresses, environment, first_start, preparing, shell
from kmsconsole.first_start import FirstThings

LINE = "-" * 72


class Command(BaseCommand):
    help = ("Prepares the data directory, root key, translations, database and static files, and on the first start makes "
            "an account, the administrator, an AccessKey and an enabled instance. May be run again at any time.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of the block for people")

    def handle(self, *args: Any, **options: Any) -> None:
        self.json = bool(options["json"])
        with shell.clear_errors(), preparing.alone():
            preparing.prepare()
            first = first_start.ensure(shell.operator(), environment.secret("KMS_ADMIN_PASSWORD"), self.show)
        if not first:
            self.tell(None)

    def show(self, things: FirstThings) -> None:
        for weakness in things.weakness:
            self.stderr.write(self.style.WARNING(f"KMS_ADMIN_PASSWORD is weak: {weakness}"))
        self.tell(things)

    def tell(self, things: FirstThings | None) -> None:
        console, api = addresses.console(), addresses.api()
        if self.json:
            made = {name: value for name, value in asdict(things).items() if value and name != "weakness"} if things else {}
            self.stdout.write(json.dumps({"console": console, "api": api, "region": settings.KMS_REGION,
                                          "first_start": things is not None, **made}))
            self.stdout.flush()
            return
        rows = [("Console", console), ("API", f"{api}  (region {settings.KMS_REGION})")]
        if things:
            rows += [("Account", things.account), ("Instance", things.instance), ("User", things.user),
                     ("Password", things.password or "the one in KMS_ADMIN_PASSWORD"),
                     ("AccessKeyId", things.access_key_id), ("AccessKeySecret", things.access_key_secret)]
        self.stdout.write("\n".join([LINE, *(f"  {name:<16} {value}" for name, value in rows), *self.farewell(things), LINE]))
        self.stdout.flush()

    def farewell(self, things: FirstThings | None) -> list[str]:
        return ["", "  Passwords and secrets are shown this once. Note them now."] if things else []
