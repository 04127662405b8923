"""ListKeys with its Filters (reference `keys.md` 2.4)."""

from __future__ import annotations

import pytest

from keys import operations
from keys.models import Key
from keys.states import State
from tests import make
from tests.keys.calls import outcome


@pytest.fixture
def estate(alice, make_key):
    """Four keys: enabled and tagged, disabled with an alias, waiting for material, waiting for deletion."""
    keys = {"tagged": make_key(tags=(("team", "payments"), ("env", "prod"))), "disabled": make_key(State.DISABLED),
            "import": make_key(State.PENDING_IMPORT), "pending": make_key(State.PENDING_DELETION)}
    operations.create_alias(alice(), keys["disabled"], alias_name="alias/ledger")
    return keys


@pytest.mark.parametrize(("filters", "found"), [
    ({}, "tagged disabled import pending"),
    ({"KeyState": ["Enabled"]}, "tagged"),
    ({"KeyState": ["Disabled", "PendingImport"]}, "disabled import"),
    ({"KeyState": ["PendingDeletion"]}, "pending"),
    ({"KeySpec": ["Aliyun_AES_256"]}, "tagged disabled import pending"),
    ({"KeySpec": ["RSA_2048"]}, ""),
    ({"KeyUsage": ["ENCRYPT/DECRYPT"], "KeyState": ["Enabled"]}, "tagged"),
    ({"ProtectionLevel": ["HSM"]}, ""),
    ({"CreatorType": ["User"]}, "tagged disabled import pending"),
    ({"CreatorType": ["Service"]}, ""),
    ({"CreatorType": ["nonsense"]}, ""),
    ({"AliasName": ["alias/ledger"]}, "disabled"),
    ({"TagKey": ["team"]}, "tagged"),
    ({"TagKey": ["team"], "TagValue": ["prod"]}, "tagged"),
    ({"TagValue": ["other"]}, ""),
    ({"KeyState": []}, "tagged disabled import pending")])
def test_filters(alice, estate, filters, found):
    page = operations.list_keys(alice(), filters=filters, page_size=100)
    assert {key.pk for key in page.items} == {estate[name].pk for name in found.split()}
    assert page.total == len(page.items)


def test_by_id_and_instance(alice, estate, instance):
    wanted = estate["tagged"].pk
    assert [key.pk for key in operations.list_keys(alice(), filters={"keyId": [wanted]}).items] == [wanted]
    assert operations.list_keys(alice(), filters={"DKMSInstanceId": [instance.pk]}).total == 4
    assert operations.list_keys(alice(), filters={"DKMSInstanceId": ["kst-none"]}).total == 0


def test_what_is_no_filter_is_refused(alice):
    assert outcome(lambda: operations.list_keys(alice(), filters={"State": ["Enabled"]})) == "InvalidParameter"


def test_pages_are_newest_first_and_whole(alice, make_key):
    made = [make_key().pk for _ in range(7)]
    seen = [key.pk for number in (1, 2, 3, 4) for key in operations.list_keys(alice(), page_number=number, page_size=3).items]
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == 7


def test_charlie_sees_nothing(charlie, estate):
    assert operations.list_keys(charlie()).total == 0


def test_destroyed_keys_are_not_listed(alice, instance):
    make.destroyed_key(alice, home=instance)
    make.due_key(alice, home=instance)
    assert operations.list_keys(alice()).total == 0


def test_the_filter_by_state_agrees_with_the_state_that_shows(alice, estate, instance, make_key):
    """Every key is found under the one state that `state_at` says, and under no other."""
    stopped = make.instance(alice, name="stopped")
    make.key(alice, home=stopped)
    stopped.move(status="Disconnected")
    make.key(alice, State.UNAVAILABLE)
    for state in (State.ENABLED, State.DISABLED):
        expired = make_key(state)
        expired.move(origin="EXTERNAL", material_expires_at=alice().at)
    caller = alice()
    for key in Key.objects.select_related("instance"):
        for state in list(State)[:5]:
            found = operations.list_keys(caller, filters={"KeyState": [state]}, page_size=100).items
            assert (key in found) == (key.state_at(caller.at) is state)
