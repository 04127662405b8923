"""Tags, deletion protection, quotas and account calls through both official Python SDKs, against a server process."""

from __future__ import annotations

import json

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkkms.request.v20160120.ListResourceTagsRequest import ListResourceTagsRequest
from aliyunsdkkms.request.v20160120.ListTagResourcesRequest import ListTagResourcesRequest
from aliyunsdkkms.request.v20160120.OpenKmsServiceRequest import OpenKmsServiceRequest
from aliyunsdkkms.request.v20160120.ScheduleKeyDeletionRequest import ScheduleKeyDeletionRequest
from aliyunsdkkms.request.v20160120.SetDeletionProtectionRequest import SetDeletionProtectionRequest
from aliyunsdkkms.request.v20160120.TagResourceRequest import TagResourceRequest
from aliyunsdkkms.request.v20160120.TagResourcesRequest import TagResourcesRequest
from aliyunsdkkms.request.v20160120.UntagResourceRequest import UntagResourceRequest
from aliyunsdkkms.request.v20160120.UntagResourcesRequest import UntagResourcesRequest

from tests.api.live.clients import SDK_WARNINGS, OldSdk, call, sdk

pytestmark = SDK_WARNINGS
MANY = {"region_id": "cn-local", "resource_type": "key"}


@pytest.fixture(scope="module")
def client(live_api):
    return sdk(live_api)


@pytest.fixture
def key_id(client, live_api):
    return client.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance)).body.key_metadata.key_id


def refused(function, *args) -> ClientException:
    with pytest.raises(ClientException) as caught:
        function(*args)
    return caught.value


def tags(client, key_id):
    listed = client.list_resource_tags(models.ListResourceTagsRequest(key_id=key_id)).body.tags.tag
    assert {tag.key_id for tag in listed} <= {key_id}
    return {tag.tag_key: tag.tag_value for tag in listed}


def test_one_resource(client, key_id):
    for value in ("core", "edge"):
        text = json.dumps([{"TagKey": "team", "TagValue": value}, {"TagKey": "stage"}])
        client.tag_resource(models.TagResourceRequest(key_id=key_id, tags=text))
    assert tags(client, key_id) == {"team": "edge", "stage": ""}
    client.untag_resource(models.UntagResourceRequest(key_id=key_id, tag_keys='["stage","none"]'))
    client.untag_resource(models.UntagResourceRequest(key_id=key_id, tag_keys="a,b"))
    assert tags(client, key_id) == {"team": "edge"}


def test_many_resources(client, key_id, live_api):
    other = client.create_key(models.CreateKeyRequest(dkmsinstance_id=live_api.instance)).body.key_metadata.key_id
    pair = models.TagResourcesRequestTag(key="team", value="core"), models.TagResourcesRequestTag(key="stage")
    client.tag_resources(models.TagResourcesRequest(**MANY, resource_id=[key_id, other], tag=[*pair]))
    found = client.list_tag_resources(models.ListTagResourcesRequest(**MANY, resource_id=[key_id, other])).body
    assert found.next_token == ""
    assert sorted((row.resource_id, row.resource_type, row.tag_key, row.tag_value) for row in found.tag_resources.tag_resource) \
        == sorted((one, "key", name, value) for one in (key_id, other) for name, value in (("team", "core"), ("stage", "")))
    client.untag_resources(models.UntagResourcesRequest(**MANY, resource_id=[other], tag_key=["team"]))
    client.untag_resources(models.UntagResourcesRequest(**MANY, resource_id=[key_id], all=True))
    assert (tags(client, key_id), tags(client, other)) == ({}, {"stage": ""})


def test_the_old_sdk_does_the_same(live_api, client, key_id):
    old, one = OldSdk(live_api), {"ResourceId.1": key_id, "ResourceType": "key", "RegionId": "cn-local"}
    old.call(TagResourceRequest(), KeyId=key_id, Tags='[{"TagKey":"a","TagValue":"1"}]')
    request = TagResourcesRequest()
    request.set_Tags([{"Key": "b", "Value": "2"}, {"Key": "c"}])
    old.call(request, **one)
    assert {tag["TagKey"]: tag["TagValue"] for tag in old.call(ListResourceTagsRequest(), KeyId=key_id)["Tags"]["Tag"]} == {
        "a": "1", "b": "2", "c": ""}
    old.call(UntagResourceRequest(), KeyId=key_id, TagKeys='["a"]')
    old.call(UntagResourcesRequest(), **one, **{"TagKey.1": "b"})
    [left] = old.call(ListTagResourcesRequest(), **one)["TagResources"]["TagResource"]
    assert left == {"ResourceId": key_id, "ResourceType": "key", "TagKey": "c", "TagValue": ""}


def test_numbers_may_have_gaps_and_any_order(live_api, key_id):
    body = {"RegionId": "cn-local", "ResourceType": "key", "ResourceId.7": key_id, "Tag.12.Value": "twelve", "Tag.3.Key": "three",
            "Tag.12.Key": "tw", "Other": "x"}
    assert call(live_api, "TagResources", body, form=True).status == 200
    found = call(live_api, "ListResourceTags", {"KeyId": key_id}).body["Tags"]["Tag"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in found} == {"three": "", "tw": "twelve"}


@pytest.mark.parametrize(("changes", "code", "status"), [
    ({"Tag.1.Key": None}, "MissingParameter", 400), ({"ResourceId.1": None}, "MissingParameter", 400),
    ({"RegionId": None}, "MissingParameter", 400), ({"ResourceType": "certificate"}, "InvalidParameter", 400),
    ({"Tag.01.Key": "twice"}, "InvalidParameter", 400), ({"Tag.2.Value": "alone"}, "MissingParameter", 400),
    ({"Tag.2.Key": "team"}, "Duplicate.TagKey", 400), ({"Tag.2.Key": "acs:x"}, "InvalidParameter.TagKey", 400),
    ({"Tag.1.Value": "\u20ac"}, "InvalidParameter.TagValue", 400),
    ({"ResourceId.2": "key-none"}, "InvalidResourceId.NotFound", 404),
    ({"ResourceType": "secret"}, "InvalidResourceId.NotFound", 404),
    ({f"ResourceId.{n}": f"key-{n}" for n in range(2, 52)}, "InvalidParameter", 400),
    ({f"Tag.{n}.Key": f"k{n}" for n in range(2, 22)}, "InvalidParameter", 400),
])
def test_batches_are_refused_in_the_vendors_words(live_api, key_id, changes, code, status):
    good = {"RegionId": "cn-local", "ResourceType": "key", "ResourceId.1": key_id, "Tag.1.Key": "team", "Tag.1.Value": "core"}
    given = {name: value for name, value in (good | changes).items() if value is not None}
    reply = call(live_api, "TagResources", given, form=True)
    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(("names", "code"), [
    ({}, "MissingParameter"), ({"KeyId": "x", "SecretName": "y"}, "InvalidParameter"),
    ({"SecretName": "y"}, "Forbidden.ResourceNotFound"), ({"CertificateId": "z"}, "UnsupportedOperation"),
    ({"KeyId": "alias/x"}, "Unsupported.Alias"), ({"KeyId": "key-none"}, "Forbidden.KeyNotFound"),
])
@pytest.mark.parametrize(("action", "more"), [("TagResource", {"Tags": '[{"TagKey":"a"}]'}), ("UntagResource", {"TagKeys": "a"})])
def test_exactly_one_resource_is_named(live_api, action, more, names, code):
    assert call(live_api, action, more | names).code == code


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"TagValue":"x"}]', '[{"TagKey":"a","More":"b"}]', "[[]]", "x"])
def test_tags_must_be_json(live_api, key_id, text):
    assert call(live_api, "TagResource", {"KeyId": key_id, "Tags": text}).code in ("InvalidParameter", "MissingParameter")


def protect(client, **more):
    return client.set_deletion_protection(models.SetDeletionProtectionRequest(**more))


def schedule(client, key_id):
    client.schedule_key_deletion(models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=7))


def test_a_protected_key(client, key_id, live_api):
    arn = f"acs:kms:cn-local:{live_api.uid}:key/{key_id}"
    protect(client, protected_resource_arn=arn, enable_deletion_protection=True, deletion_protection_description="payroll")
    shown = client.describe_key(models.DescribeKeyRequest(key_id=key_id)).body.key_metadata
    assert (shown.deletion_protection, shown.deletion_protection_description) == ("Enabled", "payroll")
    error = refused(schedule, client, key_id)
    assert (error.code, error.status_code) == ("Rejected.DeletionProtection", 409)
    [reason] = error.data["Refusals"]
    assert (reason["Facts"]["by"], reason["Facts"]["description"], reason["LiftedBy"]) == (
        "user/alice", "payroll", "SetDeletionProtection")
    assert reason["Facts"]["at"].endswith("Z")
    OldSdk(live_api).call(SetDeletionProtectionRequest(), ProtectedResourceArn=arn, EnableDeletionProtection="false")
    shown = client.describe_key(models.DescribeKeyRequest(key_id=key_id)).body.key_metadata
    assert (shown.deletion_protection, shown.deletion_protection_description) == ("Disabled", None)
    schedule(client, key_id)
    assert refused(lambda: protect(client, key_id=key_id, enable_deletion_protection=True)).code == "Rejected.PendingDeletion"


def test_a_protected_instance(client, key_id, live_api):
    protect(client, kms_instance_id=live_api.instance, enable_deletion_protection=True, deletion_protection_description="audit")
    try:
        shown = client.get_kms_instance(models.GetKmsInstanceRequest(kms_instance_id=live_api.instance)).body.kms_instance
        assert (shown.deletion_protection, shown.deletion_protection_description) == (True, "audit")
        with pytest.raises(ServerException) as caught:
            OldSdk(live_api).call(ScheduleKeyDeletionRequest(), KeyId=key_id, PendingWindowInDays=7)
        assert caught.value.get_error_code() == "Rejected.DeletionProtection"
        assert "KMS instance" in caught.value.get_error_msg()
    finally:
        protect(client, kms_instance_id=live_api.instance, enable_deletion_protection=False)
    shown = client.get_kms_instance(models.GetKmsInstanceRequest(kms_instance_id=live_api.instance)).body.kms_instance
    assert (shown.deletion_protection, shown.deletion_protection_description) == (False, "")


@pytest.mark.parametrize(("names", "code"), [
    ({}, "MissingParameter"), ({"key_id": "key-none"}, "Forbidden.KeyNotFound"),
    ({"protected_resource_arn": "key-none"}, "InvalidParameter"),
    ({"protected_resource_arn": "acs:kms:cn-local:1:alias/x"}, "InvalidParameter"),
    ({"protected_resource_arn": "acs:kms:cn-local:1:key/x"}, "Forbidden.KeyNotFound"),
    ({"kms_instance_id": "kst-none"}, "Forbidden.DKMSInstanceNotFound"),
    ({"kms_instance_id": "kst-none", "key_id": "key-none"}, "InvalidParameter"),
])
def test_protection_names_exactly_one(client, names, code):
    assert refused(lambda: protect(client, **names, enable_deletion_protection=True)).code == code


def test_quotas(client, key_id, live_api):
    asked = models.GetKmsInstanceQuotaInfosRequest(kms_instance_id=live_api.instance)
    found = client.get_kms_instance_quota_infos(asked).body
    rows = {row.resource_type: row for row in found.kms_instance_quota_infos}
    assert (found.kms_instance_id, sorted(rows)) == (live_api.instance, ["key", "qps", "secret", "vpc"])
    assert (rows["key"].resource_quota, rows["key"].used_quantity > 0) == (1000, True)
    [only] = client.get_kms_instance_quota_infos(models.GetKmsInstanceQuotaInfosRequest(resource_type="vpc")).body \
        .kms_instance_quota_infos
    assert (only.resource_quota, only.used_quantity in (0, 1)) == (1, True)  # another test may have bound one


def test_the_service_is_open(client, live_api):
    error = refused(client.open_kms_service)
    assert (error.code, error.status_code) == ("Forbidden.Opened", 400)
    assert client.describe_account_kms_status().body.account_status == "Enabled"
    with pytest.raises(ServerException) as caught:
        OldSdk(live_api).call(OpenKmsServiceRequest())
    assert caught.value.get_error_code() == "Forbidden.Opened"
