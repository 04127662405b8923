"""AccessKeys of somebody: made by administrators, stopped by their owner too."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access import access_keys, once, operations, people_forms, people_gate
from access.models import AccessKey
from access.pages import caller_of, done, found_or_404, posted
from access.people_views import FORMS, ask, person_or_404, person_url
from access.proving import proved


def _key_or_404(request: HttpRequest, access_key_id: str, action: str) -> AccessKey:
    return found_or_404(request, lambda caller: people_gate.access_key_for(caller, access_key_id), action,
                        target=("accesskey", access_key_id))


def _home(request: HttpRequest, key: AccessKey) -> str:
    """One's own pairs stand on one's own page, which needs no permission."""
    return reverse("own_access_keys") if key.user_id == request.user.pk else person_url(key.user)


@require_http_methods(FORMS)
@proved
def create(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "CreateAccessKey")
    form = people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "CreateAccessKey"):
            key_id, secret = operations.create_access_key(caller, user)
            once.keep(request, {"user": user.username, "key_id": key_id, "secret": secret})
            return done(request, "people:once", _("Created."))
    return ask(request, form, user, title=_("Create an AccessKey for %(name)s?") % {"name": user.username},
                lines=[_("Programs sign their calls with it, and may do what this person may do."),
                       _("You see the secret once. Nobody can show it again.")],
                button=_("Create AccessKey"), why_not=people_gate.reasons("CreateAccessKey", caller, user))


@require_http_methods(FORMS)
def status(request: HttpRequest, access_key_id: str) -> HttpResponse:
    """The dialog offers the other status; the form sends it along."""
    key = _key_or_404(request, access_key_id, "UpdateAccessKey")
    caller, form = caller_of(request), people_forms.Status(posted(request))
    if form.is_valid():
        with form.catching(caller, "UpdateAccessKey"):
            access_keys.update_access_key(caller, key, status=form.cleaned_data["to"])
            return done(request, _home(request, key), _("Enabled.") if key.status == AccessKey.Status.ACTIVE else
                        _("Disabled. You can enable it again at any time."))
    on = key.status == AccessKey.Status.INACTIVE
    texts: dict[str, Any] = {"title": _("Enable this AccessKey?"), "lines": [_("Calls signed with it work again.")],
                             "button": _("Enable")} if on else \
        {"title": _("Disable this AccessKey?"), "button": _("Disable"),
         "lines": [_("Calls signed with it fail at once. You can enable it again at any time.")]}
    to = AccessKey.Status.ACTIVE if on else AccessKey.Status.INACTIVE
    return ask(request, form, key.user, wanted=to, key=key, back=_home(request, key),
                why_not=access_keys.why_not_update(caller, key, to), **texts)


@require_http_methods(FORMS)
def delete(request: HttpRequest, access_key_id: str) -> HttpResponse:
    key = _key_or_404(request, access_key_id, "DeleteAccessKey")
    caller, form, home = caller_of(request), people_forms.Change(posted(request)), _home(request, key)
    if form.is_valid():
        with form.catching(caller, "DeleteAccessKey"):
            access_keys.delete_access_key(caller, key)
            return done(request, home, _("The AccessKey is deleted."))
    return ask(request, form, key.user, title=_("Delete this AccessKey?"), danger=True, key=key, back=home,
                lines=[_("It can never sign a call again. What it did stays in the audit log.")], button=_("Delete"),
                why_not=people_gate.reasons("DeleteAccessKey", caller, key.user, key))
