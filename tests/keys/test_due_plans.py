"""A tick with nothing due looks at nothing: each sweep of keys asks an index that holds only what has a date."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q

from base import clock, ids
from keys.models import Key
from keys.states import State

NOW = clock.now()
# sweep -> (what is due, its date, the index)
DUE = {"destroy": (lambda home: Key.objects.due_for_destruction(NOW), "delete_at", "key_due"),
       "rotate": (lambda home: Key.objects.due_for_rotation(NOW), "next_rotation_at", "key_rotation_due"),
       "expire": (lambda home: Key.objects.due_for_expiry(NOW), "material_expires_at", "key_material_due"),
       "bury": (lambda home: Key.objects.due_for_burial(home, NOW), "created_at", "key_of_instance")}


@pytest.fixture
def crowd(alice, instance):
    """Enough rows for a planner to have an opinion; among them tombstones of keys that once had a date."""
    at, account = NOW - timedelta(days=1), alice.account
    Key.objects.bulk_create([
        Key(id=ids.key_id(at), account=account, instance=instance, creator=account.pk,
            state=State.DESTROYED if n % 3 == 0 else State.ENABLED, destroyed_at=at if n % 3 == 0 else None,
            spec="Aliyun_AES_256", created_at=at, last_rotation_at=at, material_expires_at=at if n % 3 == 0 else None)
        for n in range(3000)])
    Key.objects.bulk_create([
        Key(id=ids.key_id(at), account=account, instance=instance, creator=account.pk, state=State.PENDING_DELETION,
            spec="Aliyun_AES_256", created_at=at, last_rotation_at=at, delete_at=NOW + timedelta(days=n % 90 + 1))
        for n in range(1000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return instance


@pytest.mark.parametrize("sweep", DUE)
def test_the_first_and_every_further_piece_come_from_the_index(sweep, crowd):
    build, date, index = DUE[sweep]
    due = build(crowd)
    further = due.filter(Q(**{f"{date}__gte": NOW}) & (Q(**{f"{date}__gt": NOW}) | Q(pk__gt="key")))
    for rows in (due, further):
        plan = rows.values_list(date, "pk")[:500].explain()
        assert f"{index} " in f"{plan} ".replace("\n", " "), plan
        assert "Seq Scan on keys_key" not in plan
        assert "TEMP B-TREE FOR ORDER BY" not in plan, plan


def test_the_look_at_plans_would_notice(crowd):
    assert not any(index in Key.objects.filter(description="y").explain() for _, _, index in DUE.values())
