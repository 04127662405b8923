"""The list of keys, its CSV, and changes of many keys at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from access import lists, pages
from access.pages import caller_of, done, page, posted
from base import clock
from base.caller import Caller
from crypto.specs import SPECS
from instances.models import Instance
from keys import bulk, forms, listing, lookup, operations, showing
from keys.creation import ORIGINS
from keys.list_forms import Bulk
from keys.listing import Asked
from keys.models import Alias, Key
from keys.quota import home_of
from keys.states import State

FEW = 10
CHIPS = ({"state": str(State.PENDING_DELETION)}, {"state": str(State.PENDING_IMPORT)}, {"idle": "90"})
# Idle keys lie all over the table, and every page of the list counts them.
MOST_IDLE = 100
HEAD = ("KeyId", "Aliases", "KeyState", "KeySpec", "KeyUsage", "Origin", "ProtectionLevel", "InstanceId", "Creator",
        "CreationDate", "UnusedSince", "DeleteDate", "Description")


def _asked(request: HttpRequest) -> Asked:
    """The tab of default keys shows one of its groups as a list of its own."""
    group = request.GET.get("group", "")
    if request.GET.get("tab") != "default":
        return listing.asked(request.GET)
    return listing.asked(request.GET, group if group in listing.GROUPS and group != "customer" else "default")


@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    caller, wish = caller_of(request), _asked(request)
    default = request.GET.get("tab") == "default"
    more: dict[str, Any] = {
        "tab": "default" if default else "customer", "wish": wish, "filtered": bool(wish.filters),
        "states": listing.SHOWN_STATES, "idle_days": listing.IDLE_DAYS, "specs": SPECS.values(), "origins": ORIGINS,
        "address": request.GET.urlencode(), "why_not_create": lookup.why_nobody_creates(caller),
        "instances": Instance.objects.of(caller.account).filter(released_at=None).order_by("name", "id")}
    if default and request.GET.get("group") not in listing.GROUPS:
        offer = not wish.filters and not home_of(caller, None).has_default_key
        return page(request, "keys/list.html", fragments=("list",), groups=_groups(caller, request.GET), rows=None, offer=offer,
                    **more)
    chosen = listing.select(caller, wish)
    found = operations.browse_keys(caller, wish, size=pages.page_size(request), after=request.GET.get("after", ""),
                                   before=request.GET.get("before", ""), selection=chosen)
    return page(request, "keys/list.html", fragments=("list",), found=found, rows=showing.rows(caller, found.items),
                count=chosen.count(found), chips=[] if default else _chips(caller), groups=None, **more)


def _chips(caller: Caller) -> list[dict[str, Any]]:
    """Filters that many want, each with its count; without keys there is none."""
    found: list[dict[str, Any]] = [
        {"state": wish.get("state", ""),
         "count": listing.select(caller, listing.asked(wish)).count(cap=MOST_IDLE if "idle" in wish else None)}
        for wish in CHIPS]
    return [chip for chip in found if chip["count"].n]


def _groups(caller: Caller, query: Any) -> list[dict[str, Any]]:
    """The first of each group; the rest of a long one stands on a page of its own."""
    groups = []
    for name in listing.GROUPS:
        if name == "customer":
            continue
        wish = listing.asked(query, name)
        found = operations.browse_keys(caller, wish, size=FEW) if name == "default" else _window(caller, wish)
        if found.items:
            groups.append({"kind": name.removesuffix("-service"), "name": name, "rows": showing.rows(caller, found.items),
                           "more": found.next})
    return groups


def _window(caller: Caller, wish: Asked) -> lists.Window:
    """One page is one ListKeys, whatever groups it shows."""
    return listing.select(caller, wish).window(size=FEW)


@require_safe
def key_csv(request: HttpRequest) -> StreamingHttpResponse:
    caller = caller_of(request)
    return lists.csv_answer("keys", HEAD, _lines(caller, operations.export_keys(caller, _asked(request))))


def _lines(caller: Caller, chunks: Iterator[list[Key]]) -> Iterator[tuple[Any, ...]]:
    for keys in chunks:
        names: dict[str, list[str]] = {}
        for key_id, name in Alias.objects.filter(key__in=keys).order_by("name").values_list("key_id", "name"):
            names.setdefault(key_id, []).append(name)
        for key in keys:
            due = key.destroyed_from()
            yield (key.pk, " ".join(names.get(key.pk, [])), key.state_at(caller.at), key.spec, key.usage, key.origin,
                   key.protection_level, key.instance_id, key.creator, clock.iso(key.created_at), key.idle_since,
                   clock.iso(due) if due else "", key.description)


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_new(request: HttpRequest) -> HttpResponse:
    """What would happen to each key; a POST confirms it and begins the run."""
    caller = caller_of(request)
    asked = request.POST if request.method == "POST" else request.GET
    kind, ids = asked.get("do", ""), asked.getlist("id")
    if kind not in bulk.KINDS:
        raise Http404
    planned = bulk.plan(caller, kind, ids)
    going = [one for one in planned if not one.reasons]
    limit = bulk.MOST_DESTROYED if bulk.KINDS[kind].destroys else bulk.MOST
    form = Bulk(posted(request), kind=kind, count=len(going))
    if form.is_valid() and 0 < len(going) <= limit:
        seen = form.revisions(request.POST.getlist("seen"))
        run = bulk.begin(caller, kind, form.options, [(one.key.pk, seen[one.key.pk]) for one in going if one.key.pk in seen])
        return done(request, reverse("keys:bulk", args=[run.pk]))
    return page(request, "keys/bulk_new.html", status=form.status, kind=kind, planned=planned, going=going, form=form,
                limit=limit, days=request.POST.get("days") or forms.DEFAULT_DAYS, too_many=len(going) > limit,
                destroys=bulk.KINDS[kind].destroys, back=_back(asked.get("back", "")))


def _back(query: str) -> str:
    """The list the reader came from: only its query travels, never an address."""
    return f"{reverse('keys:list')}?{query[:2000]}"


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """How far it is; a POST does the next few. The page posts by itself where scripts run."""
    caller = caller_of(request)
    run = bulk.run_for(caller, run_id)
    if run is None:
        raise Http404
    if request.method == "POST":
        bulk.step(caller, run)
        if not request.htmx:  # type: ignore[attr-defined]
            return done(request, reverse("keys:bulk", args=[run.pk]))
    return page(request, "keys/bulk_run.html", fragments=("run",), run=run, progress=bulk.progress(run),
                outcomes=bulk.outcomes(run))
