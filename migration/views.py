"""The wizard. A run is a row and has one address: it can be left, opened again, and watched by others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import pages
from access.pages import ActionForm, caller_of, done, found_or_404, page, posted
from access.rules import why_not_permitted
from base.page import Page
from instances import lookup as instance_lookup
from instances.models import Instance
from keys import quota
from migration import forms, lookup, operations, reports, rules, showing, states, tasks, terraform
from migration.models import Item, Run
from migration.operations.running import STARTS_FROM
from migration.states import ItemState, RunState

KEPT = (*states.DONE, RunState.STOPPED)


def run_or_404(request: HttpRequest, run_id: str) -> Run:
    return found_or_404(request, lambda caller: lookup.run_for(caller, run_id), "DescribeMigration")


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The page Migration Information: what is left, what has moved, and every run."""
    caller = caller_of(request)
    runs = Page.of(Run.objects.of(caller.account), pages.whole_number(request.GET.get("page", ""), 1), pages.page_size(request))
    against = why_not_permitted(caller, "AssessMigration")
    found = None if against else operations.assess_migration(caller, caller.account)
    return page(request, "migration/overview.html", found=found, against=against, runs=runs, labels=showing.RUNS,
                rows=[{"run": run, "label": showing.RUNS[run.state], "counts": lookup.counts(run)} for run in runs.items],
                open_run=lookup.open_run(caller.account))


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Step 1. A page shows as many keys as one run takes; keys that cannot move have no box, and say why."""
    caller = caller_of(request)
    number = pages.whole_number(request.GET.get("page", ""), 1)
    found = Page.of(lookup.legacy_keys(caller.account, caller.at), number, rules.BATCH)
    homes = list(Instance.objects.of(caller.account).filter(released_at=None))
    wanted = request.POST.get("instance") or request.GET.get("instance", "")
    target = next((home for home in homes if home.pk == wanted), next((home for home in homes if home.is_default), None))
    form = forms.Choose(posted(request), offered=[key.pk for key in found.items])
    if form.is_valid():
        with form.catching(caller, "PlanMigration"):
            home = instance_lookup.instance_for(caller, form.cleaned_data["instance"])
            run = operations.plan_migration(caller, home, keys=form.cleaned_data["keys"],
                                            whole=form.cleaned_data["scope"] == "whole")
            return done(request, reverse("migration:run", args=[run.pk]))
    names = showing.names_of(found.items)
    rows = [{"key": key, "name": names[key.pk], "state": key.state_at(caller.at), "errors": rules.errors(findings)[:1]}
            for key, findings in lookup.of_keys(caller.at, found.items, target)]
    used = quota.used_by(homes)
    return page(request, "migration/new.html", status=form.status, form=form, found=found, rows=rows, target=target,
                homes=[{"home": home, "left": max(0, home.key_quota - used[home.pk])} for home in homes], batch=rules.BATCH,
                chosen=request.POST.getlist("keys") or request.GET.getlist("key"), scope=request.POST.get("scope", "keys"),
                steps=showing.STEPS,
                why_not=why_not_permitted(caller, "PlanMigration"))


@require_safe
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    run = run_or_404(request, run_id)
    if request.htmx and run.state not in states.WORKING:  # type: ignore[attr-defined]
        # The bar asked, and the run has ended: the whole page is another one now.
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return _run(request, run)


def _run(request: HttpRequest, run: Run, form: ActionForm | None = None) -> HttpResponse:
    """Steps 2 to 5: what the page shows follows from the state of the run."""
    caller = caller_of(request)
    refused = why_not_permitted(caller, "StartMigration")
    starts = run.state in STARTS_FROM and lookup.counts(run).get(ItemState.SWITCHED, 0) < Item.objects.filter(run=run).count()
    lines, consents = _checks(request, run) if starts else ([], [])
    items = Page.of(Item.objects.filter(run=run).select_related("key").order_by("number"),
                    pages.whole_number(request.GET.get("page", ""), 1), rules.BATCH)
    back = run.state in KEPT and Item.objects.filter(run=run, state=ItemState.SWITCHED, keep_until__gt=caller.at).exists()
    names = showing.names_of([item.key for item in items.items])
    return page(
        request, "migration/run.html", status=form.status if form else 200, fragments=("progress",), run=run,
        label=showing.RUNS[run.state], steps=showing.STEPS, step=showing.step_of(run), working=run.state in states.WORKING,
        progress=showing.progress(run), lines=lines, stops=[line for line in lines if line.tone == "stop" and not line.keys],
        consents=consents, starts=starts, form=form, refused=refused, items=items, back=back, why_stopped=_why_stopped(run),
        rows=[_row(run, item, names[item.key_id], caller.at) for item in items.items])


def _row(run: Run, item: Item, name: str, now: datetime) -> dict[str, Any]:
    reason = lookup.refusal_in(item.reason)
    kept = item.keep_until is not None and item.keep_until > now
    return {"item": item, "name": name, "label": showing.ITEMS[item.state], "reasons": [reason] if reason else [],
            "back": run.state in KEPT and item.state == ItemState.SWITCHED and kept}


def _checks(request: HttpRequest, run: Run) -> tuple[list[showing.Line], list[str]]:
    lines, _found = showing.checks(caller_of(request), run)
    return lines, sorted({line.rule for line in lines if line.consent})


def _why_stopped(run: Run) -> list[Any]:
    reason = lookup.refusal_in(run.stopped_by)
    return [reason] if reason else []


@require_POST
def start(request: HttpRequest, run_id: str) -> HttpResponse:
    caller, run = caller_of(request), run_or_404(request, run_id)
    _lines, consents = _checks(request, run)
    form = forms.Start(request.POST, consents=consents, names=[str(run.instance).strip(), run.instance_id])
    if form.is_valid():
        with form.catching(caller, "StartMigration"):
            operations.start_migration(caller, run, accepted=form.cleaned_data["accepted"])
            tasks.wake(run.pk)
            return done(request, reverse("migration:run", args=[run.pk]))
    return _run(request, run_or_404(request, run_id), form)


@require_POST
def change(request: HttpRequest, run_id: str, what: str) -> HttpResponse:
    """Stop, close and cancel: one button each."""
    run, act = run_or_404(request, run_id), {"stop": operations.stop_migration, "close": operations.close_migration,
                                             "cancel": operations.cancel_migration}[what]
    act(caller_of(request), run)
    return done(request, reverse("migration:overview") if what == "cancel" else reverse("migration:run", args=[run.pk]))


@require_safe
def dry_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Step 3, as many keys at a time as a page has. Writes nothing, so it is a page like any other."""
    caller, run = caller_of(request), run_or_404(request, run_id)
    after = pages.whole_number(request.GET.get("after", ""), 0, low=0, high=10_000_000)
    found = list(operations.dry_run_migration(caller, run, after=after, limit=rules.BATCH))
    last = Item.objects.filter(run=run, key=found[-1].key).values_list("number", flat=True).first() if found else None
    more = last is not None and lookup.left(run).filter(number__gt=last).exists()
    return page(request, "migration/dry_run.html", run=run, found=found, steps=showing.STEPS, step=3,
                moves=sum(not one.refusals for one in found), next=last if more else None)


@require_http_methods(["GET", "HEAD", "POST"])
def roll_back(request: HttpRequest, run_id: str) -> HttpResponse:
    caller, run = caller_of(request), run_or_404(request, run_id)
    form = ActionForm(posted(request))
    if form.is_valid():
        with form.catching(caller, "RollBackMigration"):
            operations.roll_back_migration(caller, run)
            tasks.wake(run.pk)
            return done(request, reverse("migration:run", args=[run.pk]))
    kept = Item.objects.filter(run=run, state=ItemState.SWITCHED, keep_until__gt=caller.at).count()
    return page(request, "migration/roll_back.html", status=form.status, fragments=("modal",), run=run, form=form, kept=kept)


@require_POST
def roll_back_key(request: HttpRequest, run_id: str, key_id: str) -> HttpResponse:
    run = run_or_404(request, run_id)
    operations.roll_back_key(caller_of(request), lookup.item_for(run, key_id))
    return done(request, reverse("migration:run", args=[run.pk]), _("The key is back in 1.0."))


@require_safe
def report(request: HttpRequest, run_id: str, kind: str) -> StreamingHttpResponse:
    run = run_or_404(request, run_id)
    made = {"csv": (reports.as_csv, "text/csv"), "jsonl": (reports.as_json, "application/jsonl"),
            "tf": (terraform.lines, "text/plain")}.get(kind)
    if made is None:
        raise Http404
    write, content_type = made
    return StreamingHttpResponse(write(run), content_type=f"{content_type}; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="{run.pk}.{kind}"'})
