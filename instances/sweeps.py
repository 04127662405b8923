"""What the clock brings for instances. Each row is its own transaction; lost, doubled and late runs do no harm."""

from __future__ import annotations

from datetime import datetime

from base.caller import Caller
from base.refusal import Refused
from instances import operations
from instances.models import Instance

CHUNK = 500


def mark_expired(now: datetime) -> int:
    """Marks the instances whose end has come; returns how many this run marked."""
    caller, marked = Caller.system(now), 0
    for instance in Instance.objects.due_for_marking(now)[:CHUNK]:
        try:
            operations.mark_expired_instance(caller, instance)
        except Refused:
            continue  # renewed or marked meanwhile; the refusal stands in the audit trail
        marked += 1
    return marked
