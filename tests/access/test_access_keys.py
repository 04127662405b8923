"""AccessKeys after they were made: disabled, enabled, deleted, used."""

from __future__ import annotations

from datetime import timedelta

from access import access_keys, operations
from access.models import AccessKey
from audit.models import Event
from base import clock
from tests import make
from tests.access.test_people import slugs


def made(who):
    return AccessKey.objects.select_related("user").get(pk=make.access_key(who)[0])


def test_disabled_enabled_and_deleted(alice, bob):
    key = made(bob)
    assert slugs(lambda: access_keys.delete_access_key(alice(), key)) == ["access_key_active"]
    access_keys.update_access_key(alice(), key, status="Inactive")
    assert not operations.open_access_key(key.pk).active
    access_keys.update_access_key(alice(), key, status="Active")
    assert operations.open_access_key(key.pk).active
    access_keys.update_access_key(alice(), key, status="Inactive")
    access_keys.delete_access_key(alice(), key)
    assert operations.open_access_key(key.pk) is None
    assert list(Event.objects.filter(object_id=key.pk).order_by("id").values_list("action", "outcome")) == [
        ("CreateAccessKey", "ok"), ("DeleteAccessKey", "Rejected.UserConflict"), ("UpdateAccessKey", "ok"),
        ("UpdateAccessKey", "ok"), ("UpdateAccessKey", "ok"), ("DeleteAccessKey", "ok")]


def test_everybody_may_stop_their_own_and_no_more(bob, carol, charlie):
    key = made(bob)
    assert slugs(lambda: access_keys.update_access_key(carol(), key, status="Inactive")) == ["Forbidden.NoPermission"]
    assert slugs(lambda: access_keys.update_access_key(charlie(), key, status="Inactive")) == ["EntityNotExist.User"]
    access_keys.update_access_key(bob(), key, status="Inactive")
    assert slugs(lambda: access_keys.update_access_key(bob(), key, status="Active")) == ["Forbidden.NoPermission"]
    assert slugs(lambda: access_keys.delete_access_key(bob(), key)) == ["Forbidden.NoPermission"]
    assert slugs(lambda: access_keys.update_access_key(bob(), key, status="Gone")) == ["unknown_value"]


def test_one_that_was_enabled_meanwhile_is_not_deleted(alice, bob):
    key = made(bob)
    key.status = AccessKey.Status.INACTIVE  # what the page had seen
    assert slugs(lambda: access_keys.delete_access_key(alice(), key)) == ["changed_meanwhile"]
    assert AccessKey.objects.filter(pk=key.pk).exists()


def test_the_last_use_is_noted_four_times_an_hour(bob, django_assert_num_queries):
    key, start = made(bob), clock.now()
    access_keys.note_use(key.pk, None, start)
    key.refresh_from_db()
    assert key.last_used_at == start
    with django_assert_num_queries(0):
        access_keys.note_use(key.pk, start, start + timedelta(minutes=14))
    access_keys.note_use(key.pk, start, start + timedelta(minutes=15))
    key.refresh_from_db()
    assert key.last_used_at == start + timedelta(minutes=15)
