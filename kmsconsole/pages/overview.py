"""`/`: what needs the reader today, most urgent first; four numbers; what happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from access import lists, trail
from access.models import Role, RootKeyCheck
from access.pages import caller_of, page
from audit import searching
from audit.models import Event
from audit.searching import Wanted
from backups.proofs import failed_drills
from base.caller import Caller
from instances.models import Instance
from keys import lookup, showing
from keys.listing import BY_NAME, ORDERS
from keys.models import AccountUse, Alias, Key, KeyQuerySet
from keys.plot import Plot, plot
from keys.states import State
from keys.usage import Day
from kmsconsole.pages import hsm
from kmsconsole.pages.instances import SOON_DAYS, Shown, shown

MOST = 7
RECENT, LOOKED_AT = 8, 5000
PLOT_DAYS = 30


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    instances = list(Instance.objects.of(caller.account).filter(released_at=None))
    lines = shown(caller, instances)
    living = Key.objects.of(caller.account).living(caller.at)
    # Of every tab: said in full, so that the index of the lists leads.
    tabs = living.filter(kind__in=Key.Kind.values, edition__in=Key.Edition.values)
    numbers = {"all": lists.count(living, ORDERS["newest"]), "pending": lists.count(tabs.filter(state=State.PENDING_DELETION)),
               "disabled": lists.count(tabs.filter(state=State.DISABLED))}
    dated = Key.objects.only_of(caller.account).living(caller.at)
    waiting = dated.filter(state=lists.literal(State.PENDING_DELETION)).select_related("instance")
    due = list(waiting.order_by("delete_at", "pk")[:MOST])
    return page(request, "overview.html", needs=_needs(caller, lines, dated, due), numbers=numbers, instances=len(instances),
                serving=sum(1 for line in lines if line.facts.state == "Connected"),
                due=due, next_due=next((key for key in due if _is_to_come(key, caller.at)), None),
                aliases=lists.count(Alias.objects.filter(account_id=caller.account), BY_NAME), events=_events(caller),
                plot=_plot(caller), root_key=_root_key(caller),
                why_not_create=lookup.why_nobody_creates(caller))


def _is_to_come(key: Key, now: datetime) -> bool:
    """False while an expired instance holds the key past its date."""
    falls_due = key.destroyed_from()
    return falls_due is not None and falls_due > now


def _plot(caller: Caller) -> Plot:
    """Calls with keys of the account, as of the last run of the clock's count."""
    since = caller.at.date() - timedelta(days=PLOT_DAYS)
    rows = AccountUse.objects.filter(account=caller.account, day__gt=since)
    return plot({row.day: Day(row.used, row.refused) for row in rows}, caller.at.date(), PLOT_DAYS)


def _needs(caller: Caller, lines: list[Shown], living: KeyQuerySet, due: list[Key]) -> list[dict[str, Any]]:
    """At most seven dated facts by their date."""
    soon = caller.at + timedelta(days=SOON_DAYS)
    needs: list[dict[str, Any]] = [
        {"kind": "expired" if line.expired else "expiring", "instance": line.instance, "keys": line.keys,
         "late": line.facts.renew_by <= caller.at, "at": line.facts.renew_by if line.expired else line.instance.end_at}
        for line in lines if line.expired or (line.instance.end_at <= soon and not line.instance.auto_renewal_months)]
    needs += [{"kind": "pending", "row": row, "key": row.key, "at": row.key.destroyed_from()}
              for row in showing.rows(caller, due)]
    ending = living.filter(material_expires_at__lte=soon).select_related("instance").order_by("material_expires_at", "pk")
    needs += [{"kind": "material", "row": row, "key": row.key, "at": row.key.material_expires_at}
              for row in showing.rows(caller, list(ending[:MOST]))]
    needs += [{"kind": "drill", "drill": drill, "instance": drill.instance, "at": drill.at}
              for drill in failed_drills(caller.account)]
    needs += [{"kind": "hsm", "cluster": one.cluster, "shown": one, "at": one.failing_since or caller.at}
              for one in hsm.failing(caller)]
    return sorted(needs, key=lambda need: need["at"])[:MOST]


def _root_key(caller: Caller) -> dict[str, Any] | None:
    """For administrators: the generation in use, when it came, and whether another is still to be retired."""
    if Role.ADMINISTRATOR not in caller.roles:
        return None
    living = list(RootKeyCheck.objects.filter(retired_at=None).order_by("-generation"))
    return {"newest": living[0], "under_way": len(living) > 1} if living else None


def _events(caller: Caller) -> list[Event] | None:
    """The latest decisions of the account; None for a role that may not see who did what."""
    if trail.why_not_look(caller):
        return None
    return searching.find(caller.account, Wanted(decisions=True), size=RECENT, look=LOOKED_AT).events
