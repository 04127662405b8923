"""Key pages that read, and the one that creates."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access.pages import caller_of, page
from audit import recording
from base.refusal import Refused
from keys import evidence, key_pages, lookup, operations, showing
from keys.models import Key
from keys.states import State

ALL_ALIASES, FEW_VERSIONS = 100, 5


@require_safe
def detail(request: HttpRequest, key_id: str) -> HttpResponse:
    caller = caller_of(request)
    try:
        key = lookup.key_for_id(caller, key_id)
    except Refused as refused:
        recording.refusal(caller, "DescribeKey", refused.target, refused)
        return _tombstone(request, refused)
    view = operations.describe_key(caller, key)
    aliases = [alias.name for alias in operations.list_aliases_by_key_id(caller, key, page_size=ALL_ALIASES).items]
    found = operations.list_key_versions(caller, key, page_size=FEW_VERSIONS)
    blocked = showing.blocked(caller, key, showing.PAGE_ACTIONS)
    against = blocked.get("ScheduleKeyDeletion", ())
    return key_pages.show(
        request, "keys/detail.html", "detail", key, view=view, aliases=aliases, versions=found.items, version_count=found.total,
        blocked=blocked, against=against, passed=showing.passed_checks(key, against),
        cares=showing.cares(caller.at, view.state, len(aliases), evidence.evidence(caller, key, view.state)),
        called=aliases[0] if aliases else key.pk,
        call=showing.call_of(key, found.items), rotation=showing.rotation(key, view.state), pair=showing.is_pair(key),
        old_sdk=request.GET.get("sdk") == "old",
        host=request.get_host().rsplit(":", 1)[0], api_port=settings.KMS_API_PORT, region=settings.KMS_REGION)


def _tombstone(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A destroyed key keeps its page: dates and who. Any other refusal means there is nothing to show."""
    if refused.first.slug != "key_destroyed":
        raise Http404 from refused
    key = Key.objects.of(caller_of(request).account).select_related("instance").get(pk=refused.first.facts["key"])
    return page(request, "keys/tombstone.html", key=key, rail=showing.rail(key, State.DESTROYED),
                destroyed_at=key.destroyed_at or key.destroyed_from())
