"""Every page that orders an instance or changes one: one operation a POST, every reason on the page, no JavaScript."""

from __future__ import annotations

import pytest
from django.urls import reverse

from audit.models import Event
from instances import lookup
from instances import operations as instances
from instances.models import Instance
from instances.states import NEVER, Status
from keys import operations as keys
from keys.models import Key
from tests import make

ORDER = {"name": "hot", "type": "software", "charge_type": "PREPAY", "months": "6", "spec": "2000", "spec_hardware": "4000",
         "key_quota": "200", "secret_quota": "5", "vpc_quota": "2", "auto_renewal_months": "3", "grace_policy": "drain"}


def url(name, instance):
    return reverse(f"instances:{name}", args=[instance.pk])


def page_of(instance):
    return url("detail", instance)


def post(client, name, instance, /, **fields):
    instance.refresh_from_db()
    return client.post(url(name, instance), {"revision": instance.revision, **fields})


def slugs(answer):
    return [reason.slug for reason in answer.context["form"].refusals]


class TestOrdering:
    def test_it_works(self, alices, alice, words):
        answer = alices.post(reverse("instances:new"), ORDER)
        made = Instance.objects.get()
        assert (answer.status_code, answer["Location"]) == (303, page_of(made))
        assert (made.account, made.name, made.spec, made.key_quota, made.secret_quota, made.vpc_quota) == (
            alice.account, "hot", 2000, 200, 5, 2)
        assert (made.auto_renewal_months, made.grace_policy, made.status) == (3, "drain", Status.UNINITIALIZED)
        assert "It takes keys once it is enabled." in words(alices.get(page_of(made)))

    def test_hardware_takes_its_own_plan(self, alices):
        alices.post(reverse("instances:new"), ORDER | {"type": "hardware"})
        assert (Instance.objects.get().type, Instance.objects.get().spec) == ("hardware", 4000)

    def test_pay_as_you_go_has_no_term_and_what_belongs_to_one_is_left_out(self, alices, words):
        alices.post(reverse("instances:new"), ORDER | {"charge_type": "POSTPAY"})
        made = Instance.objects.get()
        assert (made.end_at, made.auto_renewal_months, made.grace_policy) == (NEVER, 0, "stop")
        page = words(alices.get(page_of(made)))
        assert "Pay-as-you-go" in page
        assert "Can be renewed until" not in page

    def test_everything_that_is_wrong_is_told_at_once(self, alices, words):
        answer = alices.post(reverse("instances:new"), ORDER | {"name": "two words", "spec": "3000", "key_quota": "5"})
        assert answer.status_code == 400
        assert slugs(answer) == ["instance_name_syntax", "no_such_plan", "out_of_range"]
        assert "Calls per second may be 200, 1000" in words(answer)
        assert answer.context["form"]["name"].value() == "two words"

    def test_bob_is_told_why_not(self, bobs, words):
        assert "Your role does not allow this" in words(bobs.get(reverse("instances:new")))
        assert bobs.post(reverse("instances:new"), ORDER).status_code == 403


def test_enabling_keeps_the_networks(alices, alice):
    made = make.instance(alice, enabled=False)
    assert post(alices, "enable", made, vpc_id="vpc-1", zone_ids="cn-a, cn-b", vswitch_ids="vsw-1").status_code == 303
    made.refresh_from_db()
    assert (made.status, made.vpc_id, made.zone_ids, made.vswitch_ids) == (Status.CONNECTED, "vpc-1", ["cn-a", "cn-b"], ["vsw-1"])
    assert slugs(post(alices, "enable", made)) == ["instance_already_enabled"]


def test_a_hardware_instance_is_not_enabled_here(alices, alice, words):
    made = make.instance(alice, type="hardware", enabled=False)
    assert "A hardware instance needs an HSM cluster" in words(alices.get(url("enable", made)))
    assert post(alices, "enable", made).status_code == 409
    assert made.name in words(alices.get("/instances/?tab=hardware"))
    assert made.name not in words(alices.get("/instances/"))
    assert "not offered" in words(alices.get("/instances/?tab=external"))


@pytest.mark.parametrize(("name", "fields", "column", "value"), [
    ("rename", {"name": "eu/payments"}, "name", "eu/payments"),
    ("upgrade", {"spec": "4000", "key_quota": "2000", "secret_quota": "10", "vpc_quota": "5"}, "key_quota", 2000),
    ("auto_renewal", {"months": "12"}, "auto_renewal_months", 12),
    ("grace_policy", {"policy": "drain"}, "grace_policy", "drain"),
    ("tags", {"tag_key": "team", "tag_value": "red"}, "revision", 2),
])
def test_a_dialog_changes_one_thing(alices, bobs, charlies, instance, name, fields, column, value):
    seen = instance.revision
    assert alices.get(url(name, instance)).status_code == 200
    fragment = alices.get(url(name, instance), headers={"HX-Request": "true", "HX-Target": "modal"})
    assert b"<html" not in fragment.content
    assert post(bobs, name, instance, **fields).status_code == 403
    assert charlies.post(url(name, instance), fields).status_code == 404
    assert post(alices, name, instance, **fields).status_code == 303
    instance.refresh_from_db()
    assert getattr(instance, column) == value
    stale = alices.post(url(name, instance), {"revision": seen, **fields})
    assert (stale.status_code, slugs(stale)) == (409, ["changed_meanwhile"])


def test_renewing_says_until_when(alices, instance):
    before = instance.end_at
    answer = alices.post(url("renew", instance), {"revision": instance.revision, "months": "24"}, follow=True)
    assert "Renewed until" in answer.content.decode()
    instance.refresh_from_db()
    assert (instance.end_at - before).days > 700
    assert slugs(post(alices, "renew", instance, months="37")) == ["months_out_of_range"]


def test_nothing_is_made_smaller(alices, instance):
    answer = post(alices, "upgrade", instance, spec="200", key_quota="500", secret_quota="0", vpc_quota="1")
    assert slugs(answer) == ["only_upwards", "only_upwards"]


def test_another_default(alices, alice, instance, words):
    second = make.instance(alice, name="second")
    assert f"Until now it was {instance.name}" in words(alices.get(url("make_default", second)))
    assert post(alices, "make_default", second).status_code == 303
    assert lookup.default_instance(alice.account.pk) == second


def test_a_tag_is_removed_by_its_button(alices, alice, instance, words):
    instances.tag_instance(alice(), instance, pairs=[("team", "red"), ("env", "")])
    assert "team=red" in words(alices.get(page_of(instance)))
    post(alices, "tags", instance, remove="team")
    assert lookup.tags_of(instance) == {"env": ""}
    assert slugs(post(alices, "tags", instance, tag_key="acs:x")) == ["InvalidParameter.TagKey"]


class TestReleasing:
    def test_the_dialog_says_what_is_lost_and_who_used_it(self, alices, alice, instance, make_key, words):
        key = make_key()
        keys.create_alias(alice(), key, alias_name="alias/cards")
        keys.encrypt(alice(), key, plaintext="aGVsbG8=")
        page = words(alices.get(url("release", instance)))
        for text in ("1 key stops at once", "1 alias is freed", "user/alice", "There is no backup of this instance"):
            assert text in page

    def test_it_needs_the_name_and_the_tick(self, alices, instance, make_key):
        make_key()
        assert post(alices, "release", instance, confirm="Main").status_code == 400
        assert slugs(post(alices, "release", instance, confirm="main")) == ["no_backup"]
        assert post(alices, "release", instance, confirm="main", without_backup="on").status_code == 303
        instance.refresh_from_db()
        assert instance.released_at is not None
        assert Event.objects.filter(action="RefundInstance", outcome="ok").count() == 1

    def test_afterwards_the_pages_say_so(self, alices, instance, make_key, words):
        key = make_key()
        post(alices, "release", instance, confirm=instance.pk, without_backup="on")
        page = words(alices.get(page_of(instance)))
        assert "This instance was released on" in page
        assert "user/alice" in page
        assert "Released in the last 90 days" in words(alices.get("/instances/"))
        tomb = words(alices.get(reverse("keys:detail", args=[key.pk])))
        assert "This key was destroyed on" in tomb
        assert "Instance released by user/alice" in tomb
        assert key.pk not in alices.get("/keys/").content.decode()

    def test_protection_closes_it_and_names_its_switch(self, alices, alice, instance, words):
        instances.set_deletion_protection(alice(), instance, enabled=True, description="Year end")
        answer = alices.get(url("release", instance))
        assert "Year end" in words(answer)
        assert url("protection", instance) in answer.content.decode()
        assert post(alices, "release", instance, confirm="main", without_backup="on").status_code == 409

    def test_bob_cannot(self, bobs, instance):
        assert post(bobs, "release", instance, confirm="main").status_code == 403


class TestTheSwitchInTheTable:
    def test_it_turns_on_by_a_plain_post_and_leaves_the_reader_there(self, alices, instance, make_key):
        key = make_key()
        switch = reverse("keys:protection", args=[key.pk])
        assert f'<form method="post" action="{switch}">' in alices.get(page_of(instance)).content.decode()
        answer = alices.post(switch, {"revision": key.revision, "turn": "on", "from": "instance"})
        assert (answer.status_code, answer["Location"]) == (303, page_of(instance))
        assert Key.objects.get(pk=key.pk).deletion_protection
        assert f'<form method="post" action="{switch}">' not in alices.get(page_of(instance)).content.decode()

    def test_off_asks_for_the_name_as_the_keys_page_does(self, alices, alice, instance, make_key):
        key = make_key()
        keys.set_deletion_protection(alice(), key, enabled=True)
        switch = reverse("keys:protection", args=[key.pk])
        assert f'href="{switch}"' in alices.get(page_of(instance)).content.decode()
        assert alices.post(switch, {"turn": "off", "from": "instance"}).status_code == 400

    def test_bob_sees_it_closed(self, bobs, instance, make_key):
        key = make_key()
        page = bobs.get(page_of(instance)).content.decode()
        assert f'action="{reverse("keys:protection", args=[key.pk])}"' not in page
