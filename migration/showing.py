"""What the wizard shows. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.labels import Label
from base.caller import Caller
from base.refusal import Refusal
from keys.models import Alias, Key
from keys.showing import name_of
from migration import lookup, rules
from migration.models import Item, Run
from migration.states import ItemState, RunState

SHOWN = {rules.Kind.ERROR: ("stop", "circle-x"), rules.Kind.HIDDEN: ("stop", "circle-x"),
         rules.Kind.CONSENT: ("care", "triangle-alert"), rules.Kind.WARNING: ("care", "triangle-alert"),
         rules.Kind.NOTE: ("pass", "circle-check")}
ORDER = [*SHOWN]


RUNS: dict[str, Label] = {
    RunState.DRAFT: Label(pgettext_lazy("migration", "Draft"), "", "pencil"),
    RunState.RUNNING: Label(pgettext_lazy("migration", "Running"), "info", "loader"),
    RunState.STOPPED: Label(pgettext_lazy("migration", "Stopped"), "warn", "circle-pause"),
    RunState.SUCCEEDED: Label(pgettext_lazy("migration", "Succeeded"), "ok", "circle-check"),
    RunState.PARTLY_SUCCEEDED: Label(pgettext_lazy("migration", "Partly succeeded"), "warn", "triangle-alert"),
    RunState.FAILED: Label(pgettext_lazy("migration", "Failed"), "bad", "circle-x"),
    RunState.ROLLING_BACK: Label(pgettext_lazy("migration", "Rolling back"), "info", "loader"),
    RunState.ROLLED_BACK: Label(pgettext_lazy("migration", "Rolled back"), "mute", "undo-2"),
    RunState.CANCELLED: Label(pgettext_lazy("migration", "Cancelled"), "mute", "x"),
}
ITEMS: dict[str, Label] = {
    ItemState.PENDING: Label(pgettext_lazy("migration", "Waiting"), "", "clock"),
    ItemState.REFUSED: Label(pgettext_lazy("migration", "Refused"), "warn", "triangle-alert"),
    ItemState.COPYING: Label(pgettext_lazy("migration", "Copying"), "info", "loader"),
    ItemState.VERIFYING: Label(pgettext_lazy("migration", "Verifying"), "info", "loader"),
    ItemState.SWITCHED: Label(pgettext_lazy("migration", "Moved"), "ok", "circle-check"),
    ItemState.FAILED: Label(pgettext_lazy("migration", "Failed"), "bad", "circle-x"),
    ItemState.ROLLED_BACK: Label(pgettext_lazy("migration", "Rolled back"), "mute", "undo-2"),
}
STEPS = (_("Choose"), _("Check"), _("Dry run"), _("Run"), _("Result"))


@dataclass(frozen=True, slots=True)
class Line:
    """A finding with its text, or many keys' finding as one. keys: how many; 0 for the run's own."""

    rule: str
    kind: str
    tone: str
    icon: str
    refusals: tuple[Refusal, ...]
    keys: int = 0
    examples: tuple[str, ...] = ()

    @property
    def consent(self) -> bool:
        return self.kind == rules.Kind.CONSENT


def _line(finding: rules.Finding, keys: int = 0, examples: Iterable[str] = ()) -> Line:
    tone, icon = SHOWN[finding.kind]
    return Line(finding.rule, finding.kind, tone, icon, (finding.refusal,), keys, tuple(examples))


def by_weight(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: ORDER.index(rules.Kind(line.kind)))


def checks(caller: Caller, run: Run) -> tuple[list[Line], lookup.Summary]:
    """Every finding about the run and about its keys, the worst first."""
    found = lookup.summary(caller.at, lookup.keys_of(run), run.instance)
    of_keys = [_line(finding, found.of[which], found.examples[which]) for which, finding in found.first.items()]
    return by_weight([*(_line(one) for one in rules.of_run(lookup.run_facts(caller, run))), *of_keys]), found


@dataclass(frozen=True, slots=True)
class Progress:
    """done and total: keys. counts: by state."""

    done: int
    total: int
    moved: int
    failed: int
    current: str


def progress(run: Run) -> Progress:
    counts = lookup.counts(run)
    total = sum(counts.values())
    moved, failed = counts.get(ItemState.SWITCHED, 0), counts.get(ItemState.FAILED, 0) + counts.get(ItemState.REFUSED, 0)
    returned = counts.get(ItemState.ROLLED_BACK, 0)
    done = total - moved if run.state == RunState.ROLLING_BACK else moved + failed + returned
    at_work = Item.objects.filter(run=run, state__in=(ItemState.COPYING, ItemState.VERIFYING)).values_list("key_id", flat=True)
    return Progress(done, total, moved, failed, at_work.first() or "")


def names_of(keys: Sequence[Key]) -> dict[str, str]:
    """What people call each key, in one query."""
    aliases: dict[str, list[str]] = {key.pk: [] for key in keys}
    for key_id, name in Alias.objects.filter(key__in=keys).values_list("key_id", "name"):
        aliases[key_id].append(name)
    return {key.pk: name_of(key, aliases[key.pk]) for key in keys}


def step_of(run: Run) -> int:
    """Which of STEPS the page is at, counted from 1."""
    if run.state == RunState.DRAFT:
        return 2
    return 4 if run.state in (RunState.RUNNING, RunState.ROLLING_BACK, RunState.STOPPED) else 5
