"""Turning calls away that come too often (`rates`). Counts are of real seconds: a shifted product clock slows nobody."""

from __future__ import annotations

from django.conf import settings

from access import rates as counts
from api.rates import CLASS_OF
from base import clock
from base.caller import Caller
from base.refusal import Refusal, Refused


def admit(caller: Caller, action: str) -> None:
    """Counts this call. Raises Refused where its class has had all its calls of this second."""
    name = CLASS_OF.get(action, "")
    limit = settings.KMS_RATE_LIMITS.get(name)
    if limit is None:
        return
    now = clock.real_now()
    if counts.count(caller.account, name, int(now.timestamp())) > limit:
        left = 1000 - now.microsecond // 1000
        raise Refused(Refusal("Rejected.Throttling", {"class": name, "limit": limit, "retry_after_ms": left}, who="time"))
