"""The tabs of a key that can change it: rotation, policy, tags. Each POST is one operation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from access.pages import ActionForm, caller_of, done, posted
from base.refusal import Refused
from keys import forms, gate, key_pages, key_policies, operations, policy_effect, rotating, section_forms, showing
from keys.key_pages import key_or_404, key_read, key_url
from keys.models import Key
from keys.states import State

NEXT = 3


@require_http_methods(["GET", "HEAD", "POST"])
def rotation(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), key_read(request, key_id, "UpdateRotationPolicy")
    days = (key.rotation_interval_seconds or 0) // rotating.DAY or section_forms.PRESETS[1]
    form = section_forms.Rotation(posted(request), initial={"turn": "on" if key.automatic_rotation else "off", "days": days})
    if form.is_valid():
        with form.catching(caller, "UpdateRotationPolicy"):
            operations.update_rotation_policy(caller, key, enable_automatic_rotation=form.on, rotation_interval=form.interval,
                                              revision=form.cleaned_data["revision"])
            return done(request, key_url(key, "rotation"), _("Automatic rotation is on.") if form.on
                        else _("Automatic rotation is off."))
    return _rotation(request, key, form, ActionForm())


@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Now. The revision keeps a second click from making a second version."""
    caller, key = caller_of(request), key_or_404(request, key_id, "CreateKeyVersion")
    form = forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "CreateKeyVersion"):
            operations.create_key_version(caller, key, revision=form.cleaned_data["revision"])
            return done(request, key_url(key, "rotation"), _("There is a new version. Earlier ones keep decrypting.")
                        if not showing.is_pair(key) else _("There is a new version."))
    return _rotation(request, key, section_forms.Rotation(None, initial={
        "turn": "on" if key.automatic_rotation else "off", "days": section_forms.PRESETS[1]}), form)


def _rotation(request: HttpRequest, key: Key, form: section_forms.Rotation, now: ActionForm) -> HttpResponse:
    caller = caller_of(request)
    state = key.state_at(caller.at)
    every = timedelta(seconds=key.rotation_interval_seconds or 0)
    dates = ([key.next_rotation_at + n * every for n in range(NEXT)]
             if key.next_rotation_at and state is State.ENABLED and key.automatic_rotation else [])
    return key_pages.show(
        request, "keys/rotation.html", "rotation", key, form=form, now_form=now, status=max(form.status, now.status),
        rotation=showing.rotation(key, state), dates=dates, presets=section_forms.PRESETS, low=section_forms.LOW,
        high=section_forms.HIGH, why_not=gate.reasons("UpdateRotationPolicy", caller, key),
        why_not_now=gate.reasons("CreateKeyVersion", caller, key))


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest, key_id: str) -> HttpResponse:
    """The text, and what it would do to whom. `do` says what a POST wants: save, check, or add a statement to the text."""
    caller, key = caller_of(request), key_or_404(request, key_id, "SetKeyPolicy")
    text, effects = "", None
    form, adding = section_forms.Policy(posted(request)), section_forms.Statement(None, owner=key.account_id)
    if form.is_valid():
        text, wish = form.cleaned_data["policy"], request.POST.get("do", "save")
        if wish == "save":
            with form.catching(caller, "SetKeyPolicy"):
                operations.set_key_policy(caller, key, policy=text, revision=form.cleaned_data["revision"])
                return done(request, key_url(key, "policy"), _("Policy saved. It counts from the next call on."))
        try:
            if wish == "add":
                adding = section_forms.Statement(request.POST, owner=key.account_id)
                if adding.is_valid():
                    text = key_policies.with_statement(text, adding.cleaned_data["role"], adding.cleaned_data["principals"])
                    adding = section_forms.Statement(None, owner=key.account_id)
            effects = policy_effect.effects(caller, key, text)
        except Refused as refused:
            form.refusals = refused.refusals  # looking at a draft is no try of the operation
    return _policy(request, key, form, adding, text or request.POST.get("policy", ""), effects)


def _policy(request: HttpRequest, key: Key, form: section_forms.Policy, adding: section_forms.Statement, text: str,
            effects: list[policy_effect.Effect] | None) -> HttpResponse:
    caller = caller_of(request)
    unread = gate.reasons("GetKeyPolicy", caller, key)
    if not text and not unread:
        text = key_policies.readable(operations.get_key_policy(caller, key))
    if unread:
        effects = None  # whom a policy lets do what is a part of it
    elif effects is None and not form.refusals:
        effects = _as_it_is(request, key)
    return key_pages.show(
        request, "keys/policy.html", "policy", key, form=form, adding=adding, text=text, effects=effects,
        draft=form.is_bound, unread=unread, why_not=gate.reasons("SetKeyPolicy", caller, key), roles=_roles(),
        asked=_asked(), owner=key.account_id, status=max(form.status, adding.status))


def _as_it_is(request: HttpRequest, key: Key) -> list[policy_effect.Effect] | None:
    """None where the stored text cannot be read any more; then nobody may anything, which the reasons say."""
    try:
        return policy_effect.effects(caller_of(request), key, key.policy)
    except Refused:
        return None


def _asked() -> list[str]:
    return [pgettext("may", "Manage"), pgettext("may", "Delete"), pgettext("may", "Encrypt"), pgettext("may", "Decrypt")]


def _roles() -> list[tuple[str, Any]]:
    words = (pgettext("role in a key policy", "Administrator"), pgettext("role in a key policy", "User"),
             pgettext("role in a key policy", "Cross-account user"))
    return list(zip(key_policies.ROLES, words, strict=True))


@require_http_methods(["GET", "HEAD", "POST"])
def tags(request: HttpRequest, key_id: str) -> HttpResponse:
    """`do`: set a tag, new or with a new value, or remove one. Both can be sent twice without harm."""
    caller, key = caller_of(request), key_or_404(request, key_id, "TagResource")
    removing = request.POST.get("do") == "remove"
    form = section_forms.TagName(posted(request)) if removing else section_forms.Tag(posted(request))
    action = "UntagResource" if removing else "TagResource"
    if form.is_valid():
        name = form.cleaned_data["name"]
        with form.catching(caller, action):
            if removing:
                operations.untag_resource(caller, key, tag_keys=[name])
            else:
                operations.tag_resource(caller, key, tags=[(name, form.cleaned_data["value"])])
            return done(request, key_url(key, "tags"), _("The tag %(name)s is removed.") % {"name": name} if removing
                        else _("The tag %(name)s is set.") % {"name": name})
    unread = gate.reasons("ListResourceTags", caller, key)
    return key_pages.show(
        request, "keys/tags.html", "tags", key, form=form, found=[] if unread else operations.list_resource_tags(caller, key),
        unread=unread, why_not=gate.reasons("TagResource", caller, key),
        why_not_remove=gate.reasons("UntagResource", caller, key),
        typed={"name": request.GET.get("name", "") or ("" if removing else request.POST.get("name", "")),
               "value": request.GET.get("value", "") or request.POST.get("value", "")}, status=form.status)
