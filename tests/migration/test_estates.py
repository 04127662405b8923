"""Random estates: what the dry run predicts is what happens, the way back restores everything, and whatever a key sealed
before, during and after opens; and a larger estate moves with flat memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from base import clock
from base.refusal import Refused
from keys.models import Key
from keys.states import State
from migration import operations, working
from migration.models import Item, Run
from migration.states import ItemState
from tests import make
from tests.migration import estate
from tests.racing import race

SPECS = st.sampled_from(["Aliyun_AES_256", "Aliyun_AES_256", "Aliyun_SM4", "EC_P256", "EC_P256K"])
KEYS = st.fixed_dictionaries({
    "spec": SPECS, "versions": st.integers(1, 3), "rotation": st.sampled_from([0, 7, 365, 366, 730]),
    "imported": st.booleans(), "state": st.sampled_from([State.ENABLED, State.ENABLED, *list(State)[:4]])})
FEW = settings(max_examples=12, suppress_health_check=list(HealthCheck))


def build(alice, plan):
    """Only what 1.0 allows: key pairs neither rotate nor are imported, imported material has one version, and only an imported
    key waits for its material."""
    pair = plan["spec"].startswith("EC")
    imported = plan["imported"] and not pair or (plan["state"] is State.PENDING_IMPORT and not pair)
    state = State.ENABLED if plan["state"] is State.PENDING_IMPORT and pair else plan["state"]
    return estate.key(alice, spec=plan["spec"], imported=imported, state=state, versions=1 if imported else plan["versions"],
                      rotation=0 if pair or imported else plan["rotation"])


@pytest.mark.django_db(transaction=True)
@given(plans=st.lists(KEYS, min_size=1, max_size=5), quota=st.sampled_from([1000, 1000, 3]))
@FEW
def test_prediction_is_result_and_the_way_back_restores_everything(plans, quota):
    alice = make.person(make.account(), f"alice-{Key.objects.count()}-{Run.objects.count()}")
    home = make.instance(alice, key_quota=quota)
    made = [build(alice, plan) for plan in plans]
    usable = [key for key in made if key.state_at(clock.now()) is State.ENABLED]
    before = estate.export(alice.account.pk)
    opens = [use for key in usable for use in estate.uses(alice, key)]
    run = estate.plan(alice, home)
    predicted = estate.predicted(alice, run)
    assert estate.export(alice.account.pk) == before
    try:
        operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    except Refused as refused:
        assert refused.first.slug == "migration_keys_do_not_fit"
        assert estate.export(alice.account.pk) == before
        return
    while working.work(clock.now, run.pk, limit=2):
        opens += [use for key in usable for use in estate.uses(alice, Key.objects.select_related("instance").get(pk=key.pk))]
    assert {item.key_id: item.state == ItemState.SWITCHED for item in Item.objects.filter(run=run)} == {
        pk: not code for pk, code in predicted.items()}
    assert all(use() for use in opens)
    opens += [use for key in usable for use in estate.uses(alice, Key.objects.select_related("instance").get(pk=key.pk))]
    if not all(predicted.values()):
        estate.back(alice, run)
    assert estate.export(alice.account.pk) == before
    assert all(use() for use in opens)


@pytest.mark.django_db(transaction=True)
def test_nobody_who_encrypts_and_decrypts_meanwhile_notices(alice):
    home = make.instance(alice)
    made = [estate.key(alice) for _ in range(8)]
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)

    def work(number):
        if number == 0:
            while working.work(clock.now, run.pk):
                pass
            return 0
        rounds = 0
        while Run.objects.get(pk=run.pk).state == "Running":
            for key in Key.objects.select_related("instance").filter(pk__in=[key.pk for key in made]):
                assert all(use() for use in estate.uses(alice, key))
                rounds += 1
        return rounds

    assert race(work, processes=3)[0] == 0
    assert set(Item.objects.values_list("state", flat=True)) == {ItemState.SWITCHED}


@pytest.mark.django_db
def test_memory_does_not_grow_with_the_estate(alice):
    home = make.instance(alice, key_quota=10_000)
    peaks = []
    for size in (8, 40):
        for _ in range(size):
            estate.key(alice)
        run = estate.plan(alice, home)
        tracemalloc.start()
        estate.run_all(alice, run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 500_000
