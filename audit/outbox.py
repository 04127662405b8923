"""Events on their way to people outside, by mail or webhook: at least once each, with the id of the event to tell a repetition.

1. `queue` follows the trail and makes a row for each chosen event and channel, with the cursor in one transaction. 2. `deliver`
takes the rows that are due: the next try is pushed away by compare-and-set, so that of two sweeps one sends; then it is sent,
outside any transaction; then the end is noted. Cut off in between, it is sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from audit import following
from audit.models import Delivery, Event, OutboxCursor
from audit.undelivered import Undelivered

CURSOR = 1
STRETCH = 2000
AT_ONCE = 100
# One silent receiver must not hold the clock: a run ends after this, and the rest waits for the next.
RUN_SECONDS = 30.0
CLAIM = timedelta(minutes=2)
# After the first try, the second, ...; after the last one it is given up: some three days in all.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440))
# What is older when it is found is history (example data, a restored database), not news.
NEWS = timedelta(days=7)
KEEP = timedelta(days=30)
log = logging.getLogger(__name__)

Sender = Callable[[Event], None]


def queue(now: datetime, wanted: Callable[[Event], bool], actions: Collection[str], channels: Collection[str]) -> int:
    """How many deliveries were queued. Without channels the cursor moves all the same, so that one which is set up later does
    not begin with the past; nor does the first run of an installation."""
    newest = following.newest()
    cursor, _ = OutboxCursor.objects.get_or_create(pk=CURSOR, defaults={"queued_to": newest, "seen_to": newest})
    if not following.writers_have_ended():
        return 0
    at, queued = cursor.queued_to, 0
    while at < cursor.seen_to:
        upto = min(cursor.seen_to, at + STRETCH)
        news = Event.objects.filter(pk__gt=at, pk__lte=upto, action__in=actions, at__gt=now - NEWS).order_by("pk")
        rows = [Delivery(event=event, channel=channel, next_try_at=now)
                for event in (news if channels else ()) if wanted(event) for channel in channels]
        with transaction.atomic():
            if not OutboxCursor.objects.filter(pk=CURSOR, queued_to=at).update(queued_to=upto):
                return queued  # another sweep was faster, and goes on
            Delivery.objects.bulk_create(rows)
        at, queued = upto, queued + len(rows)
    OutboxCursor.objects.filter(pk=CURSOR, seen_to__lt=newest).update(seen_to=newest)
    return queued


def deliver(now: datetime, senders: Mapping[str, Sender]) -> int:
    """How many were delivered. A channel that is down ends its turn; it never stops the others."""
    until, delivered, down = time.monotonic() + RUN_SECONDS, 0, set[str]()
    due = Delivery.objects.filter(next_try_at__lte=now, channel__in=senders).select_related("event").order_by("next_try_at", "pk")
    for row in due[:AT_ONCE]:
        if row.channel in down or time.monotonic() > until or not _claim(row, now):
            continue
        try:
            senders[row.channel](row.event)
        except Undelivered as failure:
            _failed(row, now, str(failure))
            down |= {row.channel} if failure.down else set()
        except Exception as error:  # noqa: BLE001 - whatever breaks for one, the others must still have their turn
            _failed(row, now, type(error).__name__)
        else:
            Delivery.objects.filter(pk=row.pk).update(next_try_at=None, delivered_at=now, error="")
            delivered += 1
    return delivered


def forget(now: datetime) -> int:
    """Removes what ended long ago; returns how many."""
    old = now - KEEP
    return (Delivery.objects.filter(delivered_at__lt=old).delete()[0] + Delivery.objects.filter(given_up_at__lt=old).delete()[0])


def _claim(row: Delivery, now: datetime) -> bool:
    row.tries += 1
    mine = Delivery.objects.filter(pk=row.pk, tries=row.tries - 1, next_try_at=row.next_try_at)
    return bool(mine.update(tries=row.tries, next_try_at=now + CLAIM))


def _failed(row: Delivery, now: datetime, error: str) -> None:
    log.warning("event %s was not delivered by %s: %s", row.event_id, row.channel, error)
    over = row.tries > len(BACK_OFF)
    Delivery.objects.filter(pk=row.pk).update(error=error[:200], given_up_at=now if over else None,
                                              next_try_at=None if over else now + BACK_OFF[row.tries - 1])
