"""Where somebody is signed in. The list is django-allauth's; a row without a living session counts for nothing."""

from __future__ import annotations

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction

from access.models import User
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused

SEEN_EVERY_SECONDS = 300


def living(user: User, *, real_now: datetime) -> list[UserSession]:
    """Newest first. real_now: sessions never follow the shifted clock."""
    rows = list(UserSession.objects.filter(user=user).order_by("-created_at", "-pk"))
    alive = set(Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=real_now)
                .values_list("session_key", flat=True))
    return [row for row in rows if row.session_key in alive]


def seen(session: SessionBase, *, real_now: datetime) -> None:
    """Notes that the session is used, at most every five minutes: a write for each page would be most of its cost."""
    now = int(real_now.timestamp())
    if now - session.get("seen_at", 0) >= SEEN_EVERY_SECONDS:
        session["seen_at"] = now
        UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=real_now)


def drop(user: User, *, but: str = "") -> int:
    """Ends all sessions of a person, except the one with this key; how many there were. In the caller's transaction."""
    rows = UserSession.objects.filter(user=user).exclude(session_key=but)
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    return len(keys)


@recording.operation("EndConsoleSession")
def end_session(caller: Caller, user: User, *, number: int) -> None:
    """One of the caller's own sessions, by the number of its row."""
    with transaction.atomic():
        row = UserSession.objects.filter(user=user, pk=number).first()
        if row is None:
            raise Refused(Refusal("Forbidden.ResourceNotFound", {"session": number}, reason="session_not_found", who="user"))
        Session.objects.filter(session_key=row.session_key).delete()
        row.delete()
        recording.record(caller, "EndConsoleSession", user, address=row.ip)


@recording.operation("EndConsoleSession")
def end_other_sessions(caller: Caller, user: User, *, current: str) -> int:
    with transaction.atomic():
        ended = drop(user, but=current)
        recording.record(caller, "EndConsoleSession", user, others=ended)
    return ended
