"""How many keys and aliases an account has, as ListKeys and ListAliases tell it: exact, and in one statement, so that no sweep
comes in between. What narrow indexes count, without the few that are dead and that no sweep has reached yet."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import add, sub
from typing import Any

from django.db.models import Func, IntegerField, QuerySet, Subquery

from access import lists
from access.models import Account
from instances.models import Instance
from keys.models import Alias, Key, KeyQuerySet
from keys.states import State


def keys(account: str, now: datetime) -> int:
    """As many as ``Key.objects.of(account).living(now)`` has."""
    mine = Key.objects.of(account)
    # Of every tab: said in full, so that the index of the lists leads.
    destroyed = mine.filter(kind__in=Key.Kind.values, edition__in=Key.Edition.values, state=State.DESTROYED)
    orphans, due, held = _unswept(account, now)
    return _sum(account, [mine, held], [destroyed, orphans, due])


def aliases(account: str, now: datetime) -> int:
    """The same of their aliases. A destroyed key has none."""
    names = Alias.objects.filter(lists.quiet("account_id", account))
    orphans, due, held = (names.filter(key__in=rows.values("pk")) for rows in _unswept(account, now))
    return _sum(account, [Alias.objects.filter(account_id=account), held], [orphans, due])


def _unswept(account: str, now: datetime) -> tuple[KeyQuerySet, KeyQuerySet, KeyQuerySet]:
    """(dead with their instance, others whose date has come, those of these that live all the same); the last key of an instance
    that was cleared after its release has been destroyed."""
    some = Key.objects.only_of(account)
    homes = Instance.objects.due_for_clearing().filter(account_id=account)
    due = some.filter(state=lists.literal(State.PENDING_DELETION), delete_at__lte=now).in_living_homes()
    return some.filter(instance__in=homes.order_by().values("pk")).exclude(state=State.DESTROYED), due, due.living(now)


def _sum(account: str, more: list[QuerySet[Any]], less: list[QuerySet[Any]]) -> int:
    sum_ = reduce(sub, map(_number, less), reduce(add, map(_number, more)))
    return int(Account.objects.filter(pk=account).annotate(total=sum_).values_list("total", flat=True).get())


def _number(rows: QuerySet[Any]) -> Any:
    return Subquery(rows.order_by().annotate(n=Func(template="COUNT(*)", output_field=IntegerField())).values("n"))
