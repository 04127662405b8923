"""The 1.0 console, before and after the end of service; and what the 3.0 console says of 1.0 keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from base import clock
from keys.models import Alias, Key, KeyVersion
from keys.states import State
from tests import importing, make
from tests.migration import estate

pytestmark = pytest.mark.django_db


@pytest.fixture
def open_(settings):
    """As it was before the end of service."""
    settings.KMS_LEGACY_END_OF_SERVICE = clock.now() + timedelta(days=100)


def act(client, key, slug, **data):
    return client.post(reverse("v1:act", args=[key.pk, slug]), data, follow=True)


def fresh(key):
    return Key.objects.get(pk=key.pk)


def test_everything_works_before_the_end_of_service(alices, alice, open_, words):
    assert "KMS 1.0 reaches its end of service on" in words(alices.get("/v1/keys/"))
    alices.post("/v1/keys/new/", {"spec": "Aliyun_AES_256", "origin": "Aliyun_KMS", "days": "700", "description": "Web"})
    key = Key.objects.get(edition="1.0")
    assert (key.rotation_interval_seconds, key.instance) == (700 * 86400, None)
    assert act(alices, key, "disable").status_code == 200
    assert fresh(key).state == State.DISABLED
    act(alices, key, "enable")
    act(alices, key, "description", description="Website")
    act(alices, key, "alias", alias_name="web")
    act(alices, key, "rotation", days="30")
    assert (fresh(key).description, fresh(key).rotation_interval_seconds) == ("Website", 30 * 86400)
    assert "alias/web" in words(alices.get(reverse("v1:detail", args=[key.pk])))
    act(alices, key, "protection", enabled="on", description="Audit")
    assert "Deletion protection is on" in words(act(alices, key, "delete", window_days="30", confirm="web"))
    act(alices, key, "protection")
    act(alices, key, "delete", window_days="30", confirm="web")
    assert fresh(key).state == State.PENDING_DELETION
    act(alices, key, "cancel-deletion")
    assert fresh(key).state == State.ENABLED
    alices.post(reverse("v1:delete_alias", args=[key.pk]) + "?name=alias/web")
    assert not Alias.objects.exists()


@pytest.mark.parametrize("days", ["6", "31", "366"])
def test_the_waiting_time_is_7_to_30_days(alices, alice, days):
    key = estate.key(alice)
    assert act(alices, key, "delete", window_days=days, confirm=key.pk).status_code == 400
    assert fresh(key).state == State.ENABLED


def test_a_key_pair_takes_versions_and_a_symmetric_key_does_not(alices, alice, open_):
    pair, plain = estate.key(alice, spec="EC_P256"), estate.key(alice)
    act(alices, pair, "version")
    assert KeyVersion.objects.filter(key=pair).count() == 2
    assert reverse("v1:act", args=[plain.pk, "version"]) not in alices.get(reverse("v1:detail", args=[plain.pk])).content.decode()
    assert act(alices, plain, "version").status_code == 409


def test_import(alices, alice, open_, words):
    alices.post("/v1/keys/new/", {"spec": "Aliyun_AES_256", "origin": "EXTERNAL"})
    key = Key.objects.get()
    made = alices.post(reverse("v1:parameters", args=[key.pk]), {"wrapping_algorithm": "RSAES_OAEP_SHA_256"}).context["made"]
    wrapped = importing.wrap(made.public_key, "RSAES_OAEP_SHA_256", importing.RAW)
    act(alices, key, "material", import_token=made.import_token, encrypted_key_material=wrapped)
    assert fresh(key).state == State.ENABLED
    act(alices, key, "delete-material")
    assert fresh(key).state == State.PENDING_IMPORT


def test_after_the_end_of_service_only_the_ways_out_are_open(alices, alice, words):
    key = estate.key(alice, alias="web")
    assert "KMS 1.0 reached its end of service on" in words(alices.get("/v1/keys/"))
    refused = act(alices, key, "rotation", days="30")
    assert (refused.status_code, "The 1.0 console is closed" in words(refused)) == (409, True)
    assert "1.0 takes no new keys" in words(alices.get("/v1/keys/new/"))
    act(alices, key, "disable")
    act(alices, key, "delete", window_days="7", confirm="web")
    assert fresh(key).state == State.PENDING_DELETION


def test_the_operator_can_keep_it_open_but_it_takes_no_new_keys(alices, alice, settings, words):
    settings.KMS_LEGACY_AFTER_END = "open"
    key = estate.key(alice)
    act(alices, key, "rotation", days="30")
    assert fresh(key).automatic_rotation
    alices.post("/v1/keys/new/", {"spec": "Aliyun_AES_256", "origin": "Aliyun_KMS"})
    assert Key.objects.count() == 1


def test_the_3_0_console_shows_and_explains_and_changes_nothing(alices, alice, words):
    key = estate.key(alice, alias="web")
    make.instance(alice)
    listed = words(alices.get("/keys/?tab=default"))
    assert "KMS 1.0 · read-only" in listed
    page = alices.get(reverse("keys:detail", args=[key.pk]))
    for way in (reverse("v1:detail", args=[key.pk]), f"/migration/new/?key={key.pk}"):
        assert way in page.content.decode()
    why = alices.get(reverse("keys:why", args=[key.pk])).content.decode()
    assert reverse("v1:detail", args=[key.pk]) in why
    assert "/migration/" in why
    for action in ("disable", "schedule_deletion", "describe", "create_alias", "protection"):
        data = {"days": "30", "confirm": key.pk, "alias": "x", "turn": "on"}
        refused = alices.post(reverse(f"keys:{action}", args=[key.pk]), data)
        assert (refused.status_code, "It is a 1.0 key" in words(refused)) == (409, True), action
    assert fresh(key).revision == key.revision


def test_the_1_0_console_manages_no_3_0_key(alices, alice, words):
    key = make.key(alice, home=make.instance(alice))
    assert "Moved to" in words(alices.get(reverse("v1:detail", args=[key.pk])))
    assert "It is not a 1.0 key" in words(act(alices, key, "disable"))


def test_charlie_sees_nothing(charlies, alice):
    key = estate.key(alice)
    assert charlies.get(reverse("v1:detail", args=[key.pk])).status_code == 404
    assert act(charlies, key, "disable").status_code == 404


@pytest.mark.parametrize("slug", ["disable", "rotation", "delete"])
def test_a_dialog_is_the_form_alone(alices, alice, slug):
    """Whatever htmx puts into the page's dialog must not bring the whole page with it."""
    answer = alices.get(reverse("v1:act", args=[estate.key(alice).pk, slug]),
                        headers={"HX-Request": "true", "HX-Target": "modal"}).content.decode()
    assert "<form" in answer and "<html" not in answer and "data-close" in answer
