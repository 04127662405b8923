"""Make a person who can log in."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import RegexValidator
from django.db import transaction

from access import operations
from access.models import Account, Role, User
from base import ids
from base.caller import Caller
from kmsconsole import environment, first_start, shell

_NAME = RegexValidator(r"\A[A-Za-z0-9._@+-]{1,64}\Z")


class Command(BaseCommand):
    help = ("Makes a user. The password is KMS_USER_PASSWORD (or the content of KMS_USER_PASSWORD_FILE); without either one "
            "is generated and printed once.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="letters, digits and . _ @ + -, at most 64")
        parser.add_argument("--role", choices=[*Role.of_people()], default=Role.AUDITOR.value,
                            help="what the user may do (default: auditor)")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--account", metavar="UID", help="the account; the administrator's by default")
        where.add_argument("--new-account", metavar="NAME",
                           help="make another account for this user; it sees nothing of the others")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        name, caller = options["name"], shell.operator()
        chosen = environment.secret("KMS_USER_PASSWORD")
        password = chosen or ids.password()
        try:
            _NAME(name)
        except ValidationError:
            raise CommandError("a user name has 1 to 64 letters, digits and . _ @ + -") from None
        try:
            validate_password(password, User(username=name))
        except ValidationError as error:
            raise CommandError("KMS_USER_PASSWORD: " + " ".join(error.messages)) from None
        with shell.clear_errors(), transaction.atomic():
            if User.objects.filter(username=name).exists():
                raise CommandError(f"there is a user {name!r} already")
            account = self.account(caller, options)
            operations.create_user(caller, account, name=name, password=password, role=options["role"])
            made = {"user": name, "role": options["role"], "account": account.pk} | ({} if chosen else {"password": password})
            # Before the commit, as in the first start: a crash between must not leave a user nobody can log in as.
            self.stdout.write(json.dumps(made) if options["json"] else
                              "\n".join(f"{label:<9} {value}" for label, value in made.items()))
            self.stdout.flush()

    def account(self, caller: Caller, options: dict[str, Any]) -> Account:
        if options["new_account"]:
            return operations.create_account(caller, name=options["new_account"])
        if options["account"]:
            account = Account.objects.filter(pk=options["account"]).first()
            if account is None:
                raise CommandError(f"there is no account {options['account']!r}")
            return account
        administrator = User.objects.select_related("account").filter(username=first_start.ADMINISTRATOR).first()
        if administrator is None or administrator.account is None:
            raise CommandError("there is no administrator yet; run manage.py setup, or name an --account")
        return administrator.account
