"""What the clock does to many keys at once is, row for row, what it does to each by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from access import freezes
from access.models import Account
from audit.models import Event
from base import clock, ids
from instances.models import Instance, WrappingKey
from keys import batches, erasing, operations, quota, sweeps
from keys.models import Alias, ImportToken, Key, KeyMaterial, KeyTag, KeyUse, KeyVersion, KeyWord, SpareMaterial
from keys.operations import destroying, material, rotation
from keys.operations.lifecycle import store_new_key
from keys.states import State
from tests import importing, make
from tests.keys.calls import outcome

DAY = timedelta(days=1)
BATCHES = ((destroying, "destroy_keys"), (destroying, "destroy_all_with_instance"), (material, "expire_material_of_keys"),
           (rotation, "rotate_keys"))
SWEEPS = (sweeps.clear_released, sweeps.destroy_due, sweeps.expire_material, sweeps.rotate_due)
TABLES = (Key, KeyVersion, KeyMaterial, SpareMaterial, Alias, KeyTag, KeyWord, ImportToken, KeyUse, Instance, WrappingKey, Event)


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that belongs to keys. Numbers of rows and requests are left out, and what is random in a version
    that a rotation made: its id, and the bytes of its material."""
    made = {version: f"new version of {key}" for version, key in KeyVersion.objects.filter(
        created_at=Event.objects.latest("id").at).values_list("pk", "key_id")}
    found: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        those = [dict(row) for row in table.objects.order_by("pk").values()]
        for row in those:
            if table in (Event, Alias, KeyTag, KeyWord, SpareMaterial):
                del row["id"]
            row.pop("request_id", "")
            fresh = {name: made[value] for name, value in row.items() if isinstance(value, str) and value in made}
            if fresh and "stored" in row:
                row["stored"] = len(row["stored"])
            if table is Event:
                row["detail"] = next((row["detail"].replace(pk, name) for pk, name in made.items() if pk in row["detail"]),
                                     row["detail"])
            row.update(fresh)
        found[table.__name__] = sorted(those, key=str)
    return found


class Estate:
    """Keys in all states and kinds of instances, with everything that may hang on one. Dates lie around `now`."""

    def __init__(self, alice, charlie, seed: int) -> None:
        self.alice, self.draw, self.now = alice, random.Random(seed), clock.now() + 8 * DAY
        self.frozen = make.instance(charlie)
        self.homes = [None, make.instance(alice), make.instance(alice, name="small", key_quota=14),
                      make.instance(alice, name="ends", at=self.now - 366 * DAY), make.instance(alice, name="renewed"),
                      make.instance(alice, name="released", charge_type="POSTPAY")]
        # One ended between the dates of its keys; the end of the other lay between them too, and it was renewed an hour ago.
        self.homes[3].move(end_at=self.now - timedelta(minutes=30), started_at=self.now - 300 * DAY)
        self.homes[4].move(lapsed_at=self.now - timedelta(minutes=30), resumed_at=self.now - timedelta(minutes=1))
        for number in range(54):
            self._key(number, self.homes[number % len(self.homes)])
        self._key(54, self.frozen, charlie)
        freezes.begin(charlie.account.pk, "somebody moves", self.now)
        home = Instance.objects.get(pk=self.homes[5].pk)
        operations.release_kms_instance(alice(at=self.now - timedelta(minutes=5)), home, force_delete_without_backup=True)

    def _around(self) -> datetime:
        return self.now + timedelta(minutes=self.draw.choice([-61, -45, -20, -1, 0, 1]))

    def _key(self, number: int, home: Instance | None, who: Any = None) -> None:
        caller, pick = (who or self.alice)(at=self.now - 8 * DAY), self.draw.random
        kind = self.draw.choice(["plain", "plain", "turns", "turns", "external", "pair"])
        if home is None:
            key = Key(id=ids.legacy_id(), account=Account.objects.get(pk=caller.account), edition="1.0", state=State.ENABLED,
                      spec="Aliyun_AES_256", creator=caller.account, created_at=caller.at, last_rotation_at=caller.at)
            store_new_key(caller, key)
        else:
            key = operations.create_key(caller, instance=home, description=f"number {number} of the order service",
                                        spec="EC_P256" if kind == "pair" else "", origin="EXTERNAL" if kind == "external" else "",
                                        tags=(("env", "prod"), ("n", str(number)))[:self.draw.randrange(3)])
        if kind == "external" and home is not None:
            importing.parcel(caller, key)  # leaves a token
            if pick() < 0.8:
                importing.bring(caller, key)
                Key.objects.filter(pk=key.pk).update(material_expires_at=self._around())
        for n in range(self.draw.randrange(3)):
            operations.create_alias(caller, key, alias_name=f"alias/b{n}-{number}")
        changes: dict[str, Any] = {"deletion_protection": pick() < 0.1}
        if kind == "turns":
            changes |= {"automatic_rotation": True, "next_rotation_at": self._around(),
                        "rotation_interval_seconds": self.draw.choice([7, 30]) * 86_400}
        if pick() < 0.15:
            changes["next_try_at"] = self._around()
        row = KeyMaterial.objects.filter(version__key=key).first()
        if row is not None and pick() < 0.2:
            spare = WrappingKey.objects.exclude(pk=row.wrapping_key_id).first()
            SpareMaterial.objects.create(version=row.version, wrapping_key=spare, stored=b"spare", drop_at=self.now + DAY)
        key.refresh_from_db()
        if pick() < 0.2 and key.state == State.ENABLED:
            operations.disable_key(caller, key)
        if pick() < (0.2 if kind == "turns" else 0.6):
            at = self._around()
            operations.schedule_key_deletion(caller, key, window_days=7)
            changes |= {"delete_at": at, "deletion_scheduled_at": at - 7 * DAY}
        Key.objects.filter(pk=key.pk).update(**changes)


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_leaves_the_rows_that_one_by_one_leaves(seed, alice, charlie, monkeypatch):
    estate = Estate(alice, charlie, seed)

    def everything() -> tuple[list[int], dict[str, Any]]:
        return [sweep(estate.now) for sweep in SWEEPS], rows()

    with monkeypatch.context() as one_by_one, taken_back():
        for module, name in BATCHES:
            one_by_one.setattr(module, name, lambda caller, due, **more: batches.Outcome(left=list(due)))
        counts, expected = everything()
    monkeypatch.setattr(sweeps, "CHUNK", 5)
    with taken_back():
        found, got = everything()
    assert found == counts
    assert all(counts), "there was something of everything"
    assert Key.objects.filter(state=State.PENDING_DELETION).count() > counts[1], "and something was held"
    for name, those in expected.items():
        assert got[name] == those, name


def test_a_batch_of_one_row_more_than_a_piece_ends(alice, instance, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    assert len({make.due_key(alice, home=instance).pk for _ in range(5)}) == sweeps.destroy_due(clock.now()) == 5


def test_every_key_has_one_turn_however_many_looks_it_takes(alice, instance, monkeypatch):
    """Dates of a look overlap with the next one's, ids do not follow the dates, and some dates are the same."""
    monkeypatch.setattr(batches, "PIECES", 2)
    due, now = [make.due_key(alice, home=instance) for _ in range(11)], clock.now()
    for number, key in enumerate(due):
        Key.objects.filter(pk=key.pk).update(delete_at=now - timedelta(minutes=1 + 7 * number % 11 // 3))
    pieces = [list(rows.values_list("pk", flat=True)) for rows in batches.in_turn(Key.objects.due_for_destruction(now), 2)]
    assert [len(piece) for piece in pieces] == [2] * 5 + [1]
    assert all(piece == sorted(piece) for piece in pieces)
    assert sorted(sum(pieces, [])) == sorted(key.pk for key in due)


def test_what_is_refused_or_put_off_does_not_hold_up_what_comes_after(alice, instance, monkeypatch):
    """More of them than a piece holds; once this ended the run."""
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    due = [make.due_key(alice, home=instance).pk for _ in range(7)]
    sick, real = set(Key.objects.due_for_destruction(clock.now()).values_list("pk", flat=True)[:4]), erasing.erase

    def fails(*keys):
        if sick & {key.pk for key in keys}:
            raise RuntimeError("the disk is full")
        return real(*keys)

    monkeypatch.setattr(erasing, "erase", fails)
    assert sweeps.destroy_due(clock.now()) == 3
    assert set(Key.objects.filter(pk__in=due, state=State.PENDING_DELETION).values_list("pk", flat=True)) == sick


def test_a_batch_takes_the_room_there_is_and_says_of_each_key_that_there_is_no_more(alice):
    home = make.instance(alice, key_quota=7)
    keys = [operations.create_key(alice(), instance=home, enable_automatic_rotation=True, rotation_interval="7d")
            for _ in range(5)]
    assert sweeps.rotate_due(keys[-1].next_rotation_at) == 2
    said = Event.objects.filter(action="RotateKey").values_list("outcome", flat=True)
    assert sorted(said) == ["Rejected.LimitExceeded"] * 3 + ["ok"] * 2
    assert quota.used(home) == 7


def test_a_run_counts_an_instance_again_before_its_room_gets_tight(alice, instance, monkeypatch):
    """It remembers what it saw; a smaller plan, or what others took, it must not overlook."""
    elsewhere = make.instance(alice, name="elsewhere")
    for _ in range(6):
        make.key(alice, home=elsewhere)
    Instance.objects.filter(pk=instance.pk).update(key_quota=8)  # no room for all there is: it must be counted
    monkeypatch.setattr(quota, "SPARE", 3)
    counted, count, seen = [], quota.used, {}
    monkeypatch.setattr(quota, "used", lambda home: counted.append(home.pk) or count(home))

    def claims(units: int) -> str:
        with transaction.atomic():
            return outcome(lambda: quota.claim(alice(), instance, units, seen))

    assert [claims(1) for _ in range(3)] == ["ok"] * 3
    assert len(counted) == 1
    assert [claims(1), len(counted)] == ["ok", 1]
    assert [claims(1), len(counted)] == ["ok", 2], "what it remembers is twice the spare room at most"
    Instance.objects.filter(pk=instance.pk).update(key_quota=1)
    assert claims(2) == "Rejected.LimitExceeded"


def test_a_run_counts_no_instance_that_has_room_for_all_there_is(alice, instance, monkeypatch):
    monkeypatch.setattr(quota, "SPARE", 3)
    counted, count = [], quota.used
    monkeypatch.setattr(quota, "used", lambda home: counted.append(home.pk) or count(home))
    for state in (State.ENABLED, State.PENDING_IMPORT):
        make.key(alice, state, home=instance)

    def claims(units: int, room: int) -> list[str]:
        Instance.objects.filter(pk=instance.pk).update(key_quota=room)
        counted.clear()
        with transaction.atomic():
            return [outcome(lambda: quota.claim(alice(), instance, units, {})), *counted]

    assert claims(5, 11) == ["ok"], "room for 2 keys without a version, 1 version, the 5, and 3 to spare"
    assert claims(5, 10) == ["ok", instance.pk]
    assert claims(5, 7) == ["ok", instance.pk], "and what was counted is exact: two units are taken"
    assert claims(5, 6) == ["Rejected.LimitExceeded", instance.pk]
