"""Order an instance."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.models import Account, User
from base import clock
from instances import operations, plans
from instances.states import GracePolicy
from kmsconsole import first_start, shell


class Command(BaseCommand):
    help = ("Orders an instance for an account, the administrator's by default: type, billing, term, plan and quotas as on the "
            "page of the console. With --enable a software instance takes keys at once.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = plans.Order("")
        parser.add_argument("name", help="1 to 128 letters, digits and / _ + = . @ -")
        parser.add_argument("--account", metavar="UID", help="the account; the administrator's by default")
        parser.add_argument("--type", choices=plans.TYPES, default=usual.type, help="default: software")
        parser.add_argument("--charge-type", choices=plans.CHARGE_TYPES, default=usual.charge_type,
                            help="PREPAY, a subscription with a term (default), or POSTPAY, pay-as-you-go")
        parser.add_argument("--months", type=int, default=usual.months, help="term of a subscription, 1 to 36 (default: 12)")
        parser.add_argument("--spec", type=int, default=usual.spec, help="calls per second (default: 1000, hardware 2000)")
        parser.add_argument("--key-quota", type=int, default=usual.key_quota, help="key versions (default: 1000)")
        parser.add_argument("--secret-quota", type=int, default=usual.secret_quota, help="secrets (default: 0)")
        parser.add_argument("--vpc-quota", type=int, default=usual.vpc_quota, help="units of access management (default: 1)")
        parser.add_argument("--auto-renewal", type=int, default=usual.auto_renewal_months, metavar="MONTHS",
                            help="renew by itself for so long each time (default: 0, not at all)")
        parser.add_argument("--grace-policy", choices=[*GracePolicy], default=usual.grace_policy,
                            help="what works in the fifteen days after the end (default: stop)")
        parser.add_argument("--enable", action="store_true", help="enable it at once; software instances only")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        caller = shell.operator()
        with shell.clear_errors():
            made = operations.order_instance(
                caller, self.account(options["account"]), name=options["name"], months=options["months"], type=options["type"],
                charge_type=options["charge_type"], spec=options["spec"], key_quota=options["key_quota"],
                secret_quota=options["secret_quota"], vpc_quota=options["vpc_quota"],
                auto_renewal_months=options["auto_renewal"], grace_policy=options["grace_policy"])
            if options["enable"]:
                operations.enable_instance(caller, made)
        told = {"instance": made.pk, "name": made.name, "status": made.status, "end_at": clock.iso(made.end_at)}
        self.stdout.write(json.dumps(told) if options["json"] else
                          "\n".join(f"{label:<9} {value}" for label, value in told.items()))

    def account(self, uid: str | None) -> Account:
        if uid:
            account = Account.objects.filter(pk=uid).first()
            if account is None:
                raise CommandError(f"there is no account {uid!r}")
            return account
        administrator = User.objects.select_related("account").filter(username=first_start.ADMINISTRATOR).first()
        if administrator is None or administrator.account is None:
            raise CommandError("there is no administrator yet; run manage.py setup, or name an --account")
        return administrator.account
