"""Pages that change one key. Each is a dialog and a page; each POST is one operation.

GET asks the rules, so the reasons stand there before anything is typed. POST sends the revision the reader saw.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import dates
from access.pages import ActionForm, caller_of, done, page, posted, whole_number
from keys import evidence, forms, gate, operations, showing
from keys.aliasing import PREFIX
from keys.key_pages import alias_names, key_or_404, key_url
from keys.models import Key
from keys.states import WINDOW_DAYS, State


def _show(request: HttpRequest, template: str, action: str, key: Key, form: ActionForm, **more: Any) -> HttpResponse:
    """The dialog of `action`, with every reason against it."""
    caller = caller_of(request)
    more.setdefault("why_not", gate.reasons(action, caller, key))
    more.setdefault("fragments", ("modal",))
    return page(request, template, status=form.status, key=key, form=form, state=key.state_at(caller.at),
                name=showing.name_of(key, alias_names(key)), back=key_url(key), **more)


@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: HttpRequest, key_id: str) -> HttpResponse:
    key = key_or_404(request, key_id, "EnableKey")
    form = forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller_of(request), "EnableKey"):
            operations.enable_key(caller_of(request), key, revision=form.cleaned_data["revision"])
            return done(request, key_url(key), _("Enabled."))
    return _show(request, "keys/enable.html", "EnableKey", key, form)


@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, key_id: str) -> HttpResponse:
    key = key_or_404(request, key_id, "DisableKey")
    form = forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller_of(request), "DisableKey"):
            operations.disable_key(caller_of(request), key, revision=form.cleaned_data["revision"])
            return done(request, key_url(key), _("Disabled. You can enable it again at any time."))
    return _show(request, "keys/disable.html", "DisableKey", key, form)


@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: HttpRequest, key_id: str) -> HttpResponse:
    key = key_or_404(request, key_id, "UpdateKeyDescription")
    form = forms.Description(posted(request), initial={"description": key.description})
    if form.is_valid():
        with form.catching(caller_of(request), "UpdateKeyDescription"):
            operations.update_key_description(caller_of(request), key, description=form.cleaned_data["description"],
                                              revision=form.cleaned_data["revision"])
            return done(request, key_url(key), _("Description saved."))
    return _show(request, "keys/describe.html", "UpdateKeyDescription", key, form)


@require_http_methods(["GET", "HEAD", "POST"])
def schedule_deletion(request: HttpRequest, key_id: str) -> HttpResponse:
    """What is known of the key's use stands before the date; the fragment that only computes the date asks nothing else."""
    caller = caller_of(request)
    key = key_or_404(request, key_id, "ScheduleKeyDeletion")
    form = forms.ScheduleDeletion(posted(request), key_id=key.pk)
    if form.is_valid():
        with form.catching(caller_of(request), "ScheduleKeyDeletion"):
            operations.schedule_key_deletion(caller, key, window_days=form.cleaned_data["days"],
                                             revision=form.cleaned_data["revision"])
            until = dates.clock_time(key.destroyed_from() or caller.at)
            return done(request, key_url(key), _("Deletion scheduled. You can cancel it until %(date)s.") % {"date": until})
    days = whole_number(request.POST.get("days", "") or request.GET.get("days", ""), forms.DEFAULT_DAYS,
                        low=WINDOW_DAYS[0], high=WINDOW_DAYS[-1])
    due = caller.at + timedelta(days=days)
    if request.htmx and request.htmx.target == "due":  # type: ignore[attr-defined]
        return page(request, "keys/schedule_deletion.html", fragments=("due",), due=due)
    aliases, state = alias_names(key), key.state_at(caller.at)
    facts = evidence.evidence(caller, key, state)
    return _show(request, "keys/schedule_deletion.html", "ScheduleKeyDeletion", key, form, days=days, due=due,
                 presets=forms.PRESETS, evidence=facts, cares=showing.cares(caller.at, state, len(aliases), facts))


@require_http_methods(["GET", "HEAD", "POST"])
def cancel_deletion(request: HttpRequest, key_id: str) -> HttpResponse:
    key = key_or_404(request, key_id, "CancelKeyDeletion")
    form = forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller_of(request), "CancelKeyDeletion"):
            operations.cancel_key_deletion(caller_of(request), key, revision=form.cleaned_data["revision"])
            return done(request, key_url(key), _("Deletion cancelled. The key waits for material again.")
                        if key.state == State.PENDING_IMPORT else _("Deletion cancelled. The key is enabled again."))
    return _show(request, "keys/cancel_deletion.html", "CancelKeyDeletion", key, form)


@require_http_methods(["GET", "HEAD", "POST"])
def protection(request: HttpRequest, key_id: str) -> HttpResponse:
    """The switch of the key's own deletion protection: the dialog offers the other position."""
    key = key_or_404(request, key_id, "SetDeletionProtection")
    aliases = alias_names(key)
    names = [*(name.removeprefix(PREFIX) for name in aliases), *aliases, key.pk]
    form = forms.Protection(posted(request), names=names)
    if form.is_valid():
        with form.catching(caller_of(request), "SetDeletionProtection"):
            operations.set_deletion_protection(caller_of(request), key, enabled=form.on,
                                               description=form.cleaned_data["description"],
                                               revision=form.cleaned_data["revision"])
            # The switch in the table of an instance leaves the reader there.
            from_table = key.instance is not None and request.POST.get("from") == "instance"
            back = reverse("instances:detail", args=[key.instance_id]) if from_table else key_url(key)
            return done(request, back, _("Deletion protection is on.") if form.on else _("Deletion protection is off."))
    return _show(request, "keys/protection.html", "SetDeletionProtection", key, form, must="\n".join(names))


@require_safe
def why(request: HttpRequest, key_id: str) -> HttpResponse:
    """Why can't I manage this key? Every reason against changing it."""
    key = key_or_404(request, key_id, "DescribeKey")
    return _show(request, "keys/why.html", "UpdateKeyDescription", key, forms.Change())
