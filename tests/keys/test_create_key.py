"""CreateKey: what it makes, where it goes, and every way it is refused."""

from __future__ import annotations

import pytest

from base.refusal import Refused
from keys import operations
from keys.models import Key, KeyMaterial, KeyTag, KeyVersion
from keys.states import State
from tests import make
from tests.keys.calls import outcome


def test_it_works(alice, instance):
    caller = alice()
    key = operations.create_key(caller, instance=instance, description="Payments", tags=(("team", "payments"),))
    assert (key.state, key.spec, key.usage, key.origin) == (State.ENABLED, "Aliyun_AES_256", "ENCRYPT/DECRYPT", "Aliyun_KMS")
    assert len(key.pk) == 25
    assert key.pk.startswith("key-")
    [version] = KeyVersion.objects.filter(key=key)
    assert (len(version.pk), version.is_primary, version.created_at) == (36, True, caller.at)
    assert KeyTag.objects.get(key=key).tag_value == "payments"
    assert key.arn == f"acs:kms:cn-local:{caller.account}:key/{key.pk}"


def test_external_origin_waits_for_material(alice, instance):
    key = operations.create_key(alice(), instance=instance, origin="EXTERNAL")
    assert key.state == State.PENDING_IMPORT
    assert not KeyMaterial.objects.filter(version__key=key).exists()


def test_without_an_instance_it_goes_to_the_default_one(alice, instance):
    assert operations.create_key(alice()).instance == instance


@pytest.mark.parametrize(("parameters", "slug"), [
    ({"spec": "AES_4096"}, "unknown_value"), ({"usage": "DANCE"}, "unknown_value"), ({"origin": "external"}, "unknown_value"),
    ({"protection_level": "hsm"}, "unknown_value"), ({"description": "x" * 8193}, "too_long"),
    ({"spec": "EC_SM2"}, "spec_without_library"), ({"usage": "SIGN/VERIFY"}, "usage_does_not_fit"),
    ({"spec": "RSA_2048", "enable_automatic_rotation": True, "rotation_interval": "7d"}, "only_symmetric_rotates"),
    ({"origin": "EXTERNAL", "enable_automatic_rotation": True, "rotation_interval": "7d"}, "imported_never_rotates"),
    ({"spec": "Aliyun_AES_128"}, "spec_needs_hardware"),
    ({"key_storage_mechanism": "HsmInternal"}, "storage_needs_hardware"),
    ({"tags": (("aliyun-x", ""),)}, "InvalidParameter.TagKey"), ({"tags": (("", "v"),)}, "InvalidParameter.TagKey"),
    ({"tags": (("k", "\n"),)}, "InvalidParameter.TagValue"), ({"tags": (("k", "a"), ("k", "b"))}, "Duplicate.TagKey"),
    ({"tags": tuple((f"k{number}", "") for number in range(21))}, "too_many_tags")])
def test_it_refuses(alice, instance, parameters, slug):
    with pytest.raises(Refused) as error:
        operations.create_key(alice(), instance=instance, **parameters)
    assert [reason.slug for reason in error.value.refusals] == [slug]
    assert not Key.objects.exists()


def test_the_quota_counts_versions_and_forgets_the_destroyed(alice):
    home = make.instance(alice, key_quota=2)
    operations.create_key(alice(), instance=home)
    make.destroyed_key(alice, home=home)
    operations.create_key(alice(), instance=home)
    with pytest.raises(Refused) as error:
        operations.create_key(alice(), instance=home)
    assert (error.value.first.slug, error.value.first.code) == ("quota_keys", "Rejected.LimitExceeded")


def test_an_instance_that_is_not_enabled_takes_none(alice):
    home = make.instance(alice, enabled=False)
    assert outcome(lambda: operations.create_key(alice(), instance=home)) == "Forbidden.DKMSInstanceStateInvalid"


def test_bob_cannot(bob, instance):
    assert outcome(lambda: operations.create_key(bob(), instance=instance)) == "Forbidden.NoPermission"
