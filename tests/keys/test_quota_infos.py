"""GetKmsInstanceQuotaInfos: what an instance may hold, and holds."""

from __future__ import annotations

from datetime import timedelta

from keys import operations
from keys.states import State
from tests import make
from tests.keys.calls import TEXT, outcome


def infos(who, instance=None, **more):
    return {one.resource_type: (one.limit, one.used) for one in
            operations.get_kms_instance_quota_infos(who(**more), instance).items}


def test_it_works(alice):
    home = make.instance(alice, key_quota=5, secret_quota=3, spec=200)
    assert infos(alice, home) == {"key": (5, 0), "secret": (3, 0), "qps": (200, 0), "vpc": (1, 0)}
    make.key(alice, home=home)
    make.key(alice, State.DESTROYED, home=home)
    make.key(alice, State.PENDING_DELETION, home=home)
    assert infos(alice, home)["key"] == (5, 2)


def test_one_type_alone(alice, instance):
    found = operations.get_kms_instance_quota_infos(alice(), instance, resource_type="vpc")
    assert [one.resource_type for one in found.items] == ["vpc"]
    assert outcome(lambda: operations.get_kms_instance_quota_infos(alice(), instance, resource_type="cpu")) == "InvalidParameter"


def test_without_an_instance_it_is_the_default_one(alice, instance):
    assert operations.get_kms_instance_quota_infos(alice()).instance == instance


def test_without_any_instance_it_is_refused(charlie):
    assert outcome(lambda: operations.get_kms_instance_quota_infos(charlie())) == "Forbidden.DKMSInstanceNotFound"


def test_an_auditor_may_look(carol, instance):
    assert infos(carol, instance)["key"] == (1000, 0)


def test_calls_a_second_are_those_of_this_instance_in_the_last_whole_second(alice, instance, make_key):
    key, other, now = make_key(), make.key(alice, home=make.instance(alice, name="two")), alice().at
    for one, at in ((key, now), (key, now), (other, now), (key, now - timedelta(seconds=1))):
        operations.encrypt(alice(at=at), one, plaintext=TEXT)
    operations.describe_key(alice(at=now), key)
    assert infos(alice, instance, at=now + timedelta(seconds=1))["qps"] == (1000, 2)
