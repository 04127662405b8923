"""What the checks and troubles of HSM clusters say to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from access.labels import Label
from crypto.hsm.steps import STEPS
from crypto.hsm.troubles import Trouble
from instances.hsm_models import ClusterState, HsmMember, MemberState

# trouble -> (what is wrong, what to do)
TROUBLES: dict[str, tuple[Promise, Promise]] = {
    Trouble.MODULE: (_("The library of the HSM cannot be loaded"),
                     _("Look whether the vendor's client is installed on this machine, and whether its path has changed.")),
    Trouble.TOKEN: (_("The library does not show this token"),
                    _("Look whether the HSM is switched on and reachable. A token that comes back is found by itself.")),
    Trouble.STRANGER: (_("The cluster key is not on this token"),
                       _("The token was emptied or replaced, or is not reachable. Restore it from the vendor's backup.")),
    Trouble.NO_PIN: (_("The PIN cannot be read"),
                     _("The file must exist, and be readable for its owner only (mode 0600), for every process.")),
    Trouble.PIN: (_("The token refused the PIN"),
                  _("It was tried once and will not be tried again, because tokens lock. Put it right, then check again.")),
    Trouble.LOCKED: (_("The PIN is locked"), _("The security officer of the HSM unlocks it with the vendor's tool.")),
    Trouble.BUSY: (_("Every session is in use"), _("It passes by itself. If it returns, the HSM is too slow.")),
    Trouble.MECHANISMS: (_("The token lacks mechanisms"),
                         _("Allow AES key generation, AES-GCM, AES key wrap with padding, RSA key generation and OAEP.")),
    Trouble.MISSING: (_("Keys are missing on this token"),
                      _("Only the other members have them. Restore the token from the vendor's backup; they cannot be copied.")),
    Trouble.TOO_FEW: (_("There are too few tokens"), _("A cluster has two or more, each with a serial of its own.")),
    Trouble.SILENT: (_("The token does not answer as it should"),
                     _("Look into the log of the HSM and of its client. It is tried again by itself.")),
}
STEP_WORDS: dict[str, Promise] = dict(zip(STEPS, (
    _("Two or more members"), _("Connect and log in"),
    _("Make a key, encrypt, decrypt, destroy it"), _("Mechanisms"),
    _("All members use the same keys"), _("Every key is there")), strict=True))
CLUSTER: dict[str, Label] = {
    ClusterState.CONNECTED: Label(pgettext_lazy("state of an HSM cluster", "Connected"), "ok", "circle-check"),
    ClusterState.DEGRADED: Label(pgettext_lazy("state of an HSM cluster", "Degraded"), "warn", "triangle-alert"),
    ClusterState.DISCONNECTED: Label(pgettext_lazy("state of an HSM cluster", "Unreachable"), "bad", "unplug"),
    ClusterState.UNKNOWN: Label(pgettext_lazy("state of an HSM cluster", "Not checked"), "", "circle-dashed"),
}
MEMBER: dict[str, Label] = {
    MemberState.ANSWERS: Label(pgettext_lazy("state of an HSM member", "Answers"), "ok", "circle-check"),
    MemberState.AWAY: Label(pgettext_lazy("state of an HSM member", "Does not answer"), "bad", "circle-x"),
    MemberState.UNKNOWN: Label(pgettext_lazy("state of an HSM member", "Not checked"), "", "circle-dashed"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A check as a page shows it. todo: what to do where it failed; detail: the library's name for it."""

    passed: bool
    title: str
    member: str
    sentence: str = ""
    todo: str = ""
    detail: str = ""


def told(checks: Iterable[Mapping[str, Any]]) -> list[Line]:
    found = []
    for check in checks:
        title, member = str(STEP_WORDS[check["step"]]), check["member"]
        if check["trouble"]:
            wrong, todo = TROUBLES[check["trouble"]]
            found.append(Line(False, title, member, str(wrong), str(todo), check["detail"]))
        else:
            took = ngettext("%(n)d ms", "%(n)d ms", check["ms"]) % {"n": check["ms"]}
            found.append(Line(True, title, member, took if check["ms"] else ""))
    return found


def lines(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    """For a terminal."""
    rows = []
    for line in told(checks):
        word = gettext("passed") if line.passed else gettext("FAILED")
        rows.append(f"{word:<8} {line.member:<16} {line.title}" + (f": {line.sentence}" if line.sentence else ""))
        if line.todo:
            rows.append(f"{'':<25} {line.todo}" + (f" ({line.detail})" if line.detail else ""))
    return rows


def state_of(members: Iterable[HsmMember]) -> ClusterState:
    states = {member.state for member in members}
    if states == {MemberState.ANSWERS}:
        return ClusterState.CONNECTED
    if MemberState.UNKNOWN in states or not states:
        return ClusterState.UNKNOWN
    return ClusterState.DEGRADED if MemberState.ANSWERS in states else ClusterState.DISCONNECTED
