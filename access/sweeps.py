"""What the clock brings for access. Lost, doubled and late runs do no harm."""

from __future__ import annotations

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from access import nonces


def forget_nonces(real_now: datetime) -> int:
    """Removes the nonces whose requests are too old to pass anyway; returns how many. Real time: nonces follow
    signatures, and those never follow the shifted clock."""
    return nonces.forget(real_now)


def forget_sessions(real_now: datetime) -> int:
    """Removes sessions that are over, and what the list of sessions still says of any that is gone. Real time: browsers know
    no other."""
    rows, _ = Session.objects.filter(expire_date__lte=real_now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    return rows
