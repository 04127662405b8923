"""Pages that order an instance or change one. Each is a dialog and a page; each POST is one operation.

GET asks the rules, so the reasons stand there before anything is typed. POST sends the revision the reader saw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access import dates
from access.pages import ActionForm, caller_of, done, page, posted
from audit.models import Event
from base.caller import Caller
from base.refusal import Refusal
from instances import forms, gate, lookup, operations, plans, states
from instances.models import Instance
from instances.pages import instance_or_404
from keys import operations as key_operations
from keys import quota
from keys.models import Alias, Key
from keys.operations.releasing import why_not_release
from keys.states import CRYPTOGRAPHY

FORM = require_http_methods(["GET", "HEAD", "POST"])
LOOKED_AT = 50_000


def _url(instance: Instance) -> str:
    return reverse("instances:detail", args=[instance.pk])


def _act(request: HttpRequest, instance: Instance, action: str, form: ActionForm,
         work: Callable[[Caller, dict[str, Any]], str]) -> HttpResponse | None:
    """The answer to a POST that worked; otherwise None, and `form` knows why. work: the one operation; returns the toast."""
    if form.is_valid():
        with form.catching(caller_of(request), action):
            return done(request, _url(instance), work(caller_of(request), form.cleaned_data))
    return None


def _show(request: HttpRequest, template: str, instance: Instance, form: ActionForm, why_not: tuple[Refusal, ...],
          **more: Any) -> HttpResponse:
    return page(request, f"instances/{template}.html", status=form.status, fragments=("modal",), instance=instance, form=form,
                name=str(instance), back=_url(instance), why_not=why_not, **more)


def _dialog(request: HttpRequest, instance: Instance, action: str, template: str, form: ActionForm,
            operation: Callable[..., Instance], toast: Callable[[], str],
            more: Callable[[], dict[str, Any]] = dict) -> HttpResponse:
    """The page of one operation, which takes what the form cleans by the same names. toast and more: asked for only where they
    show, after the operation."""

    def work(caller: Caller, given: dict[str, Any]) -> str:
        operation(caller, instance, **given)
        return toast()

    return _act(request, instance, action, form, work) or _show(
        request, template, instance, form, gate.reasons(action, caller_of(request), instance), **more())


@FORM
def new(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    usual = plans.Order("")
    first = {"type": "hardware" if request.GET.get("type") == "hardware" else "software", "charge_type": "PREPAY",
             "spec": plans.USUAL["software"], "spec_hardware": plans.USUAL["hardware"], "key_quota": usual.key_quota,
             "secret_quota": usual.secret_quota, "vpc_quota": usual.vpc_quota, "months": usual.months,
             "auto_renewal_months": 0, "grace_policy": usual.grace_policy}
    form = forms.Order(posted(request), initial=first)
    if form.is_valid():
        with form.catching(caller, "CreateInstance"):
            order = {name: value for name, value in form.cleaned_data.items() if name != "revision"}
            made = operations.order_instance(caller, **order)
            return done(request, _url(made), _("Ordered. Enable it, and it takes keys."))
    return page(request, "instances/new.html", status=form.status, form=form, why_not=lookup.why_nobody_orders(caller),
                plans=plans.PLANS, terms=forms.TERMS, renewals=[months for months in plans.AUTO_RENEWALS if months])


@FORM
def enable(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "ConnectKmsInstance")
    form = forms.Networks(posted(request))
    return _dialog(request, instance, "ConnectKmsInstance", "enable", form, operations.enable_instance, lambda: _("Enabled."))


@FORM
def rename(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "UpdateKmsInstance")
    form = forms.Name(posted(request), initial={"name": instance.name})
    return _dialog(request, instance, "UpdateKmsInstance", "rename", form, operations.rename_instance, lambda: _("Renamed."))


@FORM
def upgrade(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "ModifyInstance")
    had = {"spec": instance.spec, "key_quota": instance.key_quota, "secret_quota": instance.secret_quota,
           "vpc_quota": instance.vpc_quota}
    form = forms.Quotas(posted(request), initial=had)
    return _dialog(request, instance, "ModifyInstance", "upgrade", form, operations.upgrade_instance,
                   lambda: _("Upgraded."), lambda: {
                       "had": had, "plans": [spec for spec in plans.PLANS[instance.type] if spec >= instance.spec]})


@FORM
def renew(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "RenewInstance")
    form = forms.Months(posted(request), initial={"months": 12})
    return _dialog(request, instance, "RenewInstance", "renew", form, operations.renew_instance,
                   lambda: _("Renewed until %(date)s.") % {"date": dates.clock_time(instance.end_at)},
                   lambda: {"terms": forms.TERMS})


@FORM
def auto_renewal(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "SetRenewal")
    form = forms.Months(posted(request), initial={"months": instance.auto_renewal_months})
    return _dialog(request, instance, "SetRenewal", "auto_renewal", form, operations.set_renewal,
                   lambda: _("Automatic renewal is on.") if instance.auto_renewal_months else _("Automatic renewal is off."),
                   lambda: {"renewals": plans.AUTO_RENEWALS})


@FORM
def grace_policy(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "SetGracePolicy")
    form = forms.Policy(posted(request), initial={"policy": instance.grace_policy})
    return _dialog(request, instance, "SetGracePolicy", "grace_policy", form, operations.set_grace_policy, lambda: _("Saved."))


@FORM
def make_default(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "SetDefaultKmsInstance")
    form = forms.Change(posted(request))
    return _dialog(request, instance, "SetDefaultKmsInstance", "make_default", form, operations.set_default_instance,
                   lambda: _("It is the default instance now."), lambda: {"before": lookup.default_instance(instance.account_id)})


@FORM
def tags(request: HttpRequest, instance_id: str) -> HttpResponse:
    instance = instance_or_404(request, instance_id, "TagKmsInstance")
    form = forms.Tag(posted(request))
    action = "UntagKmsInstance" if form.is_bound and request.POST.get("remove") else "TagKmsInstance"

    def work(caller: Caller, given: dict[str, Any]) -> str:
        if given["remove"]:
            operations.untag_instance(caller, instance, names=[given["remove"]], revision=given["revision"])
            return _("Tag removed.")
        operations.tag_instance(caller, instance, pairs=[(given["tag_key"], given["tag_value"])], revision=given["revision"])
        return _("Tag saved.")

    return _act(request, instance, action, form, work) or _show(
        request, "tags", instance, form, gate.reasons("TagKmsInstance", caller_of(request), instance),
        tags=lookup.tags_of(instance))


@FORM
def release(request: HttpRequest, instance_id: str) -> HttpResponse:
    """Pay-as-you-go is released, a subscription unsubscribed; both end the same way. A missing backup alone can be
    overridden, so it is shown apart from what cannot."""
    caller = caller_of(request)
    instance = instance_or_404(request, instance_id, "ReleaseKmsInstance")
    action = "RefundInstance" if instance.has_term else "ReleaseKmsInstance"
    names = [str(instance).strip(), instance.pk]
    form = forms.Release(posted(request), names=names)

    def work(caller: Caller, given: dict[str, Any]) -> str:
        end = key_operations.refund_instance if instance.has_term else key_operations.release_kms_instance
        end(caller, instance, force_delete_without_backup=given["without_backup"], revision=given["revision"])
        return _("Released.")

    if answer := _act(request, instance, action, form, work):
        return answer
    against = why_not_release(action, caller, instance)
    stops = tuple(reason for reason in against if reason.code != "Forbidden.NoBackup")
    return _show(request, "release", instance, form, stops, no_backup=[reason for reason in against if reason not in stops],
                 must="\n".join(names), lost=_lost(caller, instance))


def _lost(caller: Caller, instance: Instance) -> dict[str, Any]:
    """What breaks and what is gone: keys, names, and who used the keys lately."""
    keys = Key.objects.living(caller.at).filter(instance=instance)
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    used = Event.objects.filter(id__gt=newest - LOOKED_AT, account=instance.account_id, action__in=CRYPTOGRAPHY, outcome="ok",
                                at__gt=caller.at - 30 * states.ONE_DAY, object_id__in=keys.values("pk"))
    return {"keys": keys.count(), "versions": quota.used(instance), "aliases": Alias.objects.filter(key__in=keys).count(),
            "callers": sorted(set(used.values_list("principal", flat=True))),
            "renew_by": states.renew_by(instance.end_at, settings.KMS_BILLING_ZONE)}
