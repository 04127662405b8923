"""Alias pages: the list, and what changes one. Names travel in the query, because they hold slashes."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from access import lists, pages
from access.pages import caller_of, done, found_or_404, page, posted
from access.rules import why_not_permitted
from base import clock
from base.caller import Caller
from base.refusal import Refusal
from keys import aliasing, forms, gate, listing, lookup, operations, showing
from keys.key_pages import alias_names, key_or_404, key_url
from keys.models import Alias


def _alias_or_404(request: HttpRequest, action: str) -> Alias:
    return found_or_404(request, lambda caller: lookup.alias_for(caller, request.GET.get("name", "")), action, "ListAliases")


def _why_not_repoint(caller: Caller, alias: Alias) -> tuple[Refusal, ...]:
    """What can be said before the target is known."""
    return (*aliasing.why_not_name(alias.name), *why_not_permitted(caller, "UpdateAlias", alias.arn))


@require_safe
def alias_list(request: HttpRequest) -> HttpResponse:
    caller, asked = caller_of(request), request.GET
    text = asked.get("q", "")[:300].strip()
    chosen = listing.select_aliases(caller, text)
    found = operations.browse_aliases(caller, text, size=pages.page_size(request), after=asked.get("after", ""),
                                      before=asked.get("before", ""), selection=chosen)
    shown = [alias.key for alias in found.items]
    lookup.know_tags(caller, shown)
    lookup.know_freeze(caller, shown)
    rows = [{"alias": alias, "quoted": quote(alias.name, safe=""), "state": alias.key.state_at(caller.at),
             "why_not_repoint": _why_not_repoint(caller, alias),
             "blocked": showing.blocked(caller, alias.key, ["DeleteAlias"])} for alias in found.items]
    return page(request, "keys/aliases.html", fragments=("list",), found=found, rows=rows, text=text, filtered=bool(text),
                count=chosen.count(found), address=asked.urlencode())


@require_safe
def alias_csv(request: HttpRequest) -> StreamingHttpResponse:
    caller = caller_of(request)
    chunks = operations.export_aliases(caller, request.GET.get("q", "")[:300].strip())
    lines = ((alias.name, alias.key_id, alias.key.state_at(caller.at), alias.key.instance_id, clock.iso(alias.created_at))
             for found in chunks for alias in found)
    return lists.csv_answer("aliases", ("AliasName", "KeyId", "KeyState", "InstanceId", "CreationDate"), lines)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, key_id: str) -> HttpResponse:
    caller = caller_of(request)
    key = key_or_404(request, key_id, "CreateAlias")
    form = forms.AliasName(posted(request))
    if form.is_valid():
        with form.catching(caller, "CreateAlias"):
            alias = operations.create_alias(caller, key, alias_name=form.cleaned_data["alias"])
            return done(request, key_url(key), _("%(alias)s points at this key now.") % {"alias": alias.name})
    return page(request, "keys/create_alias.html", status=form.status, fragments=("modal",), key=key, form=form,
                typed=request.POST.get("alias", ""), name=showing.name_of(key, alias_names(key)), back=key_url(key),
                why_not=gate.reasons("CreateAlias", caller, key))


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    alias = _alias_or_404(request, "DeleteAlias")
    form = forms.Change(posted(request))
    if form.is_valid():
        with form.catching(caller, "DeleteAlias"):
            operations.delete_alias(caller, alias_name=alias.name)
            return done(request, key_url(alias.key), _("%(alias)s is deleted. The key stays.") % {"alias": alias.name})
    return page(request, "keys/delete_alias.html", status=form.status, fragments=("modal",), alias=alias, form=form,
                key=alias.key, back=key_url(alias.key), why_not=gate.reasons("DeleteAlias", caller, alias.key))


@require_http_methods(["GET", "HEAD", "POST"])
def repoint(request: HttpRequest) -> HttpResponse:
    """The target decides: whether the reader may is asked of the key that is typed, in the operation."""
    caller = caller_of(request)
    alias = _alias_or_404(request, "UpdateAlias")
    form = forms.AliasTarget(posted(request))
    if form.is_valid():
        with form.catching(caller, "UpdateAlias"):
            target = lookup.key_for_id(caller, form.cleaned_data["key"])
            operations.update_alias(caller, target, alias_name=alias.name)
            return done(request, key_url(target), _("%(alias)s points at this key now.") % {"alias": alias.name})
    return page(request, "keys/repoint_alias.html", status=form.status, fragments=("modal",), alias=alias, form=form,
                typed=request.POST.get("key", ""), key=alias.key, back=reverse("aliases:list"),
                why_not=_why_not_repoint(caller, alias))
