"""Lists, the key page, creating. What a reader may not do stays visible, with the reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import Event
from base import clock, ids
from keys import operations
from keys.models import Alias, Key, KeyVersion
from keys.states import State
from tests import importing, make

DIALOGS = ("enable", "disable", "describe", "schedule_deletion", "cancel_deletion", "why", "create_alias", "protection",
           "delete_material")
TABS = ("versions", "material", "rotation", "policy", "tags", "usage", "activity")


def page_of(key, name="detail"):
    return reverse(f"keys:{name}", args=[key.pk])


def foreign_key(account, *, kind="customer", edition="3.0", creator="ECS"):
    """Service keys and 1.0 keys: nothing in this version makes them."""
    at = clock.now() - timedelta(days=900)
    key = Key.objects.create(id=ids.legacy_id(), account=account, kind=kind, edition=edition, state=State.ENABLED,
                             creator=creator, spec="Aliyun_AES_256", created_at=at, last_rotation_at=at)
    KeyVersion.objects.create(id=ids.legacy_id(), key=key, is_primary=True, created_at=at)
    return key


def rows_of_everything():
    return [list(model.objects.order_by("pk").values()) for model in (Key, KeyVersion, Alias)]


@pytest.mark.parametrize("state", [*State])
def test_get_changes_nothing(alices, alice, instance, make_key, state):
    key = make_key(state)
    before = rows_of_everything()
    for name in ("detail", *TABS, *DIALOGS):
        for headers in ({}, {"HX-Request": "true", "HX-Target": "modal"}):
            answer = alices.get(page_of(key, name), headers=headers)
            assert answer.status_code == (404 if state is State.DESTROYED and name != "detail" else 200)
            if answer.status_code == 200 and headers and name in DIALOGS:
                assert b"<html" not in answer.content
    assert rows_of_everything() == before


@pytest.mark.parametrize("state", [State.ENABLED, State.PENDING_DELETION])
def test_charlie_sees_nothing(charlies, make_key, state):
    key = make_key(state)
    for name in ("detail", *TABS, *DIALOGS):
        assert charlies.get(page_of(key, name)).status_code == 404
        assert charlies.post(page_of(key, name), {"days": "7", "confirm": key.pk}).status_code in (404, 405)
    assert key.pk not in charlies.get("/keys/").content.decode()
    key.refresh_from_db()
    assert key.state == state
    assert set(Event.objects.filter(principal="user/charlie", object_id="").values_list("outcome", flat=True)) >= {
        "Forbidden.KeyNotFound"}


def test_reading_a_key_is_an_event_through_the_console_door(alices, make_key):
    key = make_key()
    alices.get(page_of(key))
    seen = Event.objects.filter(door="console", object_id=key.pk).values_list("action", flat=True)
    assert sorted(seen) == ["DescribeKey", "ListAliasesByKeyId", "ListKeyVersions"]


@pytest.mark.parametrize("who", ["bobs", "carols"])
def test_bob_and_carol_see_why_they_cannot(request, who, make_key, words):
    key = make_key()
    client = request.getfixturevalue(who)
    page = client.get(page_of(key))
    assert page.content.count(b'aria-disabled="true"') >= 4
    assert "Your role does not allow this" in words(page)
    assert "An administrator can change this." in words(page)
    for name, fields in (("disable", {}), ("schedule_deletion", {"days": "7", "confirm": key.pk}), ("describe", {})):
        assert "Your role does not allow this" in words(client.get(page_of(key, name)))
        answer = client.post(page_of(key, name), {"revision": key.revision, **fields})
        assert answer.status_code == 403
        assert "Your role does not allow this" in words(answer)
    key.refresh_from_db()
    assert key.state == State.ENABLED


def test_the_lifecycle_stands_on_the_page(alices, make_key, words):
    assert "Created" in words(alices.get(page_of(make_key())))
    pending = words(alices.get(page_of(make_key(State.PENDING_DELETION))))
    assert "This key will be destroyed on" in pending
    assert "in 6 d 23 h" in pending or "in 7 d 0 h" in pending
    assert "Scheduled by user/alice" in pending


def test_a_key_of_an_expired_instance_says_how_it_comes_back(alices, alice, instance, words):
    key = make.key(alice, State.UNAVAILABLE)
    page = words(alices.get(page_of(key)))
    assert "Unavailable" in page
    assert "Rejected.Unavailable" in page
    assert "manage.py renew_instance" in page


def test_a_service_key_is_only_shown(alices, account, words):
    key = foreign_key(account, kind="service")
    page = alices.get(page_of(key))
    assert "ECS manages this key" in words(page)
    assert "Schedule deletion" not in words(page)
    assert "Only that service can change it." in words(alices.get(page_of(key, "why")))
    for name in ("disable", "enable", "describe"):
        answer = alices.post(page_of(key, name), {"revision": key.revision})
        assert (answer.status_code, "It is a service key" in words(answer)) == (409, True)


def test_a_key_of_1_0_is_only_shown(alices, account, words):
    key = foreign_key(account, edition="1.0", creator=account.pk)
    page = alices.get(page_of(key))
    assert "1.0 · read-only" in words(page)
    assert "Danger zone" not in words(page)
    answer = alices.post(page_of(key, "schedule_deletion"), {"revision": 0, "days": "7", "confirm": key.pk})
    assert (answer.status_code, "It is a 1.0 key" in words(answer)) == (409, True)


def test_the_tabs_divide_the_keys(alices, account, make_key):
    mine, service, old = make_key(), foreign_key(account, kind="service"), foreign_key(account, edition="1.0")
    customer, default = alices.get("/keys/").content.decode(), alices.get("/keys/?tab=default").content.decode()
    assert (mine.pk in customer, service.pk in customer, old.pk in customer) == (True, False, False)
    assert (mine.pk in default, service.pk in default, old.pk in default) == (False, True, True)


def test_a_list_can_be_searched_and_filtered(alices, alice, make_key):
    one, other = make_key(), make_key(State.DISABLED)
    operations.create_alias(alice(), one, alias_name="alias/shop/cards")

    def found(query):
        return {row.key.pk for row in alices.get(f"/keys/?{query}").context["rows"]}

    assert found("") == {one.pk, other.pk}
    assert found("q=shop/ca") == found("q=alias/shop/cards") == {one.pk}
    assert found(f"q={other.pk[:18]}&state=Disabled") == {other.pk}
    assert found(f"q={one.arn}") == {one.pk}
    assert found("state=Disabled") == {other.pk}
    assert found(f"instance={one.instance_id}") == {one.pk, other.pk}
    assert found("q=nothing") == found("instance=kst-elsewhere") == set()
    assert found("state=Nonsense&page=x&size=7") == {one.pk, other.pk}


def test_a_long_list_has_pages(alices, alice, instance):
    for _ in range(26):
        make.key(alice, home=instance)
    first = alices.get("/keys/?state=Enabled")
    assert len(first.context["rows"]) == 25
    assert b'rel="next" href="?state=Enabled&amp;after=' in first.content
    second = alices.get(f"/keys/?state=Enabled&after={first.context['found'].next}")
    assert len(second.context["rows"]) == 1
    assert b'rel="next"' not in second.content
    assert b'rel="prev" href="?state=Enabled&amp;before=' in second.content


def test_a_list_answers_a_fragment_to_htmx(alices, make_key):
    key = make_key()
    answer = alices.get("/keys/", headers={"HX-Request": "true", "HX-Target": "list"}).content.decode()
    assert key.pk in answer
    assert "<html" not in answer
    whole = alices.get("/keys/", headers={"HX-Request": "true", "HX-Target": "nonsense"}).content.decode()
    assert "<html" in whole


def test_a_list_costs_a_fixed_number_of_queries(alices, alice, instance, django_assert_max_num_queries):
    for _ in range(3):
        make.key(alice, home=instance)
    alices.get("/keys/")
    with django_assert_max_num_queries(22):
        alices.get("/keys/")
    for _ in range(12):
        make.key(alice, home=instance)
    with django_assert_max_num_queries(22):
        alices.get("/keys/")


def test_it_creates_a_key(alices, instance, words):
    page = alices.get("/keys/new/")
    assert f'value="{instance.pk}" required checked' in page.content.decode()
    answer = alices.post("/keys/new/", {"instance": instance.pk, "description": "for tests"})
    key = Key.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, page_of(key))
    assert (key.instance_id, key.description, key.state) == (instance.pk, "for tests", State.ENABLED)
    assert "Created." in words(alices.get(answer["Location"]))
    assert Event.objects.filter(action="CreateKey", door="console", outcome="ok").count() == 1


@pytest.mark.parametrize(("sent", "spec", "usage"), [
    ({}, "Aliyun_AES_256", "ENCRYPT/DECRYPT"),
    ({"kind": "encrypt", "spec": "EC_P256"}, "Aliyun_AES_256", "ENCRYPT/DECRYPT"),
    ({"kind": "sign"}, "EC_P256", "SIGN/VERIFY"),
    ({"kind": "sign-rsa"}, "RSA_2048", "SIGN/VERIFY"),
    ({"kind": "public"}, "RSA_2048", "ENCRYPT/DECRYPT"),
    ({"kind": "mac"}, "HMAC_SHA_256", "GENERATE_MAC/VERIFY_MAC"),
    ({"kind": "other", "spec": "X_ED25519", "usage": ""}, "X_ED25519", "SIGN/VERIFY"),
    ({"spec": "EC_P256K", "usage": "SIGN/VERIFY"}, "EC_P256K", "SIGN/VERIFY")])
def test_it_creates_a_key_of_the_chosen_spec(alices, instance, words, sent, spec, usage):
    answer = alices.post("/keys/new/", {"instance": instance.pk, **sent})
    key = Key.objects.get()
    assert (key.spec, key.usage) == (spec, usage)
    page = alices.get(answer["Location"])
    assert ("Primary" in words(page)) is (spec in ("Aliyun_AES_256", "HMAC_SHA_256"))
    assert {"ENCRYPT/DECRYPT": "encrypt(", "SIGN/VERIFY": "asymmetric_sign(",
            "GENERATE_MAC/VERIFY_MAC": "generate_mac("}[usage] in words(page)


def test_every_reason_against_a_spec_is_shown_and_the_choice_stays(alices, instance, words):
    sent = {"instance": instance.pk, "kind": "other", "spec": "Aliyun_AES_128", "usage": "SIGN/VERIFY"}
    answer = alices.post("/keys/new/", sent)
    assert answer.status_code == 409
    assert "This key spec needs a hardware instance" in words(answer)
    assert "The usage does not fit the key spec" in words(answer)
    assert 'value="Aliyun_AES_128" selected' in answer.content.decode()
    assert 'value="other" checked' in answer.content.decode()
    assert alices.post("/keys/new/", {"instance": instance.pk, "kind": "x"}).status_code == 400
    assert alices.post("/keys/new/", {"instance": instance.pk, "spec": "Nonsense"}).status_code == 400
    assert not Key.objects.exists()


def test_automatic_rotation_stands_on_the_page(alices, alice, make_key, words):
    key = make_key()
    assert "Automatic rotation Disabled" in words(alices.get(page_of(key)))
    operations.update_rotation_policy(alice(), key, enable_automatic_rotation=True, rotation_interval="30d")
    page = words(alices.get(page_of(key)))
    assert "Automatic rotation Enabled, every 30 days next:" in page
    operations.disable_key(alice(), key)
    assert "Automatic rotation Suspended, every 30 days" in words(alices.get(page_of(key)))


def test_imported_material_says_when_it_ends(alices, alice, make_key, words):
    key = make_key(State.PENDING_IMPORT)
    assert page_of(key, "material") in alices.get(page_of(key)).content.decode()
    ends = int((clock.now() + timedelta(days=3, hours=6)).timestamp())
    parcel = importing.parcel(alice(), key, importing.RAW, importing.OAEP_256)
    operations.import_key_material(alice(), key, **parcel, key_material_expire_unix=ends)
    assert "in 3 days" in words(alices.get(page_of(key))).partition("Material expires")[2][:60]
    operations.delete_key_material(alice(), key)
    assert "The imported material of this key is gone" in words(alices.get(page_of(key)))


def test_an_expired_instance_takes_no_key_and_says_why(alices, alice, instance, words):
    expired = make.expired_instance(alice)
    page = alices.get(f"/keys/new/?instance={expired.pk}")
    assert "expired expired on" in words(page)
    answer = alices.post("/keys/new/", {"instance": expired.pk})
    assert answer.status_code == 409
    assert "The instance has expired" in words(answer)
    assert not Key.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"instance": ""}, {"instance": "x" * 65}])
def test_creating_needs_an_instance(alices, instance, sent):
    assert alices.post("/keys/new/", sent).status_code == 400
    assert not Key.objects.exists()


def test_another_accounts_instance_takes_no_key(charlies, instance):
    answer = charlies.post("/keys/new/", {"instance": instance.pk})
    assert answer.status_code == 409
    assert answer.context["form"].refusals[0].code == "Forbidden.DKMSInstanceNotFound"
    assert not Key.objects.exists()


def test_bob_creates_nothing(bobs, instance, words):
    assert "Your role does not allow this" in words(bobs.get("/keys/new/"))
    assert bobs.post("/keys/new/", {"instance": instance.pk}).status_code == 403
    assert not Key.objects.exists()


@pytest.mark.parametrize("swept", [True, False])
def test_a_destroyed_key_leaves_a_tombstone(alices, alice, instance, words, swept):
    key = make.destroyed_key(alice, home=instance) if swept else make.due_key(alice, home=instance)
    page = words(alices.get(page_of(key)))
    assert "This key was destroyed on" in page
    assert "Scheduled by user/alice" in page
    assert "Danger zone" not in page
    assert key.pk not in {row.key.pk for row in alices.get("/keys/").context["rows"]}


def test_what_is_typed_into_a_description_is_shown_as_text(alices, make_key):
    key = make_key(description="<script>alert(1)</script>")
    page = alices.get(page_of(key)).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
