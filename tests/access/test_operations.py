"""Accounts, users and AccessKeys."""

from __future__ import annotations

import pytest

from access import operations
from access.models import AccessKey
from access.rules import why_not_permitted
from audit.models import Event
from crypto.errors import BadCiphertext
from tests import make
from tests.keys.calls import outcome


def test_an_access_key_opens_with_its_secret(alice):
    key_id, secret = make.access_key(alice)
    opened = operations.open_access_key(key_id)
    assert (opened.secret, opened.user, opened.active) == (secret, alice.user, True)
    assert secret not in repr(opened)
    assert secret.encode() not in bytes(AccessKey.objects.get(pk=key_id).sealed_secret)
    assert secret not in repr(list(Event.objects.values()))
    assert operations.open_access_key("LTAInone") is None


def test_an_inactive_key_or_user_is_not_active(alice):
    key_id, _ = make.access_key(alice)
    AccessKey.objects.filter(pk=key_id).update(status=AccessKey.Status.INACTIVE)
    assert not operations.open_access_key(key_id).active
    AccessKey.objects.filter(pk=key_id).update(status=AccessKey.Status.ACTIVE)
    alice.user.is_active = False
    alice.user.save()
    assert not operations.open_access_key(key_id).active


def test_a_secret_moved_to_another_key_does_not_open(alice, charlie):
    (mine, _), (theirs, _) = make.access_key(alice), make.access_key(charlie)
    AccessKey.objects.filter(pk=mine).update(sealed_secret=AccessKey.objects.get(pk=theirs).sealed_secret)
    with pytest.raises(BadCiphertext):
        operations.open_access_key(mine)


def test_passwords_are_hashed_and_in_no_event(alice):
    assert make.PASSWORD not in alice.user.password
    assert make.PASSWORD not in repr(list(Event.objects.values()))
    assert alice.user.check_password(make.PASSWORD)


@pytest.mark.parametrize(("who", "allowed", "refused"), [
    ("alice", "CreateKey ScheduleKeyDeletion Encrypt CreateUser", ""),
    ("bob", "Encrypt Decrypt GenerateDataKey DescribeKey ListKeys",
     "CreateKey DisableKey ScheduleKeyDeletion CreateAlias CreateUser GetParametersForImport GetSecretValue"),
    ("carol", "DescribeKey ListKeys ListAliases GetKmsInstance", "Encrypt Decrypt EnableKey GetSecretValue CreateUser")])
def test_presets(request, who, allowed, refused):
    caller = request.getfixturevalue(who)()
    for action in allowed.split():
        assert not why_not_permitted(caller, action), action
    for action in refused.split():
        [reason] = why_not_permitted(caller, action)
        assert (reason.code, reason.who) == ("Forbidden.NoPermission", "administrator")


def test_only_administrators_make_people_and_keys(bob, alice):
    assert outcome(lambda: operations.create_access_key(bob(), bob.user)) == "Forbidden.NoPermission"
    for who, code in ((bob, "Forbidden.NoPermission"), (alice, "ok")):
        assert outcome(lambda who=who: operations.create_user(who(), who.account, name="eve", password=make.PASSWORD)) == code
