"""Restoring in three steps on one page: what and where, the preview, the result. The result is a row and a page of its own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import pages
from access.pages import caller_of, done, page, posted
from audit import recording
from backups import forms, lookup, operations, rules
from backups.models import Backup, Restore, RestoredKey
from backups.operations.restoring import as_refusal, why_not_restore
from backups.restoring import Plan
from backups.states import Outcome, State
from backups.views import backup_or_404
from base.caller import Caller
from base.page import Page
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances.models import Instance
from keys import quota

PREVIEWED = 500


@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, backup_id: str) -> HttpResponse:
    """GET with a target shows the preview: the dry run of the restore that the button would ask for."""
    caller, backup = caller_of(request), backup_or_404(request, backup_id, "RestoreBackup")
    asked = posted(request) or (request.GET if "into" in request.GET else None)
    form = forms.Restore(asked)
    plans: list[Plan] = []
    if form.is_valid():
        with form.catching(caller, "RestoreBackup"):
            target = instance_lookup.instance_for(caller, form.cleaned_data["into"])
            keys, again = form.cleaned_data["keys"], form.cleaned_data["again"]
            if request.method == "POST":
                keys = request.POST.getlist("key") if form.cleaned_data["chosen"] else keys
                if form.cleaned_data["chosen"] and not keys:
                    raise Refused(Refusal("MissingParameter", {"name": "KeyIds"}, reason="restore_nothing_chosen", who="user"))
                made = operations.restore_backup(caller, backup, target, keys=keys, again=again)
                return done(request, reverse("backups:result", args=[made.pk]), _("Restore started. You can leave this page."))
            plans = list(islice(operations.foretold(caller, backup, target, keys=keys, again=again), PREVIEWED))
    fit = sum(not plan.refusals for plan in plans)
    named = (asked or request.GET).get("keys", "")
    return page(request, "backups/restore.html", status=form.status, form=form, backup=backup, named=named,
                choices=_choices(caller, backup), rows=[_planned(plan) for plan in plans], fit=fit, unfit=len(plans) - fit,
                cut=len(plans) == PREVIEWED < backup.key_count, back=reverse("backups:detail", args=[backup.pk]),
                why_not=rules.why_not_use(lookup.facts(caller, backup, "RestoreBackup")))


def _choices(caller: Caller, backup: Backup) -> list[dict[str, Any]]:
    homes = list(Instance.objects.of(caller.account).filter(released_at=None))
    used = quota.used_by(homes)
    return [{"instance": home, "reasons": why_not_restore(caller, backup, home), "left": max(0, home.key_quota - used[home.pk])}
            for home in homes]


def _planned(plan: Plan) -> dict[str, Any]:
    return {"id": plan.saved.id, "spec": plan.saved.spec, "versions": len(plan.saved.versions), "aliases": plan.saved.aliases,
            "refusals": plan.refusals, "notes": plan.notes}


def _restore_or_404(request: HttpRequest, restore_id: str) -> Restore:
    caller = caller_of(request)
    try:
        return operations.describe_restore(caller, lookup.restore_for(caller, restore_id))
    except Refused as refused:
        if refused.first.code == "Forbidden.NoPermission":
            raise
        recording.refusal(caller, "DescribeRestore", None, refused)
        raise Http404 from refused


@require_safe
def result(request: HttpRequest, restore_id: str) -> HttpResponse:
    made = _restore_or_404(request, restore_id)
    lines = RestoredKey.objects.filter(restore=made)
    only = request.GET.get("outcome", "")
    if only in tuple(Outcome):
        lines = lines.filter(outcome=only)
    found = Page.of(lines, pages.whole_number(request.GET.get("page", ""), 1), pages.page_size(request))
    rows = [{"id": line.key_id, "spec": line.spec, "versions": line.versions, "notes": line.notes, "outcome": line.outcome,
             "refusals": tuple(_dated(as_refusal(reason)) for reason in line.reasons)} for line in found.items]
    return page(request, "backups/result.html", fragments=("result",), restore=made, found=found, rows=rows, only=only,
                busy=made.state in (State.WAITING, State.RUNNING), refusals=_why_failed(made))


def _dated(refusal: Refusal) -> Refusal:
    """Dates were kept as text."""
    facts = {name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
             for name, value in refusal.facts.items()}
    return Refusal(refusal.code, facts, refusal.reason, refusal.who, refusal.lifted_by)


def _why_failed(made: Restore) -> tuple[Refusal, ...]:
    """The file's own reasons; others (the target stopped serving) say so on the target's page."""
    return tuple(refusal for refusal in lookup.UNREADABLE.values() if refusal.slug == made.error)


class _Line:
    """A file for csv that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


@require_safe
def report(request: HttpRequest, restore_id: str) -> StreamingHttpResponse:
    """The whole report as CSV, streamed."""
    made = _restore_or_404(request, restore_id)
    writer = csv.writer(_Line())

    def rows() -> Iterator[str]:
        yield writer.writerow(["key", "spec", "versions", "outcome", "reasons", "notes"])
        for line in RestoredKey.objects.filter(restore=made).iterator(1000):
            yield writer.writerow([line.key_id, line.spec, line.versions, line.outcome,
                                   " ".join(reason["reason"] for reason in line.reasons),
                                   " ".join(":".join(map(str, note.values())) for note in line.notes)])

    return StreamingHttpResponse(rows(), content_type="text/csv; charset=utf-8",
                                 headers={"Content-Disposition": f'attachment; filename="{made.pk}.csv"'})
