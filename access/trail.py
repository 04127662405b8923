"""Reading the audit trail, for people. It stands here and not with the trail, because only this floor knows who may."""

from __future__ import annotations

from access.rules import why_not_permitted
from audit import recording, searching
from base.caller import Caller
from base.refusal import Refusal, Refused


def why_not_look(caller: Caller) -> tuple[Refusal, ...]:
    return why_not_permitted(caller, "LookupEvents")


@recording.operation("LookupEvents")
def lookup_events(caller: Caller, *, wanted: searching.Wanted | None = None, before: int = 0, size: int = 50) -> searching.Found:
    """Events of the caller's account, newest first, below the id `before`. Looking is an event too; the vendor's audit
    service (ActionTrail) calls it LookupEvents."""
    if denied := why_not_look(caller):
        raise Refused(*denied)
    found = searching.find(caller.account, wanted or searching.Wanted(), before=before, size=size)
    recording.record(caller, "LookupEvents", found=len(found.events))
    return found
