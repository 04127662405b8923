"""`/`: what needs the reader today, most urgent first; four numbers; what happened."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access import trail
from access.pages import caller_of, page
from audit import searching
from audit.models import Event
from audit.searching import Wanted
from base.caller import Caller
from instances.models import Instance
from keys import lookup, showing
from keys.models import Alias, Key
from keys.states import State
from kmsconsole.pages import hsm
from kmsconsole.pages.instances import SOON_DAYS, Shown, shown

MOST = 7
RECENT, LOOKED_AT = 8, 5000


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    instances = list(Instance.objects.of(caller.account).filter(released_at=None))
    lines = shown(caller, instances)
    living = Key.objects.of(caller.account).living(caller.at)
    numbers = living.aggregate(
        all=Count("pk"), pending=Count("pk", filter=Q(state=State.PENDING_DELETION)),
        disabled=Count("pk", filter=Q(state=State.DISABLED)))
    due = list(living.filter(state=State.PENDING_DELETION).select_related("instance").order_by("delete_at", "pk")[:MOST])
    return page(request, "overview.html", needs=_needs(caller, lines, due), numbers=numbers, instances=len(instances),
                serving=sum(1 for line in lines if line.facts.state == "Connected"), next_due=due[0] if due else None,
                aliases=Alias.objects.filter(account_id=caller.account).count(), events=_events(caller),
                why_not_create=lookup.why_nobody_creates(caller))


def _needs(caller: Caller, lines: list[Shown], due: list[Key]) -> list[dict[str, Any]]:
    """At most seven dated facts by their date."""
    soon = caller.at + timedelta(days=SOON_DAYS)
    needs: list[dict[str, Any]] = [
        {"kind": "expired" if line.expired else "expiring", "instance": line.instance, "keys": line.keys,
         "late": line.facts.renew_by <= caller.at, "at": line.facts.renew_by if line.expired else line.instance.end_at}
        for line in lines if line.expired or (line.instance.end_at <= soon and not line.instance.auto_renewal_months)]
    needs += [{"kind": "pending", "row": row, "key": row.key, "at": row.key.destroyed_from()}
              for row in showing.rows(caller, due)]
    needs += [{"kind": "hsm", "cluster": one.cluster, "shown": one, "at": one.failing_since or caller.at}
              for one in hsm.failing(caller)]
    return sorted(needs, key=lambda need: need["at"])[:MOST]


def _events(caller: Caller) -> list[Event] | None:
    """The latest decisions of the account; None for a role that may not see who did what."""
    if trail.why_not_look(caller):
        return None
    return searching.find(caller.account, Wanted(decisions=True), size=RECENT, look=LOOKED_AT).events
