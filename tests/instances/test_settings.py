"""Orders, and what an owner changes afterwards: ranges, limits, one default, tags, networks."""

from __future__ import annotations

import pytest

from base.refusal import Refused
from instances import lookup, operations, plans
from instances.models import Instance
from keys import operations as keys
from keys.key_policies import default_document
from tests import make
from tests.keys.calls import outcome


def slugs_of(call):
    with pytest.raises(Refused) as refused:
        call()
    return [reason.slug for reason in refused.value.refusals]


@pytest.mark.parametrize(("more", "slug"), [
    ({"name": ""}, "instance_name_syntax"), ({"name": "a b"}, "instance_name_syntax"),
    ({"name": "x" * 129}, "instance_name_syntax"),
    ({"name": "x\n"}, "instance_name_syntax"), ({"months": 0}, "months_out_of_range"), ({"type": "external"}, "unknown_value"),
    ({"charge_type": "FREE"}, "unknown_value"), ({"spec": 6000}, "no_such_plan"), ({"key_quota": 99}, "out_of_range"),
    ({"key_quota": 100_001}, "out_of_range"), ({"secret_quota": -1}, "out_of_range"), ({"vpc_quota": 0}, "out_of_range"),
    ({"grace_policy": "melt"}, "unknown_value"), ({"auto_renewal_months": 5}, "auto_renewal_months"),
])
def test_what_cannot_be_ordered(alice, more, slug):
    assert slugs_of(lambda: operations.order_instance(alice(), **{"name": "x", **more})) == [slug]
    assert not Instance.objects.exists()


def test_every_reason_of_an_order_comes_at_once(bob):
    assert slugs_of(lambda: operations.order_instance(bob(), name="a b", spec=1, months=99)) == [
        "instance_name_syntax", "no_such_plan", "months_out_of_range", "Forbidden.NoPermission"]


@pytest.mark.parametrize("kind", plans.TYPES)
def test_every_plan_of_a_type_can_be_ordered_by_its_owner(alice, kind):
    for number, spec in enumerate(plans.PLANS[kind]):
        made = operations.order_instance(alice(), name=f"{kind}/{number}", type=kind, spec=spec, secret_quota=100_000)
        assert (made.account, made.spec, made.type) == (alice.account, spec, kind)


def test_an_upgrade_goes_upwards_only(alice, instance):
    operations.upgrade_instance(alice(), instance, spec=4000, vpc_quota=3)
    assert (instance.spec, instance.key_quota, instance.vpc_quota) == (4000, 1000, 3)
    assert slugs_of(lambda: operations.upgrade_instance(alice(), instance, spec=2000, key_quota=999)) == ["only_upwards"] * 2
    late = alice(at=instance.end_at)
    assert slugs_of(lambda: operations.upgrade_instance(late, instance, spec=10_000)) == ["instance_expired"]


def test_renaming_works_while_expired_and_not_after_the_release(alice, instance):
    operations.rename_instance(alice(at=instance.end_at), instance, name="eu/cards@1")
    assert instance.name == "eu/cards@1"
    keys.refund_instance(alice(), instance)
    assert slugs_of(lambda: operations.rename_instance(alice(), instance, name="x")) == ["instance_released"]


def test_the_default_moves(alice, instance):
    second = make.instance(alice, name="second")
    operations.set_default_instance(alice(), second)
    assert lookup.default_instance(alice.account.pk) == second
    assert Instance.objects.filter(is_default=True).count() == 1
    idle = make.instance(alice, name="third", enabled=False)
    assert slugs_of(lambda: operations.set_default_instance(alice(), idle)) == ["instance_not_enabled"]


def test_the_next_instance_becomes_the_default_when_that_was_released(alice, instance):
    keys.refund_instance(alice(), instance)
    assert lookup.default_instance(alice.account.pk) is None
    assert make.instance(alice, name="second").is_default


VPC = {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "RegionId": "cn-local", "VpcOwnerId": 190325303126}


def test_bound_vpcs_are_replaced_and_counted(alice, instance):
    assert slugs_of(lambda: operations.bind_vpcs(alice(), instance, vpcs=[VPC, VPC | {"VpcId": "vpc-2"}])) == ["quota_vpcs"]
    operations.bind_vpcs(alice(), instance, vpcs=[VPC])
    assert instance.bound_vpcs == [VPC | {"VpcOwnerId": "190325303126"}]
    assert [one.used for one in keys.get_kms_instance_quota_infos(alice(), instance, resource_type="vpc").items] == [1]
    operations.bind_vpcs(alice(), instance, vpcs=[])
    assert instance.bound_vpcs == []


@pytest.mark.parametrize("vpcs", [[{}], ["vpc-1"], [{"VpcId": "vpc-1"}], [VPC | {"More": "x"}], [VPC | {"VpcId": "a b"}],
                                  [VPC | {"RegionId": None}]])
def test_a_vpc_that_is_not_understood(alice, instance, vpcs):
    assert slugs_of(lambda: operations.bind_vpcs(alice(), instance, vpcs=vpcs)) == ["vpcs_syntax"]


def test_other_accounts_in_key_policies_take_a_unit_each(alice, charlie, instance, make_key):
    for _ in range(2):
        key, own = make_key(), alice.account.pk
        text = default_document(own).replace(f'"acs:ram::{own}:*"', f'"acs:ram::{own}:*","acs:ram::{charlie.account.pk}:*"')
        keys.set_key_policy(alice(), key, policy=text)
    found = keys.get_kms_instance_quota_infos(alice(), instance, resource_type="vpc").items[0]
    assert (found.used, found.limit) == (1, 1)


def test_twenty_tags_and_no_more(alice, instance):
    operations.tag_instance(alice(), instance, pairs=[(f"tag-{number}", "x") for number in range(20)])
    operations.tag_instance(alice(), instance, pairs=[("tag-0", "new")])
    assert slugs_of(lambda: operations.tag_instance(alice(), instance, pairs=[("more", "")])) == ["too_many_tags"]
    instance.refresh_from_db()
    operations.untag_instance(alice(), instance, names=["tag-0", "never"])
    assert len(operations.list_instance_tags(alice(), instance)) == 19
    assert outcome(lambda: operations.tag_instance(alice(), instance, pairs=[])) == "MissingParameter"


def test_an_auditor_looks_and_changes_nothing(carol, instance):
    operations.get_instance_term(carol(), instance)
    operations.list_instance_tags(carol(), instance)
    for call in (lambda: operations.rename_instance(carol(), instance, name="x"),
                 lambda: operations.bind_vpcs(carol(), instance, vpcs=[]),
                 lambda: operations.set_default_instance(carol(), instance)):
        assert outcome(call) == "Forbidden.NoPermission"
