"""The life of an instance through the official Python SDK: its own calls, and ours by its generic one."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from tests.api.live.clients import SDK_WARNINGS, sdk

pytestmark = SDK_WARNINGS


@pytest.fixture(scope="module")
def client(live_api):
    return sdk(live_api)


def ours(client: Any, action: str, **query: str) -> dict[str, Any]:
    """As docs/extensions.md says: the call that the SDK's own ones are made of."""
    params = Params(action=action, version="2016-01-20", protocol="HTTP", pathname="/", method="POST", auth_type="AK",
                    style="RPC", req_body_type="formData", body_type="json")
    return dict(client.call_api(params, OpenApiRequest(query=query), RuntimeOptions())["body"])


def refused(function, *args, **query) -> str:
    with pytest.raises(ClientException) as caught:
        function(*args, **query)
    return str(caught.value.code)


def test_a_whole_life(client):
    term = ours(client, "CreateInstance", InstanceName="sdk/flexible", SubscriptionType="PayAsYouGo", KeyNum="100", VpcNum="2")
    home = term["KmsInstanceId"]
    assert (term["EndDate"], term["ReleaseDate"], term["GracePolicy"]) == ("2999-09-08T16:00:00Z", "", "stop")
    client.connect_kms_instance(models.ConnectKmsInstanceRequest(
        kms_instance_id=home, kmprovider="Aliyun", vpc_id="vpc-1", zone_ids="cn-a,cn-b", v_switch_ids="vsw-1"))
    client.update_kms_instance_bind_vpc(models.UpdateKmsInstanceBindVpcRequest(
        kms_instance_id=home, bind_vpcs='[{"VpcId":"vpc-2","VSwitchId":"vsw-2","RegionId":"cn-local","VpcOwnerId":1}]'))
    ours(client, "UpdateKmsInstance", KmsInstanceId=home, InstanceName="sdk/renamed")
    ours(client, "ModifyInstance", KmsInstanceId=home, KeyNum="200")
    shown = client.get_kms_instance(models.GetKmsInstanceRequest(kms_instance_id=home)).body.kms_instance
    assert (shown.instance_name, shown.status, shown.charge_type, shown.key_num) == ("sdk/renamed", "Connected", "POSTPAY", 200)
    assert (shown.vpc_id, shown.zone_ids, shown.vswitch_ids) == ("vpc-1", ["cn-a", "cn-b"], ["vsw-1"])
    assert [(vpc.vpc_id, vpc.v_switch_id) for vpc in shown.bind_vpcs.bind_vpc] == [("vpc-2", "vsw-2")]
    used = client.get_kms_instance_quota_infos(models.GetKmsInstanceQuotaInfosRequest(kms_instance_id=home, resource_type="vpc"))
    assert used.body.kms_instance_quota_infos[0].used_quantity == 1
    key = client.create_key(models.CreateKeyRequest(dkmsinstance_id=home)).body.key_metadata.key_id
    assert refused(client.release_kms_instance, models.ReleaseKmsInstanceRequest(kms_instance_id=home)) == "Forbidden.NoBackup"
    client.release_kms_instance(models.ReleaseKmsInstanceRequest(kms_instance_id=home, force_delete_without_backup="true"))
    assert refused(client.describe_key, models.DescribeKeyRequest(key_id=key)) == "Forbidden.KeyNotFound"
    gone = client.get_kms_instance(models.GetKmsInstanceRequest(kms_instance_id=home)).body.kms_instance
    assert gone.sale_status == "Released"


def test_a_subscription(client, live_api):
    home = ours(client, "CreateInstance", InstanceName="sdk/subscription", Period="6", GracePolicy="drain")["KmsInstanceId"]
    before = ours(client, "GetKmsInstanceTerm", KmsInstanceId=home)
    after = ours(client, "RenewInstance", KmsInstanceId=home, RenewPeriod="1")
    assert after["EndDate"] > before["EndDate"]
    assert ours(client, "SetRenewal", KmsInstanceId=home, RenewalPeriod="12")["RenewalPeriod"] == 12
    assert ours(client, "SetGracePolicy", KmsInstanceId=home, GracePolicy="stop")["GracePolicy"] == "stop"
    request = models.ReleaseKmsInstanceRequest(kms_instance_id=home)
    assert refused(client.release_kms_instance, request) == "Rejected.UnsupportedOperation"
    assert refused(ours, client, "SetDefaultKmsInstance", KmsInstanceId=home) == "Forbidden.DKMSInstanceStateInvalid"
    ours(client, "RefundInstance", KmsInstanceId=home)
    assert refused(ours, client, "RenewInstance", KmsInstanceId=home, RenewPeriod="1") == "Forbidden.DKMSInstanceStateInvalid"
    assert client.get_default_kms_instance().body.default_kms_instance_id == live_api.instance


def test_tags(client, live_api):
    tags = {"Tag.1.Key": "team", "Tag.1.Value": "red", "Tag.2.Key": "env"}
    ours(client, "TagKmsInstance", KmsInstanceId=live_api.instance, **tags)
    ours(client, "UntagKmsInstance", KmsInstanceId=live_api.instance, **{"TagKey.1": "env"})
    told = ours(client, "ListKmsInstanceTags", KmsInstanceId=live_api.instance)
    assert told["Tags"]["Tag"] == [{"TagKey": "team", "TagValue": "red"}]


def test_what_is_wrong_is_said_in_the_vendors_words(client, live_api):
    assert refused(ours, client, "CreateInstance", InstanceName="x", ProductVersion="2") == "InvalidParameter"
    assert refused(ours, client, "RenewInstance", KmsInstanceId=live_api.instance) == "MissingParameter"
    assert refused(ours, client, "RenewInstance", KmsInstanceId="kst-none", RenewPeriod="1") == "Forbidden.DKMSInstanceNotFound"
    request = models.UpdateKmsInstanceBindVpcRequest(kms_instance_id=live_api.instance, bind_vpcs="{}")
    assert refused(client.update_kms_instance_bind_vpc, request) == "InvalidParameter"
    hardware = ours(client, "CreateInstance", InstanceName="sdk/hsm", ProductVersion="1")["KmsInstanceId"]
    connect = models.ConnectKmsInstanceRequest(kms_instance_id=hardware, kmprovider="Aliyun", vpc_id="v", zone_ids="z",
                                               v_switch_ids="s")
    assert refused(client.connect_kms_instance, connect) == "Rejected.UnsupportedOperation"
