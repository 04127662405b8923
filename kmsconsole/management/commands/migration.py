"""Move 1.0 keys into an instance, and back, from the shell."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from base import clock
from base.caller import Caller
from instances.models import Instance
from kmsconsole import shell
from migration import lookup, operations, rules, working
from migration.models import Item, Run
from migration.states import ItemState, RunState

INCOMPLETE, BLOCKED = 2, 3


class Command(BaseCommand):
    help = ("Migrates keys from KMS 1.0, by the same rules as the console. assess: what is there, and what stands against each "
            "key. dry-run: what a run would do, proved with copies that are thrown away. run: does it, or goes on with an open "
            "one. roll-back: takes a run's keys back. Ends with code 0 for all keys, 2 where some did not, 3 where something "
            "stands against the run.")
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["assess", "dry-run", "run", "roll-back"])
        parser.add_argument("--instance", metavar="KST", help="where the keys move to, kst-...")
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument("--keys", metavar="ID", nargs="+", help="at most 50 key ids")
        chosen.add_argument("--all", action="store_true", help="the whole estate")
        chosen.add_argument("--run", metavar="MIG", help="an open or finished run, mig-...")
        parser.add_argument("--accept", metavar="RULE", nargs="+", default=[],
                            help="consequences that are accepted, such as R15 K9; `all` for every one that dry-run names")
        parser.add_argument("--json", action="store_true", help="print JSON: one object, for dry-run one line a key")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options, self.json = options, options["json"]
        with shell.clear_errors():
            acts = {"assess": self.assess, "dry-run": self.dry_run, "run": self.run, "roll-back": self.roll_back}
            code = acts[options["action"]]()
        if code:
            sys.exit(code)

    # what it is about ---------------------------------------------------------------------------------------------------

    def _instance(self) -> Instance:
        if not self.options["instance"]:
            raise CommandError("name the instance with --instance")
        instance = Instance.objects.select_related("account").filter(pk=self.options["instance"]).first()
        if instance is None:
            raise CommandError(f"there is no instance {self.options['instance']!r}")
        return instance

    def _known_run(self) -> Run:
        run = Run.objects.select_related("instance").filter(pk=self.options["run"]).first()
        if run is None:
            raise CommandError(f"there is no migration {self.options['run']!r}")
        return run

    def _run(self) -> Run:
        """The run named, or a fresh draft over the keys named."""
        if self.options["run"]:
            return self._known_run()
        if not self.options["all"] and not self.options["keys"]:
            raise CommandError("name the keys with --keys, or take all with --all")
        return operations.plan_migration(shell.operator(), self._instance(), keys=self.options["keys"] or (),
                                         whole=self.options["all"])

    def _blocked(self, caller: Caller, run: Run) -> list[str]:
        return [f"{one.rule} {one.refusal.code} {one.refusal.slug}" for one in rules.of_run(lookup.run_facts(caller, run))
                if one.kind is rules.Kind.ERROR]

    def _say(self, found: dict[str, Any], lines: list[str]) -> None:
        self.stdout.write(json.dumps(found) if self.json else "\n".join(lines))

    # the four actions ---------------------------------------------------------------------------------------------------

    def assess(self) -> int:
        instance = self._instance()
        found = operations.assess_migration(shell.operator(), instance.account_id, instance)
        verdicts = [{"rule": rule, "kind": kind, "reason": slug, "keys": count,
                     "examples": found.summary.examples[rule, kind, slug]}
                    for (rule, kind, slug), count in sorted(found.summary.of.items())]
        self._say({"instance": instance.pk, "keys": found.summary.total, "ready": found.summary.ready, "versions": found.versions,
                   "migrated": found.moved, "findings": verdicts},
                  [f"{found.summary.total} keys in 1.0 with {found.versions} versions, {found.summary.ready} of them ready; "
                   f"{found.moved} have moved",
                   *(f"{row['rule']:<4} {row['kind']:<8} {row['keys']:>6} keys  {row['reason']}" for row in verdicts)])
        return 0 if found.summary.ready == found.summary.total else INCOMPLETE

    def dry_run(self) -> int:
        run, caller = self._run(), shell.operator()
        try:
            blocked = self._blocked(caller, run)
            ready = refused = 0
            for one in operations.dry_run_migration(caller, run):
                ready, refused = ready + (not one.refusals), refused + bool(one.refusals)
                codes = [refusal.code for refusal in one.refusals]
                self.stdout.write(json.dumps({"key": one.key.pk, "moves": not codes, "codes": codes}) if self.json
                                  else f"{one.key.pk}  {', '.join(codes) or 'moves'}")
            needed = sorted(self._consents(caller, run))
            self._say({"ready": ready, "refused": refused, "blocked": blocked, "accept": needed},
                      [f"{ready} would move, {refused} would not; nothing was changed", f"needs --accept {' '.join(needed)}",
                       *(f"stands against the run: {text}" for text in blocked)])
        finally:
            if not self.options["run"]:
                operations.cancel_migration(caller, run)
        return BLOCKED if blocked else INCOMPLETE if refused else 0

    def _consents(self, caller: Caller, run: Run) -> frozenset[str]:
        found = lookup.summary(caller.at, lookup.keys_of(run), run.instance)
        return rules.consents(rules.of_run(lookup.run_facts(caller, run))) | found.consents

    def run(self) -> int:
        run, caller = self._run(), shell.operator()
        if run.state != RunState.RUNNING:
            if blocked := self._blocked(caller, run):
                if not self.options["run"]:
                    operations.cancel_migration(caller, run)
                self._say({"run": run.pk, "blocked": blocked}, [f"stands against the run: {text}" for text in blocked])
                return BLOCKED
            accepted = self._consents(caller, run) if "all" in self.options["accept"] else self.options["accept"]
            operations.start_migration(caller, run, accepted=accepted)
        return self._work(run, ItemState.SWITCHED)

    def roll_back(self) -> int:
        run = self._known_run()
        if run.state != RunState.ROLLING_BACK:
            operations.roll_back_migration(shell.operator(), run)
        return self._work(run, ItemState.ROLLED_BACK)

    def _work(self, run: Run, good: ItemState) -> int:
        """Until nothing is left to do, whoever does it: a worker of the clock may have the run as well."""
        total = Item.objects.filter(run=run).count()
        while working.work(clock.now, run.pk, progress=lambda item: self._bar(run, good, total, item)):
            pass
        if sys.stderr.isatty():
            self.stderr.write("")
        run, counts = Run.objects.get(pk=run.pk), lookup.counts(run)
        self._say({"run": run.pk, "state": run.state, "counts": counts},
                  [f"{run.pk}: {run.state}", *(f"{state:<12} {count}" for state, count in sorted(counts.items()))])
        return 0 if counts.get(good, 0) == total else INCOMPLETE

    def _bar(self, run: Run, good: ItemState, total: int, item: Item) -> None:
        if sys.stderr.isatty():
            done = min(item.number, total)
            self.stderr.write(f"\r[{'#' * (40 * done // total):<40}] {done}/{total} {item.key_id}", ending="")
            self.stderr.flush()
