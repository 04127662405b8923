"""Cut the root key into shares for several people."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access import custody
from access.custody import Shares
from kmsconsole import shell

WORD = "export"


class Command(BaseCommand):
    help = ("Cuts the root key into shares (SLIP-0039 words), any --threshold of which give it back with restore_root_key, and "
            "shows each once: on the terminal, one after the other, or in files of mode 0600. Asks before it does. Nothing of it "
            "is logged; that it was done stands in the audit trail.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shares", type=int, default=5, help="how many are made, up to 16 (default: 5)")
        parser.add_argument("--threshold", type=int, default=3, help="how many give the key back, at least 2 (default: 3)")
        parser.add_argument("--directory", metavar="DIR", help="write files into this directory instead of showing them")
        parser.add_argument("--yes", action="store_true", help="do not ask; needs --directory")

    def handle(self, *args: Any, **options: Any) -> None:
        count, threshold, folder = options["shares"], options["threshold"], options["directory"]
        if folder is None and (options["yes"] or not self.stdout.isatty()):
            raise CommandError("shares are shown on a terminal only; write them into files with --directory")
        if folder is not None and not Path(folder).is_dir():
            raise CommandError(f"there is no directory {folder}")
        if not options["yes"]:
            self.ask(f"Any {threshold} of the {count} shares open every key of this installation. Type {WORD} to go on: ", WORD)
        with shell.clear_errors():
            made = custody.export_root_key(shell.operator(), count=count, threshold=threshold)
        if folder is not None:
            self.write_files(Path(folder), made)
        else:
            self.show(made)
        self.stdout.write(f"Generation {made.generation}, check value {made.check_value[:16]}; "
                          f"{threshold} of {count} shares give it back.")

    def ask(self, text: str, wanted: str = "") -> None:
        if input(text).strip() != wanted:
            raise CommandError("nothing was exported")

    def show(self, made: Shares) -> None:
        """One at a time, wiped from the screen (and its scroll-back) before the next."""
        for number, text in enumerate(made.texts, 1):
            self.stdout.write(f"Share {number} of {len(made.texts)}\n\n{text}\n")
            self.stdout.flush()
            input("Written down and compared? Enter shows the next. ")
            self.stdout.write("\x1b[H\x1b[2J\x1b[3J", ending="")

    def write_files(self, folder: Path, made: Shares) -> None:
        for number, text in enumerate(made.texts, 1):
            path = folder / f"root-key-{made.generation}-share-{number}.txt"
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                raise CommandError(f"{path.name} cannot be written: {error.strerror}; "
                                   "throw the other files of this run away") from None
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(text + "\n")
            self.stdout.write(str(path))
