"""`/help/`: the questions people ask about keys, answered with a link to the place that answers them live; words; shortcuts."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from access.pages import page

Words = str | Promise


class Answer(NamedTuple):
    question: Words
    words: tuple[Words, ...]
    way: Words
    view: str
    query: str = ""


ANSWERS = (
    Answer(_("Can I delete a key?"),
           (_("Yes: a key you made in an instance. You choose 7 to 366 days; it stops working at once and is destroyed on the "
              "last day. Until then you can cancel."),
            _("Open the key; the danger zone at its end has the button.")), _("Go to the keys"), "keys:list"),
    Answer(_("Why can't I delete it?"),
           (_("A service key belongs to a cloud service: nothing to do, it costs nothing. A 1.0 key is read-only here. A "
              "protected key, or one in a protected instance, waits for the switch."),
            _("The panel “Can this key be deleted?” beside each key names every reason and leads to what lifts it.")),
           _("Show default keys and 1.0 keys"), "keys:list", "?tab=default"),
    Answer(_("Why can't I manage this key here?"),
           (_("Keys from 1.0 and service keys can be looked at, not changed. Calls through the API keep working."),
            _("The button “Why can't I manage this key?” on its page gives all reasons.")),
           _("Show default keys and 1.0 keys"), "keys:list", "?tab=default"),
    Answer(_("Can I decrypt after deletion?"),
           (_("No. A scheduled key already refuses to decrypt; once it is destroyed, its ciphertext can never be opened again."),
            _("Disable the key first and watch whether anything fails. You can enable it again at any time.")),
           _("Show keys that wait for deletion"), "keys:list", "?state=PendingDeletion"),
    Answer(_("How are keys kept safe?"),
           (_("Key material is sealed under the key of its instance, and that under the root key, or it never leaves a hardware "
              "module. It is opened for the length of one call, and no page or log ever shows it."),
            _("Each key and instance says its protection level.")), _("Go to the instances"), "instances:list"),
    Answer(_("Can I import key material?"),
           (_("Yes, into a key of origin EXTERNAL: you wrap the material on your own machine and keep the original."),
            _("Material is bound for good: only the same material can be imported again.")),
           _("Go to the keys"), "keys:list"),
    Answer(_("Why is a key unavailable?"),
           (_("Its instance has expired. Renew it within 15 days and all its keys work again; after that it can be released, and "
              "the keys are gone."),), _("Go to the instances"), "instances:list"),
)
TERMS: tuple[tuple[Words, Words], ...] = (
    (_("instance"), _("Where keys live. It has a term and quotas.")),
    (_("alias"), _("A second name of a key, which programs use; it can be pointed at another key.")),
    (_("key version"), _("One generated key inside a key. The primary one encrypts, every one decrypts.")),
    (_("default keys"), _("The free key of the account, and keys that cloud services made.")),
    (_("deletion protection"), _("A switch on a key or its instance. While it is on, nobody can schedule a deletion.")),
    (_("AccessKey"), _("A pair of ID and secret that signs calls; it belongs to a person.")),
    (_("policy"), _("A document that allows or denies operations, beside the role.")),
)
SHORTCUTS: tuple[tuple[str, Words], ...] = (
    ("Tab", _("to the next link, button or field; Shift and Tab back")),
    ("Enter", _("opens the link or presses the button")),
    ("Space", _("opens a menu, ticks a box")),
    ("Esc", _("closes the dialog, the menu or the side menu")),
)


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    return page(request, "help.html", answers=ANSWERS, terms=TERMS, shortcuts=SHORTCUTS)
