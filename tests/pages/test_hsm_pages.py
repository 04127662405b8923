"""The pages of HSM clusters, and connecting an instance on its page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from base import clock
from instances import hsm_operations, hsm_sweeps
from instances.models import Instance
from keys import operations as keys
from tests import make


@pytest.fixture
def cluster(alice, softhsm):
    return make.hsm_cluster(alice, softhsm)


def page_of(cluster):
    return reverse("hsm:detail", args=[cluster.pk])


def connect_page(instance):
    return reverse("instances:connect_hsm", args=[instance.pk])


def test_without_a_cluster_the_list_says_how_one_is_made(alices, words):
    assert "manage.py register_hsm" in words(alices.get("/hsm/"))
    assert 'href="/hsm/" aria-current="page"' in alices.get("/hsm/").content.decode()


def test_an_instance_is_connected_on_its_page(alices, alice, cluster, words):
    waiting = make.hardware_instance(alice, None)
    detail = reverse("instances:detail", args=[waiting.pk])
    assert "It takes keys once it is connected to an HSM cluster." in words(alices.get(detail))
    assert connect_page(waiting) in alices.get(detail).content.decode()
    tested = words(alices.post(connect_page(waiting), {"cluster": cluster.pk, "test": "1"}))
    assert tested.count("passed") == 10
    assert "All members use the same keys" in tested
    answer = alices.post(connect_page(waiting), {"cluster": cluster.pk})
    assert (answer.status_code, answer["Location"]) == (303, detail)
    key = keys.create_key(alice(), instance=Instance.objects.get(pk=waiting.pk))
    page = words(alices.get(detail))
    assert "Hardware-protected" in page
    assert "Connected" in page
    assert key.pk in alices.get(detail).content.decode()
    shown = words(alices.get(page_of(cluster)))
    assert "Keys inside 1 on every member" in shown
    assert "hardware" in words(alices.get("/hsm/"))


def test_disconnecting_makes_the_keys_unavailable_and_connecting_brings_them_back(alices, alice, cluster, words):
    home = make.hardware_instance(alice, cluster)
    keys.create_key(alice(), instance=home)
    ending = reverse("instances:disconnect_hsm", args=[home.pk])
    assert "1 key is unavailable at once." in words(alices.get(ending))
    assert alices.post(ending).status_code == 303
    page = words(alices.get(reverse("instances:detail", args=[home.pk])))
    assert "The instance is disconnected from its HSM" in page
    assert "Unavailable" in page
    assert alices.post(ending).status_code == 409
    assert alices.post(connect_page(home), {"cluster": cluster.pk}).status_code == 303
    home.refresh_from_db()
    assert home.serves(clock.now())


def test_a_member_that_is_away_shows_with_what_to_do(alices, alice, softhsm, renewals, cluster, words):
    with softhsm.without("kms-hsm-b"):
        assert alices.post(reverse("hsm:check", args=[cluster.pk])).status_code == 303
        page = words(alices.get(page_of(cluster)))
        for text in ("A member is away", "Degraded", "1 does not answer", "The library does not show this token",
                     "Look whether the HSM is switched on and reachable.", "First noticed"):
            assert text in page
        assert "A member of the HSM cluster is away" in words(alices.get("/"))
        waiting = make.hardware_instance(alice, None)
        refused = alices.post(connect_page(waiting), {"cluster": cluster.pk})
        assert refused.status_code == 409
        assert "kms-hsm-b: The library does not show this token" in words(refused)
    assert hsm_sweeps.check_members(make.later(minutes=2)) == 1
    assert "away" not in words(alices.get("/"))
    assert "Every check passed" not in (page := words(alices.get(page_of(cluster))))
    assert "all answer" in page


def test_who_may_look_and_who_may_check(bobs, carols, charlies, cluster, words):
    for client in (bobs, carols):
        assert client.get("/hsm/").status_code == client.get(page_of(cluster)).status_code == 200
        assert client.post(reverse("hsm:check", args=[cluster.pk])).status_code == 403
    assert charlies.get(page_of(cluster)).status_code == 404
    assert charlies.post(reverse("hsm:check", args=[cluster.pk])).status_code == 404
    assert cluster.name not in words(charlies.get("/hsm/"))


def test_bob_connects_nothing(bobs, alice, cluster):
    waiting = make.hardware_instance(alice, None)
    assert bobs.post(connect_page(waiting), {"cluster": cluster.pk}).status_code == 403
    waiting.refresh_from_db()
    assert waiting.status == "Uninitialized"


def test_the_pin_stands_on_no_page(alices, cluster):
    from tests.softhsm import PIN

    assert all(PIN not in alices.get(url).content.decode() for url in ("/hsm/", page_of(cluster)))
    assert PIN not in repr(hsm_operations.members_of(cluster)) + repr(vars(cluster))


def test_the_page_for_a_new_key_asks_where_a_hardware_key_is_kept(alices, alice, cluster, instance, words):
    assert "In a hardware instance" not in words(alices.get("/keys/new/"))
    home = make.hardware_instance(alice, cluster)
    assert "In a hardware instance" in words(alices.get("/keys/new/"))
    sent = {"instance": home.pk, "kind": "encrypt", "storage": "HsmEncryptedDatabase"}
    created = alices.get(alices.post("/keys/new/", sent)["Location"])
    assert "in the database, encrypted by the HSM" in words(created)
    refused = alices.post("/keys/new/", {"instance": home.pk, "kind": "mac"})
    assert "Hardware instances do not have this key spec" in words(refused)
    assert alices.post("/keys/new/", {**sent, "instance": instance.pk}).status_code == 303


def test_a_refused_pin_is_tried_again_by_a_button(alices, cluster, words):
    from instances.hsm_models import HsmMember

    assert "try the PIN again" not in words(alices.get(page_of(cluster)))
    HsmMember.objects.filter(cluster=cluster, label="kms-hsm-b").update(state="away", trouble="pin_incorrect")
    assert "try the PIN again" in words(alices.get(page_of(cluster)))
    assert alices.post(reverse("hsm:check", args=[cluster.pk]), {"pin": "1"}).status_code == 303
    assert "all answer" in words(alices.get(page_of(cluster)))
