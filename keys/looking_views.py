"""The tabs of a key that only tell: versions, usage, activity."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access import pages
from access.pages import caller_of
from base.refusal import Refusal, Refused
from keys import evidence, gate, history, key_pages, operations, plot, showing
from keys.key_pages import key_or_404, key_read
from keys.models import KeyVersion
from keys.usage import Issued, UsedBy, usage_of


@require_safe
def versions(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), key_or_404(request, key_id, "ListKeyVersions")
    found = operations.list_key_versions(caller, key, page_number=pages.whole_number(request.GET.get("page", ""), 1),
                                         page_size=pages.page_size(request))
    issued = usage_of(key).versions
    rows = [(version, issued.get(version.pk, Issued())) for version in found.items]
    return key_pages.show(request, "keys/versions.html", "versions", key, found=found, rows=rows, pair=showing.is_pair(key),
                          why_not_now=gate.reasons("CreateKeyVersion", caller, key))


@require_safe
def usage(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), key_read(request, key_id)
    found = usage_of(key)
    known = set(KeyVersion.objects.filter(key=key).values_list("pk", flat=True))
    return key_pages.show(
        request, "keys/usage.html", "usage", key, usage=found, plot=plot.plot(found.days, caller.at.date()),
        issued=[(version, found.versions[version]) for version in sorted(found.versions) if version in known],
        evidence=evidence.evidence(caller, key, key.state_at(caller.at)), actions=_by_action(found.callers))


def _by_action(callers: tuple[UsedBy, ...]) -> list[tuple[str, int, int]]:
    """(operation, uses, refusals), the most frequent first."""
    totals: dict[str, list[int]] = {}
    for one in callers:
        counts = totals.setdefault(one.action, [0, 0])
        counts[one.outcome != "ok"] += one.count
    return sorted(((name, used, refused) for name, (used, refused) in totals.items()), key=lambda row: (-row[1] - row[2], row[0]))


@require_safe
def activity(request: HttpRequest, key_id: str) -> HttpResponse:
    """Pages by the number of the event they begin before, so that new events move nothing."""
    caller, key = caller_of(request), key_read(request, key_id)
    if not history.may_read(caller):
        denied = Refusal("Forbidden.NoPermission", {"action": "LookupEvents", "principal": caller.principal}, who="administrator",
                         lifted_by="page:access")
        return key_pages.show(request, "keys/activity.html", "activity", key, unread=Refused(denied).refusals)
    changes = request.GET.get("show") != "all"
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
    return key_pages.show(request, "keys/activity.html", "activity", key, unread=(), changes=changes, before=before,
                          found=history.history(key, before=before, changes_only=changes))
