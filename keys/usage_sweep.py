"""Adds the uses of the audit trail up into `KeyUse`.

1. `audit.following` says how far a run may go: no event appears late before there.
2. Each stretch is added and the cursor moved on in one transaction, by compare-and-set: of two sweeps at once, one adds a
   stretch, and the other finds the cursor moved and leaves.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import F, Q

from audit import following
from audit.recording import OK
from keys.models import AccountUse, Key, KeyUse, UseCursor
from keys.usage import Totals, Use, events, totals

CURSOR = 1
STRETCH = 2000


def gather_uses(now: datetime) -> int:
    """Returns how many uses this run has added. What is newer than the last run waits for the next."""
    cursor, _ = UseCursor.objects.get_or_create(pk=CURSOR)
    newest = following.newest()
    if not following.writers_have_ended():
        return 0
    at, added = cursor.gathered_to, 0
    while at < cursor.seen_to:
        upto = min(cursor.seen_to, at + STRETCH)
        found = totals(events(at, upto))
        _no_longer_idle(found)
        if not _add(at, upto, found):
            return added  # another sweep was faster, and goes on
        at, added = upto, added + sum(total.count for total in found.values())
    UseCursor.objects.filter(pk=CURSOR, seen_to__lt=newest).update(seen_to=newest)
    return added


def _no_longer_idle(found: Totals) -> None:
    """Moves `Key.idle_since` on, at most once a day for a key. Before the stretch is added, so that a crash in between does it
    again; each row in a transaction of its own, so that no use of a key waits for another's, and nothing can deadlock."""
    days: dict[str, date] = {}
    for use in found:
        if use.outcome == OK:
            days[use.key_id] = max(use.day, days.get(use.key_id, use.day))
    behind = Key.objects.filter(pk__in=days).values_list("pk", "idle_since")
    for key_id in sorted(pk for pk, since in behind if since < days[pk]):
        Key.objects.filter(pk=key_id, idle_since__lt=days[key_id]).update(idle_since=days[key_id])


def _add(at: int, upto: int, found: Totals) -> bool:
    with transaction.atomic():
        if not UseCursor.objects.filter(pk=CURSOR, gathered_to=at).update(gathered_to=upto):
            return False
        # The cursor's row is held now, so nobody else adds: reading, adding and writing back loses nothing.
        same = Q(key_id__in={use.key_id for use in found}, day__in={use.day for use in found})
        known = {Use(row.key_id, row.day, row.action, row.principal, row.outcome, row.version_id): row
                 for row in KeyUse.objects.filter(same)} if found else {}
        fresh, changed = [], []
        for use, total in found.items():
            row = known.get(use)
            if row is None:
                fresh.append(KeyUse(**use._asdict(), count=total.count, last_at=total.last_at))
                continue
            row.count, row.last_at = row.count + total.count, max(row.last_at, total.last_at)
            changed.append(row)
        _add_to_accounts(found)
        KeyUse.objects.bulk_create(fresh)
        KeyUse.objects.bulk_update(changed, ["count", "last_at"], batch_size=200)
    return True


def _add_to_accounts(found: Totals) -> None:
    """In the transaction that holds the cursor."""
    owners = dict(Key.objects.filter(pk__in={use.key_id for use in found}).values_list("pk", "account_id"))
    days: dict[tuple[str, date], list[int]] = {}
    for use, total in found.items():
        sums = days.setdefault((owners[use.key_id], use.day), [0, 0])
        sums[use.outcome != OK] += total.count
    for (account, day), (used, refused) in sorted(days.items()):
        row, _ = AccountUse.objects.get_or_create(account_id=account, day=day)
        AccountUse.objects.filter(pk=row.pk).update(used=F("used") + used, refused=F("refused") + refused)
