"""The questions people ask about deleting, managing and losing keys, answered from what the account holds at this moment.

Counts stop at `access.lists.CAP`: on a page of answers "more than a thousand" says as much as the number, and costs the same in
every estate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from access import lists
from base.caller import Caller
from instances.models import Instance
from keys import listing
from keys.models import Key
from keys.states import State
from kmsconsole.templatetags.lists import capped


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of an answer, with the place where it can be seen or changed."""

    sentence: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """id: of the anchor. lines: the live facts under the answer."""

    id: str
    question: str
    answer: str
    lines: tuple[Line, ...] = ()


# (sentence for one, for many), by what is counted.
COUNTED: dict[str, Promise] = {
    "old": ngettext_lazy("%(n)s key was made in the 1.0 console: it is read-only here.",
                         "%(n)s keys were made in the 1.0 console: they are read-only here.", "number"),
    "service": ngettext_lazy("%(n)s key belongs to a cloud service, which manages it. It costs nothing.",
                             "%(n)s keys belong to cloud services, which manage them. They cost nothing.", "number"),
    "expired": ngettext_lazy("%(n)s instance has expired: its keys are unavailable until it is renewed.",
                             "%(n)s instances have expired: their keys are unavailable until they are renewed.", "number"),
    "deletable": ngettext_lazy("%(n)s key can be scheduled for deletion now.",
                               "%(n)s keys can be scheduled for deletion now.", "number"),
    "pending": ngettext_lazy("%(n)s key waits for its deletion and can be cancelled.",
                             "%(n)s keys wait for their deletion and can be cancelled.", "number"),
    "protected": ngettext_lazy("%(n)s key is under deletion protection, its own or that of its instance.",
                               "%(n)s keys are under deletion protection, their own or that of their instance.", "number"),
    "software": ngettext_lazy("%(n)s key is protected by software.", "%(n)s keys are protected by software.", "number"),
    "hsm": ngettext_lazy("%(n)s key lives in an HSM.", "%(n)s keys live in an HSM.", "number"),
    "waiting": ngettext_lazy("%(n)s key waits for its material.", "%(n)s keys wait for their material.", "number"),
}


# Those that no index finds; the newest keys are looked through.
SOUGHT, NEWEST = ("deletable", "protected", "software"), listing.ORDERS["newest"]


def questions(caller: Caller) -> list[Question]:
    """A fixed number of queries, each bounded."""
    living = Key.objects.of(caller.account).living(caller.at)
    keys, defaults, homes = reverse("keys:list"), reverse("keys:list") + "?tab=default", reverse("instances:list")
    own = living.filter(edition=Key.Edition.V3).exclude(kind=Key.Kind.SERVICE)
    is_protected = Q(deletion_protection=True) | Q(instance__deletion_protection=True, instance__isnull=False)
    # Of every tab: said in full, so that the index of the lists leads.
    kinds, editions = Q(kind__in=Key.Kind.values), Q(edition__in=Key.Edition.values)
    tabs = living.filter(kinds, editions)
    hardware = [home.pk for home in Instance.objects.of(caller.account).filter(type=Instance.Type.HARDWARE)]
    rows: dict[str, tuple[QuerySet[Any], str]] = {
        "old": (living.filter(kinds, edition=Key.Edition.V1), defaults),
        "service": (living.filter(editions, kind=Key.Kind.SERVICE), defaults),
        "expired": (Instance.objects.of(caller.account).filter(released_at=None, end_at__lte=caller.at), homes),
        "deletable": (own.exclude(state=State.PENDING_DELETION).exclude(is_protected)
                      .exclude(instance__isnull=False, instance__end_at__lte=caller.at), keys),
        "pending": (tabs.filter(state=State.PENDING_DELETION), f"{keys}?state=PendingDeletion"),
        "protected": (living.filter(is_protected), keys),
        "software": (own.filter(protection_level="SOFTWARE"), keys),
        "hsm": (own.filter(instance__in=hardware), keys),
        "waiting": (tabs.filter(state=State.PENDING_IMPORT), f"{keys}?state=PendingImport"),
    }
    mine = Key.objects.of(caller.account)
    lines = {name: _line(COUNTED[name], lists.count(found, NEWEST, mine if name in SOUGHT else None), url)
             for name, (found, url) in rows.items()}
    return [
        Question("delete", _("Can I delete a key?"),
                 _("Yes, by scheduling it 7 to 366 days ahead. The key stops at once, and until the date you can cancel. Disable "
                   "it first and watch who calls."), lines["deletable"] + lines["pending"]),
        Question("cannot-delete", _("Why can't I delete a key?"),
                 _("The button says it: it lists every reason, who can lift each, and the way there."),
                 lines["protected"] + lines["service"] + lines["old"] + lines["expired"]),
        Question("cannot-manage", _("Why can't I manage a key in this console?"),
                 _("Keys of the 1.0 edition and of cloud services are only shown here. Calls with them go on."),
                 lines["old"] + lines["service"] or (Line(_("You have no such keys."), defaults),)),
        Question("after", _("Can data be decrypted after its key was deleted?"),
                 _("No. From the date on the key is gone with everything it encrypted, imported material included. Until the "
                   "date nothing is lost. If only the material of an imported key was deleted, import the same material again "
                   "and old data opens."), lines["pending"]),
        Question("safe", _("How are my keys kept safe?"),
                 _("Software keys lie encrypted under the key of their instance, and that under the root key, which is not in "
                   "the database. Hardware keys are made in an HSM and never leave it."), lines["software"] + lines["hsm"]),
        Question("import", _("Can I bring my own key material?"),
                 _("Yes, symmetric and asymmetric. Create a key that waits for material, then import it from the page of the "
                   "key."), (*lines["waiting"], Line(_("Create a key"), reverse("keys:new")))),
        Question("unavailable", _("What does Rejected.Unavailable mean?"),
                 _("The instance of the key has expired. Renew it within 15 days and everything works again; after that it is "
                   "released and its keys are lost. Back up first."),
                 lines["expired"] or (Line(_("No instance of yours has expired."), homes),)),
    ]


def _line(sentence: Promise, count: lists.Count, url: str) -> tuple[Line, ...]:
    """Nothing where there is nothing to count."""
    return (Line(str(sentence % {"number": count.n, "n": capped(count)}), url),) if count.n else ()
