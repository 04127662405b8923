"""Make the key of a product, as the product would."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from access import operations as access
from access.models import Account, Role, User
from base import ids
from base.caller import Caller
from keys import operations
from kmsconsole import first_start, shell


class Command(BaseCommand):
    help = ("Makes the service key of a product (ecs, oss, ...) with its alias alias/acs/<code>, once for each account; a second "
            "time it finds the same key. With --access-key it also makes an AccessKey pair that signs as the product: it may use "
            "this key and the default key of the account, and nothing else.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--service", required=True, metavar="CODE", help="the product code, small letters and digits")
        parser.add_argument("--account", metavar="UID", help="the account; the administrator's by default")
        parser.add_argument("--access-key", action="store_true", help="also print an AccessKey pair of the product, once")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        service, caller = options["service"], shell.operator()
        with shell.clear_errors(), transaction.atomic():
            account = self.account(options["account"])
            key = operations.create_service_key(caller, service=service, account=account)
            made = {"key": key.pk, "alias": f"alias/acs/{service}", "account": account.pk}
            if options["access_key"]:
                pair = access.create_access_key(caller, self.user(caller, account, service))
                made["AccessKeyId"], made["AccessKeySecret"] = pair
            # Before the commit, as in the first start: a crash between must not leave a pair that nobody has seen.
            self.stdout.write(json.dumps(made) if options["json"] else
                              "\n".join(f"{label:<16} {value}" for label, value in made.items()))
            self.stdout.flush()

    def account(self, uid: str | None) -> Account:
        named = Account.objects.filter(pk=uid).first()
        home = named if uid else shell.user_named(first_start.ADMINISTRATOR).account
        if home is None:
            raise CommandError(f"there is no account {uid!r}")
        return home

    def user(self, caller: Caller, account: Account, service: str) -> User:
        name = f"{service}@{account.pk}"
        known = User.objects.filter(username=name).first()
        if known is None:
            return access.create_user(caller, account, name=name, password=ids.password(), role=Role.SERVICE)
        if known.role != Role.SERVICE or known.account_id != account.pk:
            raise CommandError(f"there is a user {name!r} already who is no service")
        return known
