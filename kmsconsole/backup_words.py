"""How backups and restores are told: states, kinds, drills, and what came back otherwise than it was."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.labels import Label
from backups.models import Backup
from backups.states import Kind, Outcome, State

STATE: dict[str, Label] = {
    State.WAITING: Label(pgettext_lazy("state of a backup", "Waiting"), "info", "clock"),
    State.RUNNING: Label(pgettext_lazy("state of a backup", "Running"), "info", "loader"),
    State.SUCCEEDED: Label(pgettext_lazy("state of a backup", "Complete"), "ok", "circle-check"),
    State.FAILED: Label(pgettext_lazy("state of a backup", "Failed"), "bad", "circle-x"),
}
DESTROYED = Label(pgettext_lazy("state of a backup", "Destroyed"), "", "ban")
KIND: dict[str, str | Promise] = {
    Kind.AUTOMATIC: pgettext_lazy("kind of backup", "Automatic"),
    Kind.MANUAL: pgettext_lazy("kind of backup", "On demand"),
    Kind.FINAL: pgettext_lazy("kind of backup", "Final"),
    Kind.UPLOADED: pgettext_lazy("kind of backup", "Uploaded"),
}
OUTCOME: dict[str, Label] = {
    Outcome.RESTORED: Label(_("Restored"), "ok", "circle-check"),
    Outcome.REFUSED: Label(_("Not restored"), "bad", "circle-x"),
}
NOTES: dict[str, str | Promise] = {
    "alias_taken": _("The alias %(alias)s points at another key now."),
    "version_lost": _("Version %(version)s was made after the backup and is lost."),
    "material_expired": _("Its imported material has expired. Import it again."),
    "deletion_dropped": _("Its deletion was due, or nearly: the key comes back disabled and without a date."),
    "policy_dropped": _("Its policy named users of another account: the key has the default policy."),
    "rotation_off": _("Automatic rotation is off, because the key may live elsewhere too."),
    "binding_lost": _("It waits for material and would take any: import exactly what it had before."),
}


def label_of(backup: Backup) -> Label:
    return DESTROYED if backup.destroyed_at else STATE[backup.state]


def told(note: dict[str, Any]) -> str:
    return str(NOTES[note["note"]]) % note


