"""The wizard, page by page, without JavaScript."""

from __future__ import annotations

import pytest
from django.urls import reverse

from keys import operations as operations_of_keys
from keys.models import Key
from keys.states import State
from migration import operations, tasks
from migration.models import Item, Run
from migration.states import RunState
from tests import make
from tests.migration import estate

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(alice):
    return make.instance(alice, name="payments-prod")


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """What a page hands to the worker; the test is the worker."""
    found = []
    monkeypatch.setattr(tasks, "wake", found.append)
    return found


def post(client, name, *args, follow=True, **data):
    return client.post(reverse(f"migration:{name}", args=args), data, follow=follow)


def test_from_the_information_to_the_roll_back(alices, alice, home, words, sent):
    keys = [estate.key(alice, alias="web"), estate.key(alice, state=State.PENDING_DELETION)]
    page = words(alices.get("/migration/"))
    assert "Keys not migrated" in page
    chosen = alices.get(f"/migration/new/?key={keys[0].pk}")
    assert f'value="{keys[0].pk}" checked' in chosen.content.decode()
    assert f'value="{keys[1].pk}"' not in chosen.content.decode()
    assert "The key is scheduled for deletion" in words(chosen)

    draft = post(alices, "new", instance=home.pk, scope="keys", keys=[keys[0].pk])
    run = Run.objects.get()
    assert "There is no way back in the end" in words(draft)
    assert "1 of 1 would move" in words(alices.get(reverse("migration:dry_run", args=[run.pk])))
    assert Key.objects.get(pk=keys[0].pk).edition == "1.0"

    refused = post(alices, "start", run.pk, confirm="payments-prod")
    assert "Tick the boxes of R15" in words(refused)
    assert post(alices, "start", run.pk, confirm="other", accepted=["R15"]).status_code == 400
    running = post(alices, "start", run.pk, confirm="payments-prod", accepted=["R15"])
    assert sent == [run.pk]
    assert 'http-equiv="refresh"' in running.content.decode()
    assert "A migration is running" in words(alices.get("/keys/"))

    estate.run_all(alice, run, start=False)
    done = alices.get(reverse("migration:run", args=[run.pk]))
    assert "1 of 1 moved" in words(done)
    assert "Moved to payments-prod" in words(alices.get(reverse("v1:detail", args=[keys[0].pk])))
    assert post(alices, "roll_back_key", run.pk, keys[0].pk).status_code == 200
    assert Key.objects.get(pk=keys[0].pk).edition == "1.0"


def test_the_whole_run_goes_back_with_one_button(alices, alice, home, words, sent):
    estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home))
    assert "Take 1 key back to 1.0?" in words(alices.get(reverse("migration:roll_back", args=[run.pk])))
    post(alices, "roll_back", run.pk)
    assert estate.run_all(alice, run, start=False).state == RunState.ROLLED_BACK


def test_what_did_not_move_can_go_on_once_its_reason_is_lifted(alices, alice, home, words, sent):
    dying = estate.key(alice, state=State.PENDING_DELETION)
    estate.key(alice)
    run = estate.run_all(alice, estate.plan(alice, home))
    assert run.state == RunState.PARTLY_SUCCEEDED
    page = words(alices.get(reverse("migration:run", args=[run.pk])))
    assert "Go on with the rest" in page
    assert "Nothing is chosen" not in page
    operations_of_keys.cancel_key_deletion(alice(door="console-1.0"), dying)
    post(alices, "start", run.pk, confirm="payments-prod", accepted=["R15"])
    assert estate.run_all(alice, run, start=False).state == RunState.SUCCEEDED
    assert Key.objects.get(pk=dying.pk).instance == home


def test_stop_close_and_cancel(alices, alice, home):
    estate.key(alice)
    draft, run = estate.plan(alice, home), estate.plan(alice, home)
    post(alices, "cancel", draft.pk)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    post(alices, "stop", run.pk)
    assert estate.run_all(alice, run, start=False).state == RunState.STOPPED
    post(alices, "close", run.pk)
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.CANCELLED, RunState.FAILED}


def test_the_bar_asks_again_until_the_run_has_ended(alices, alice, home):
    estate.key(alice)
    run = estate.plan(alice, home)
    operations.start_migration(alice(), run, accepted=estate.EVERYTHING)
    asks = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "progress"}
    address = reverse("migration:run", args=[run.pk])
    assert "hx-get" in alices.get(address, **asks).content.decode()
    estate.run_all(alice, run, start=False)
    assert alices.get(address, **asks).headers["HX-Refresh"] == "true"


def test_reports(alices, alice, home):
    key = estate.key(alice, alias="web")
    run = estate.run_all(alice, estate.plan(alice, home))
    addresses = {kind: reverse("migration:report", args=[run.pk, kind]) for kind in ("csv", "jsonl", "tf")}
    reports = {kind: b"".join(alices.get(address)).decode() for kind, address in addresses.items()}
    assert f"key,{key.pk},cn-local,{home.pk},1,Switched" in reports["csv"]
    assert f'"id": "{key.pk}"' in reports["jsonl"]
    assert f'# {key.pk}  (alias/web)\ndkms_instance_id = "{home.pk}"' in reports["tf"]
    assert "ignore_changes = [dkms_instance_id, automatic_rotation, rotation_interval]" in reports["tf"]
    assert alices.get(reverse("migration:report", args=[run.pk, "exe"])).status_code == 404


def test_carol_looks_and_charlie_sees_nothing(carols, charlies, alice, home, words):
    estate.key(alice)
    run = estate.plan(alice, home)
    address = reverse("migration:run", args=[run.pk])
    assert "Your role does not allow this" in words(carols.get(address))
    assert post(carols, "start", run.pk, confirm="payments-prod", accepted=["R15"]).status_code == 403
    assert charlies.get(address).status_code == 404
    assert Item.objects.get().state == "Pending"


def test_get_changes_nothing(alices, alice, home):
    estate.key(alice)
    run = estate.plan(alice, home)
    for name in ("start", "stop", "close", "cancel"):
        assert alices.get(reverse(f"migration:{name}", args=[run.pk])).status_code == 405
    before = estate.export(alice.account.pk)
    for name in ("run", "dry_run", "roll_back"):
        assert alices.get(reverse(f"migration:{name}", args=[run.pk])).status_code == 200
    assert estate.export(alice.account.pk) == before
