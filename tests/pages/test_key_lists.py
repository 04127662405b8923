"""Filters in the address, CSV, and changes of many keys: preview, one operation each, a result each."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from access import operations as access
from audit.models import Event
from base import clock
from keys import bulk, list_views, operations
from keys.list_models import BulkItem, BulkRun
from keys.models import Key, KeyTag
from keys.states import State
from tests import make
from tests.pages.conftest import log_in
from tests.pages.test_key_pages import foreign_key

HTMX = {"HX-Request": "true", "HX-Target": "run"}


def fresh(key):
    return Key.objects.get(pk=key.pk)


def read_csv(answer):
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_address_says_everything_and_survives_paging(alices, make_key):
    for _ in range(27):
        make_key()
    page = alices.get("/keys/?spec=Aliyun_AES_256&sort=oldest&size=25")
    following = alices.get("/keys/?spec=Aliyun_AES_256&sort=oldest&size=25&after=" + page.context["found"].next)
    assert [len(one.context["rows"]) for one in (page, following)] == [25, 2]
    assert "sort=oldest&amp;size=25&amp;before=" in following.content.decode()
    assert 'value="Aliyun_AES_256" selected' in following.content.decode()
    back = alices.get("/keys/?spec=Aliyun_AES_256&sort=oldest&size=25&before=" + following.context["found"].previous)
    assert [row.key.pk for row in back.context["rows"]] == [row.key.pk for row in page.context["rows"]]


def test_chips_carry_counts(alices, make_key, words):
    make_key(State.PENDING_DELETION)
    assert "Pending deletion 1" in words(alices.get("/keys/"))
    assert "state=PendingDeletion" in alices.get("/keys/").content.decode()


def test_a_chip_counts_few_idle_keys(alices, make_key, words, monkeypatch):
    monkeypatch.setattr(list_views, "MOST_IDLE", 1)
    Key.objects.filter(pk__in=[make_key().pk for _ in range(2)]).update(idle_since=clock.now() - timedelta(days=100))
    assert "Unused for 90 days more than 1 " in words(alices.get("/keys/"))
    assert alices.get("/keys/?idle=90").context["count"].n == 2


def test_groups_of_default_keys_that_are_long_have_pages(alices, account):
    for _ in range(12):
        foreign_key(account, edition="1.0")
    page = alices.get("/keys/?tab=default")
    assert [len(group["rows"]) for group in page.context["groups"]] == [10]
    assert "?tab=default&amp;group=old" in page.content.decode()
    assert len(alices.get("/keys/?tab=default&group=old").context["rows"]) == 12
    assert alices.get("/keys/?tab=default&group=nonsense").context["groups"]


def test_csv_holds_the_filtered_keys_and_is_an_event(alices, charlies, alice, make_key):
    key = make_key(description='=HYPERLINK("http://evil")\nsecond, line')
    make_key(State.DISABLED)
    operations.create_alias(alice(), key, alias_name="alias/a")
    answer = alices.get("/keys/export.csv?state=Enabled")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="keys.csv"'
    [row] = read_csv(answer)
    assert (row["KeyId"], row["KeyState"], row["Aliases"]) == (key.pk, "Enabled", "alias/a")
    assert row["Description"] == "'" + key.description
    [event] = Event.objects.filter(action="ListKeys", door="console", principal="user/alice")
    assert '"export":"csv"' in event.detail
    assert read_csv(charlies.get("/keys/export.csv")) == []
    [alias] = read_csv(alices.get("/aliases/export.csv?q=a"))
    assert alias == {"AliasName": "alias/a", "KeyId": key.pk, "KeyState": "Enabled", "InstanceId": key.instance_id,
                     "CreationDate": alias["CreationDate"]}


def test_who_may_not_list_gets_no_csv(alices, alice, make_key):
    make_key()
    access.attach_policy(make.operator(), alice.user, name="none", document='{"Version":"1","Statement":[{"Effect":"Deny",'
                         '"Action":["kms:ListKeys","kms:ListAliases"],"Resource":["*"]}]}')
    assert alices.get("/keys/export.csv").status_code == 403
    assert alices.get("/aliases/export.csv").status_code == 403


def preview(client, kind, *keys):
    return client.get("/keys/bulk/", {"do": kind, "id": [key.pk for key in keys]})


def confirm(client, kind, *keys, **more):
    shown = preview(client, kind, *keys).context["going"]
    return client.post("/keys/bulk/", {"do": kind, "id": [key.pk for key in keys],
                                       "seen": [f"{one.key.pk}@{one.key.revision}" for one in shown], **more})


def test_a_preview_says_for_each_what_would_happen_and_changes_nothing(alices, make_key, words):
    key, going, ready = make_key(), make_key(State.PENDING_DELETION), make_key(State.DISABLED)
    page = preview(alices, "disable", key, going, ready)
    assert "2 keys would change." in words(page)
    assert "The key is scheduled for deletion" in words(page)
    assert fresh(key).state == State.ENABLED
    assert not BulkRun.objects.exists()
    assert alices.get("/keys/bulk/?do=nonsense&id=x").status_code == 404
    assert "No key is selected." in words(alices.get("/keys/bulk/?do=enable&id=key-unknown"))


@pytest.mark.parametrize(("kind", "before", "after", "more"), [
    ("disable", State.ENABLED, State.DISABLED, {}), ("enable", State.DISABLED, State.ENABLED, {}),
    ("delete", State.ENABLED, State.PENDING_DELETION, {"days": "30", "confirm": "3"}),
    ("cancel", State.PENDING_DELETION, State.ENABLED, {})])
def test_it_changes_many_keys_a_few_at_a_time(alices, make_key, words, monkeypatch, kind, before, after, more):
    monkeypatch.setattr(bulk, "CHUNK", 2)
    keys = [make_key(before) for _ in range(3)]
    answer = confirm(alices, kind, *keys, **more)
    assert answer.status_code == 303
    assert {fresh(key).state for key in keys} == {before}
    run = answer["Location"]
    assert 'hx-trigger="load delay:150ms"' in alices.get(run).content.decode()
    part = alices.post(run, headers=HTMX)
    assert (part.status_code, b"<html" in part.content, "2 of 3" in words(part)) == (200, False, True)
    assert alices.post(run).status_code == 303  # without scripts: a button, and a page
    page = alices.get(run)
    assert "Finished: all 3 changed" in words(page)
    assert b"hx-trigger" not in page.content
    assert {fresh(key).state for key in keys} == {after}
    actions = Event.objects.filter(object_id__in=[key.pk for key in keys], action=bulk.KINDS[kind].action, door="console")
    assert list(actions.values_list("outcome", flat=True)) == ["ok"] * 3
    alices.post(run)
    assert actions.count() == 3, "a second click does nothing twice"


def test_each_key_gets_its_own_answer(alices, alice, make_key, words):
    one, other = make_key(), make_key()
    run = confirm(alices, "delete", one, other, days="7", confirm="2")["Location"]
    operations.set_deletion_protection(alice(), other, enabled=True, description="Wait")
    page = words(alices.get(alices.post(run)["Location"]))
    assert "Finished: 1 of 2 changed" in page
    assert "Deletion protection is on" in page
    assert (fresh(one).state, fresh(other).state) == (State.PENDING_DELETION, State.ENABLED)
    assert list(BulkItem.objects.values_list("outcome", flat=True)) == ["ok", "Rejected.DeletionProtection"]


def test_a_key_that_changed_since_the_preview_is_left_alone(alices, alice, make_key, words):
    key = make_key()
    run = confirm(alices, "disable", key)["Location"]
    operations.update_key_description(alice(), key, description="faster")
    assert "It changed since you opened this page" in words(alices.get(alices.post(run)["Location"]))
    assert fresh(key).state == State.ENABLED


def test_tags_of_many(alices, make_key):
    keys = [make_key(), make_key()]
    assert confirm(alices, "tag", *keys).status_code == 400
    alices.post(confirm(alices, "tag", *keys, name="team", value="red")["Location"])
    assert set(KeyTag.objects.values_list("key_id", "tag_value")) == {(key.pk, "red") for key in keys}
    alices.post(confirm(alices, "untag", *keys, name="team")["Location"])
    assert not KeyTag.objects.exists()


@pytest.mark.parametrize("more", [{}, {"days": "30"}, {"days": "30", "confirm": "1"}, {"days": "6", "confirm": "2"}])
def test_a_deletion_of_many_asks_for_their_number(alices, make_key, more):
    assert confirm(alices, "delete", make_key(), make_key(), **more).status_code == 400
    assert not BulkRun.objects.exists()


def test_never_more_than_fifty_at_once_are_deleted(alices, make_key, monkeypatch, words):
    assert bulk.MOST_DESTROYED == 50
    monkeypatch.setattr(bulk, "MOST_DESTROYED", 1)
    keys = [make_key(), make_key()]
    assert "At most 1 keys at once" in words(preview(alices, "delete", *keys))
    assert confirm(alices, "delete", *keys, days="30", confirm="2").status_code == 200
    assert not BulkRun.objects.exists()


def test_a_run_is_seen_by_who_confirmed_it(alices, charlies, carol, bobs, make_key, words):
    key = make_key()
    run = confirm(alices, "disable", key)["Location"]
    for client in (charlies, log_in(carol)):
        assert client.get(run).status_code == 404
        assert client.post(run).status_code == 404
    assert "Your role does not allow this" in words(preview(bobs, "disable", key))
    assert preview(charlies, "disable", key).context["planned"] == []
    forged = charlies.post("/keys/bulk/", {"do": "disable", "id": [key.pk], "seen": [f"{key.pk}@0"]})
    assert forged.status_code == 200
    assert fresh(key).state == State.ENABLED
