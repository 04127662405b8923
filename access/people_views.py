"""`/access/`: the people of the account. Each dialog is a page as well, and each POST one operation."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import once, operations, pages, people, people_forms, people_gate, policies
from access.models import AccessKey, Role, User
from access.pages import ActionForm, caller_of, done, found_or_404, page, posted
from access.proving import proved
from access.rules import why_not_permitted
from base import ids
from base.refusal import Refusal

FORMS = ["GET", "HEAD", "POST"]
EXAMPLE = """{
  "Version": "1",
  "Statement": [{
    "Sid": "encrypt with red keys",
    "Effect": "Allow",
    "Action": ["kms:Encrypt", "kms:Describe*"],
    "Resource": ["acs:kms:*:*:key/*"],
    "Condition": {"StringEquals": {"kms:tag/team": ["red"]}}
  }]
}"""


def person_or_404(request: HttpRequest, name: str, action: str) -> User:
    """Whoever asks for somebody who is not there is noted; a person of another account is not there."""
    return found_or_404(request, lambda caller: people_gate.user_for(caller, name), action, "GetUser", ("user", name))


def person_url(user: User) -> str:
    return reverse("people:detail", args=[user.username])


@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    caller, text = caller_of(request), request.GET.get("q", "")[:64].strip()
    found = people.get_users(caller, page_number=pages.whole_number(request.GET.get("page", ""), 1),
                             page_size=pages.page_size(request), text=text)
    factors = Authenticator.objects.filter(user__in=found.items, type__in=people_gate.FACTORS)
    return page(request, "access/people.html", fragments=("list",), found=found, text=text,
                secured=set(factors.values_list("user_id", flat=True)), why_not_create=why_not_permitted(caller, "CreateUser"))


@require_safe
def detail(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "GetUser")
    people.get_user(caller, user)
    away = Role.AUDITOR if user.role == Role.ADMINISTRATOR else user.role
    blocked = {
        "SetUserRole": people_gate.reasons("SetUserRole", caller, user, role=away),
        "DeactivateUser": people_gate.reasons("DeactivateUser", caller, user, active=False),
        **{action: people_gate.reasons(action, caller, user) for action in (
            "ReactivateUser", "UpdateLoginProfile", "UnbindMFADevice", "AttachPolicyToUser", "DetachPolicyFromUser",
            "CreateAccessKey", "UpdateAccessKey")},
    }
    attached = [{"name": title, "document": document, "statements": len(policies.parse(document, policies.USER))
                 if not policies.why_not(document, policies.USER) else 0} for title, document in people_gate.policies_of(user)]
    return page(request, "access/person.html", person=user, blocked=blocked, policies=attached,
                factors=list(Authenticator.objects.filter(user=user).order_by("type", "pk")),
                access_keys=AccessKey.objects.filter(user=user).order_by("-created_at", "pk"))


@require_http_methods(FORMS)
@proved
def new(request: HttpRequest) -> HttpResponse:
    caller, form = caller_of(request), people_forms.NewPerson(posted(request), initial={"role": Role.KEY_USER})
    account = request.user.account  # type: ignore[union-attr]
    if form.is_valid() and account is not None:
        with form.catching(caller, "CreateUser"):
            password = ids.password()
            user = operations.create_user(caller, account, name=form.cleaned_data["name"], password=password,
                                          role=form.cleaned_data["role"], must_change=True)
            once.keep(request, {"user": user.username, "password": password})
            return done(request, "people:once", _("Created."))
    return page(request, "access/new_person.html", status=form.status, form=form, roles=Role.of_people(), reasons={},
                chosen=form["role"].value(), back=reverse("people:list"), why_not=why_not_permitted(caller, "CreateUser"))


@require_safe
def shown_once(request: HttpRequest) -> HttpResponse:
    """What was made a moment ago. A second look shows that it is gone."""
    return page(request, "access/once.html", shown=once.take(request))


@require_http_methods(FORMS)
@proved
def role(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "SetUserRole")
    form = people_forms.RoleOf(posted(request), initial={"role": user.role})
    if form.is_valid():
        with form.catching(caller, "SetUserRole"):
            people.set_user_role(caller, user, role=form.cleaned_data["role"], revision=form.cleaned_data["revision"])
            return done(request, person_url(user), _("The role is changed. It counts from the next request on."))
    reasons = {one: people_gate.reasons("SetUserRole", caller, user, role=one) for one in Role.of_people()}
    why_not = () if not all(reasons.values()) else next(iter(reasons.values()))
    return page(request, "access/role.html", status=form.status, fragments=("modal",), person=user, form=form,
                roles=Role.of_people(), chosen=form["role"].value(), reasons=reasons, why_not=why_not, back=person_url(user))


def ask(request: HttpRequest, form: ActionForm, user: User, *, title: str, lines: list[str], button: str,
         why_not: tuple[Refusal, ...], danger: bool = False, **more: Any) -> HttpResponse:
    """The dialog of an action that asks for nothing: what happens then, every reason against it, and the button."""
    more.setdefault("back", person_url(user))
    return page(request, "access/confirm.html", status=form.status, fragments=("modal",), person=user, form=form, title=title,
                lines=lines, button=button, why_not=why_not, danger=danger, **more)


@require_http_methods(FORMS)
def deactivate(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "DeactivateUser")
    form = people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "DeactivateUser"):
            people.deactivate_user(caller, user, revision=form.cleaned_data["revision"])
            return done(request, person_url(user), _("Switched off. Sessions have ended, and AccessKeys no longer work."))
    return ask(request, form, user, title=_("Switch %(name)s off?") % {"name": user.username}, danger=True,
                lines=[_("The person is signed out at once and cannot sign in. Calls with their AccessKeys fail."),
                       _("Nothing is deleted. You can switch them on again at any time.")],
                button=_("Switch off"), why_not=people_gate.reasons("DeactivateUser", caller, user, active=False))


@require_http_methods(FORMS)
def reactivate(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "ReactivateUser")
    form = people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "ReactivateUser"):
            people.reactivate_user(caller, user, revision=form.cleaned_data["revision"])
            return done(request, person_url(user), _("Switched on."))
    return ask(request, form, user, title=_("Switch %(name)s on?") % {"name": user.username},
                lines=[_("The person can sign in again, and their active AccessKeys work again.")],
                button=_("Switch on"), why_not=people_gate.reasons("ReactivateUser", caller, user))


@require_http_methods(FORMS)
@proved
def password(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "UpdateLoginProfile")
    form = people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "UpdateLoginProfile"):
            fresh = people.reset_password(caller, user, revision=form.cleaned_data["revision"])
            once.keep(request, {"user": user.username, "password": fresh})
            return done(request, "people:once")
    return ask(request, form, user, title=_("Give %(name)s a new password?") % {"name": user.username},
                lines=[_("The old password stops working, and the person is signed out."),
                       _("You see the new password once. Whoever signs in with it must choose another.")],
                button=_("Make a new password"), why_not=people_gate.reasons("UpdateLoginProfile", caller, user))


@require_http_methods(FORMS)
@proved
def factor(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "UnbindMFADevice")
    form = people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "UnbindMFADevice"):
            people.reset_second_factor(caller, user, revision=form.cleaned_data["revision"])
            return done(request, person_url(user), _("The second factor is removed."))
    return ask(request, form, user, title=_("Remove the second factor of %(name)s?") % {"name": user.username}, danger=True,
                lines=[_("Passkeys, authenticator app and recovery codes are removed, and the person is signed out."),
                       _("Then the password alone opens the account. Do this only when you are sure who asks.")],
                button=_("Remove the second factor"), why_not=people_gate.reasons("UnbindMFADevice", caller, user))


@require_http_methods(FORMS)
@proved
def attach(request: HttpRequest, name: str) -> HttpResponse:
    """A new document, or another text for the one that ?policy= names."""
    caller, user = caller_of(request), person_or_404(request, name, "AttachPolicyToUser")
    known, title = dict(people_gate.policies_of(user)), request.GET.get("policy", "")
    form = people_forms.Policy(posted(request), initial={"name": title, "document": known.get(title, EXAMPLE)})
    if form.is_valid():
        with form.catching(caller, "AttachPolicyToUser"):
            operations.attach_policy(caller, user, name=form.cleaned_data["name"], document=form.cleaned_data["document"])
            return done(request, person_url(user), _("The policy is attached. It counts from the next request on."))
    return page(request, "access/attach.html", status=form.status, person=user, form=form, back=person_url(user),
                title=title, why_not=people_gate.reasons("AttachPolicyToUser", caller, user))


@require_http_methods(FORMS)
@proved
def detach(request: HttpRequest, name: str) -> HttpResponse:
    caller, user = caller_of(request), person_or_404(request, name, "DetachPolicyFromUser")
    title, form = request.GET.get("policy", ""), people_forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "DetachPolicyFromUser"):
            operations.detach_policy(caller, user, name=title)
            return done(request, person_url(user), _("The policy is detached."))
    rest = [one for one in people_gate.policies_of(user) if one[0] != title]
    return ask(request, form, user, title=_("Detach %(policy)s from %(name)s?") % {"policy": title, "name": user.username},
                lines=[_("What only this policy allows stops with the next request; what only it denies becomes possible.")],
                button=_("Detach"), why_not=people_gate.reasons("DetachPolicyFromUser", caller, user, documents=rest))
