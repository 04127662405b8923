"""Give a user a permission document."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access import operations, policies
from kmsconsole import shell


class Command(BaseCommand):
    help = ("Attaches a permission document (RAM-style JSON) to a user, beside the permissions of the role; one of the same name "
            "is replaced. It counts from the user's next request on. An explicit Deny wins, wherever it stands.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, metavar="NAME", help="who may do what the document says")
        parser.add_argument("--name", required=True, metavar="N", help="name of the policy: letters, digits and -, at most 128")
        parser.add_argument("--document", required=True, metavar="FILE", help="file with the JSON document, at most 32,768 bytes")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        document = self.text_of(options["document"])
        with shell.clear_errors():
            user = shell.user_named(options["user"])
            policy = operations.attach_policy(shell.operator(), user, name=options["name"], document=document)
            statements = len(policies.parse(policy.document, policies.USER))
        told = {"user": user.username, "policy": policy.name, "statements": statements}
        self.stdout.write(json.dumps(told) if options["json"] else
                          f"{user.username} has the policy {policy.name} with {statements} statement(s).")

    @staticmethod
    def text_of(path: str) -> str:
        try:
            with Path(path).open("rb") as source:
                raw = source.read(policies.SIZE_LIMIT + 1)
            # Too long already, and perhaps cut in the middle of a character: the operation says so.
            return raw.decode(errors="strict" if len(raw) <= policies.SIZE_LIMIT else "replace")
        except OSError as error:
            raise CommandError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path} is not UTF-8 text") from None
