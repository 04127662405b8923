"""Put a new instance key over everything in an instance."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.models import Account
from base import clock
from instances.models import Instance, WrappingKey
from keys import operations, rewrapping
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Makes a new instance key. New key material goes under it at once; what there is moves in batches of 500, each row "
            "proved to open before it is stored. Keys work meanwhile. The old instance key is destroyed by the clock, a minute "
            "later at the earliest, when everything has been opened under the new one. Cut off anywhere, the clock goes on.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", nargs="?", metavar="KST", help="the instance id, kst-...")
        parser.add_argument("--shared", metavar="ACCOUNT", help="instead: the store of this account's keys outside instances")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        instance, account = self.home(options["instance"], options["shared"])
        with shell.clear_errors():
            new = operations.rotate_instance_key(shell.operator(), instance, account=account)
            rewrapping.rewrap_superseded(clock.now(), lambda old, moved: self.report(new, old, moved, quiet=options["json"]))
            state = rewrapping.progress(new.account_id, new.instance_id)
        if options["json"]:
            self.stdout.write(json.dumps({"instance": new.instance_id or "", "generation": state.generation,
                                          "remaining": state.remaining, "destroyed": state.destroyed}))
            return
        self.stdout.write(f"generation {state.generation} of the instance key is in use; {state.remaining} remain under older "
                          "ones, which the clock destroys once nothing does")

    def home(self, instance_id: str | None, uid: str | None) -> tuple[Instance | None, Account | None]:
        if bool(instance_id) == bool(uid):
            raise CommandError("name an instance, or --shared and an account")
        instance = Instance.objects.select_related("account").filter(pk=instance_id).first() if instance_id else None
        account = Account.objects.filter(pk=uid).first() if uid else None
        if instance is None and account is None:
            raise CommandError(f"there is no {'instance' if instance_id else 'account'} {instance_id or uid!r}")
        return instance, account

    def report(self, new: WrappingKey, old: WrappingKey, moved: int, *, quiet: bool) -> None:
        if not quiet and (old.account_id, old.instance_id) == (new.account_id, new.instance_id):
            self.stdout.write(f"moved {moved} to generation {new.generation}")
