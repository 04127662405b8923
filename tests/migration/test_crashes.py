"""Whatever happens in the middle: each key is either old or new, works, and the run comes to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access.models import Freeze
from base import clock
from base.refusal import Refused
from instances.models import Instance
from keys import operations as keys
from keys import sweeps
from keys.models import Key, KeyMaterial, SpareMaterial
from migration import operations, working
from migration import sweeps as migration_sweeps
from migration.models import Item, Run
from migration.states import ItemState, RunState
from tests import make
from tests.killing import deaths
from tests.migration import estate
from tests.racing import race

LATER = timedelta(minutes=5)


@pytest.fixture
def home(alice):
    return make.instance(alice, key_quota=100_000)


def fresh(key):
    return Key.objects.select_related("instance").get(pk=key.pk)


def whole(key, opens):
    """Either old or new, with one material per version in the store that its row names, and everything still opens."""
    key = fresh(key)
    stores = {row.wrapping_key.instance_id for row in KeyMaterial.objects.filter(version__key=key)}
    assert (key.edition, stores) in (("1.0", {None}), ("3.0", {key.instance_id}))
    assert (key.edition == "1.0") == (key.instance_id is None)
    assert all(use() for use in opens)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["there", "back"])
def test_kill_9_at_every_write(alice, home, way):
    before = estate.export(alice.account.pk)

    def prepare():
        key = estate.key(alice, versions=2, rotation=400)
        before.append(next(row for row in estate.export(alice.account.pk) if row["id"] == key.pk))
        opens = estate.uses(alice, key)
        run = estate.plan(alice, home, key)
        if way == "there":
            operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
        else:
            estate.run_all(alice, run)
            operations.roll_back_migration(alice(), Run.objects.get(pk=run.pk))
        return key, run, opens

    done = []
    for (key, run, opens), _place in deaths(prepare, lambda made: working.work(clock.now, made[1].pk)):
        whole(key, opens)
        at = clock.now() + LATER
        while working.work(lambda at=at: at, run.pk):
            pass
        migration_sweeps.advance(at + LATER)
        whole(key, opens)
        run.refresh_from_db()
        assert run.state == (RunState.SUCCEEDED if way == "there" else RunState.ROLLED_BACK)
        item = Item.objects.get(run=run)
        assert item.state == (ItemState.SWITCHED if way == "there" else ItemState.ROLLED_BACK)
        assert not Freeze.objects.exists()
        if way == "there":
            assert item.proved_at is not None
            operations.roll_back_key(alice(), item)
        assert next(row for row in estate.export(alice.account.pk) if row["id"] == key.pk) == before[-1]
        sweeps.drop_spares(at + timedelta(days=30))
        assert not SpareMaterial.objects.filter(version__key=key).exists()
        assert all(use() for use in opens)
        done.append(key)
    assert len(done) > 10


@pytest.mark.django_db(transaction=True)
def test_two_workers_move_each_key_once(alice, home):
    made = [estate.key(alice) for _ in range(6)]
    opens = [use for key in made for use in estate.uses(alice, key)]
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    race(lambda number: working.work(clock.now, run.pk, limit=50 if number else 3))
    while working.work(clock.now, run.pk):
        pass
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    for key in made:
        whole(key, opens)
    assert SpareMaterial.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_of_two_runs_at_once_one_starts(alice, home):
    runs = [estate.plan(alice, home, estate.key(alice)) for _ in range(2)]

    def begin(number):
        try:
            operations.start_migration(alice(), Run.objects.select_related("instance").get(pk=runs[number].pk),
                                       accepted=estate.EVERYTHING)
        except Refused as refused:
            return refused.first.code
        return "ok"

    assert sorted(race(begin)) == ["Migration.AlreadyRunning", "ok"]


@pytest.mark.django_db
def test_an_instance_that_fills_up_stops_the_run_and_loses_nothing(alice, home):
    made = [estate.key(alice) for _ in range(4)]
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    Instance.objects.filter(pk=home.pk).update(key_quota=2)
    run = estate.run_all(alice, run, start=False)
    assert run.state == RunState.STOPPED
    assert "quota_keys" in run.stopped_by
    assert sorted(fresh(key).edition for key in made) == ["1.0", "1.0", "3.0", "3.0"]
    keys.disable_key(alice(), fresh(made[0]))  # management goes on
    Instance.objects.filter(pk=home.pk).update(key_quota=4)
    assert estate.run_all(alice, run).state == RunState.SUCCEEDED


@pytest.mark.django_db
def test_an_instance_that_expires_stops_the_run(alice, home):
    made = [estate.key(alice) for _ in range(2)]
    run = estate.plan(alice, home)
    operations.start_migration(alice(at=home.end_at - timedelta(minutes=1)), run, accepted=estate.EVERYTHING)
    times = iter([home.end_at - timedelta(seconds=30)] * 3 + [home.end_at] * 9)
    working.work(lambda: next(times), run.pk)
    run.refresh_from_db()
    assert (run.state, "instance_expired" in run.stopped_by) == (RunState.STOPPED, True)
    assert {fresh(key).edition for key in made} == {"1.0", "3.0"}


@pytest.mark.django_db
def test_the_freeze_has_an_upper_limit(alice, home, settings):
    estate.key(alice)
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    run = estate.run_all(alice, run, at=clock.now() + timedelta(minutes=61), start=False)
    assert (run.state, "migration_freeze_over" in run.stopped_by) == (RunState.STOPPED, True)
    assert not Freeze.objects.exists()
    operations.close_migration(alice(), run)
    assert run.state == RunState.FAILED


@pytest.mark.django_db
def test_stop_is_heard_after_the_key_in_hand(alice, home):
    for _ in range(3):
        estate.key(alice)
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    working.work(clock.now, run.pk, limit=3, progress=lambda item: operations.stop_migration(
        alice(), Run.objects.get(pk=run.pk)) if item.number == 1 else None)
    run.refresh_from_db()
    assert (run.state, Item.objects.filter(state=ItemState.SWITCHED).count()) == (RunState.STOPPED, 1)


@pytest.mark.django_db
def test_what_the_clock_does_to_keys_waits(alice, home):
    rotating, dying = estate.key(alice, rotation=30), estate.key(alice)
    keys.schedule_key_deletion(alice(at=clock.now() - timedelta(days=8)), dying, window_days=7)
    operations.start_migration(alice(), estate.plan(alice, home, rotating), accepted=estate.EVERYTHING)
    assert (sweeps.rotate_due(clock.now()), sweeps.destroy_due(clock.now())) == (0, 0)
    over = clock.now() + timedelta(minutes=11)
    assert (sweeps.rotate_due(over), sweeps.destroy_due(over)) == (1, 1)
