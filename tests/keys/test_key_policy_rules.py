"""What a key policy says to whom, without a database: a table typed from the reference (`keys.md` 12.1), and properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.rules import why_not_permitted
from base import clock
from base.caller import Caller
from keys import key_policies

OWNER, OTHER = "1234567890123456", "6543210987654321"
ADMINISTRATOR = """ListResourceTags ListKeyVersions DescribeKey CreateAlias CreateKeyVersion EnableKey DisableKey GetPublicKey
    GetParametersForImport GetKeyPolicy SetKeyPolicy SetDeletionProtection UpdateRotationPolicy UpdateKeyDescription UpdateAlias
    DeleteAlias DeleteKeyMaterial CancelKeyDeletion TagResource UntagResource ImportKeyMaterial ScheduleKeyDeletion"""
USER = """Encrypt Decrypt GenerateDataKey GenerateAndExportDataKey AsymmetricEncrypt AsymmetricDecrypt DescribeKey
    DescribeKeyVersion ListKeyVersions ListAliasesByKeyId TagResource AsymmetricSign AsymmetricVerify"""
INFERRED = "GenerateDataKeyWithoutPlaintext GenerateMac VerifyMac ReEncryptFrom ReEncryptTo ExportDataKey GetPublicKey"


def caller(account=OWNER, name="dora", *roles) -> Caller:
    return Caller(account, f"user/{name}", "api", clock.now(), roles, region="cn-local")


def document(*statements) -> str:
    return json.dumps({"Version": "1", "Statement": [
        {"Effect": effect, "Principal": {"RAM": principals}, "Action": actions, "Resource": ["*"]}
        for effect, principals, actions in statements]})


def permitted(who, action, policy) -> bool:
    return not why_not_permitted(who, action, f"acs:kms:cn-local:{OWNER}:key/key-1",
                                 attached=key_policies.said_to(who, action, policy, OWNER),
                                 foreign=key_policies.is_foreign(who, OWNER))


@pytest.mark.parametrize(("action", "own", "other"), [
    *((action, True, action in f"{USER} {INFERRED}".split()) for action in ADMINISTRATOR.split()),
    *((action, True, True) for action in f"{USER} {INFERRED}".split()),
    *((action, False, False) for action in ("TagResources", "UntagResources", "DestroyKey", "RotateKey", "OpenKmsService"))])
def test_the_actions_that_count(action, own, other):
    assert key_policies.counts(action, foreign=False) is own
    assert key_policies.counts(action, foreign=True) is other
    yes = document(("Allow", [f"acs:ram::{OWNER}:user/dora", f"acs:ram::{OTHER}:user/dora"], ["kms:*"]))
    assert permitted(caller(), action, yes) is own
    assert permitted(caller(OTHER, "dora", "administrator"), action, yes) is other


@pytest.mark.parametrize(("principal", "who", "granted"), [
    (f"{OWNER}:user/dora", caller(), True), (f"{OWNER}:user/emil", caller(), False), (f"{OWNER}:user/Dora", caller(), False),
    (f"{OTHER}:user/dora", caller(), False), (f"{OWNER}:*", caller(), False), (f"{OWNER}:root", caller(), False),
    (f"{OWNER}:role/auditor", caller(OWNER, "dora", "auditor"), True), (f"{OWNER}:role/auditor", caller(), False),
    (f"{OTHER}:*", caller(OTHER, "eve", "key-user"), True), (f"{OTHER}:root", caller(OTHER, "eve", "key-user"), True),
    (f"{OTHER}:user/eve", caller(OTHER, "eve", "key-user"), True), (f"{OTHER}:user/eve", caller(OTHER, "eve", "auditor"), False),
    (f"{OWNER}:user/eve", caller(OTHER, "eve", "key-user"), False), (f"{OWNER}:*", caller(OTHER, "eve", "key-user"), False)])
def test_whom_an_allow_means(principal, who, granted):
    assert permitted(who, "Encrypt", document(("Allow", [f"acs:ram::{principal}"], ["kms:Encrypt"]))) is granted


@pytest.mark.parametrize(("principal", "denied"), [
    (f"{OWNER}:user/dora", True), (f"{OWNER}:user/emil", False), (f"{OWNER}:*", True), (f"{OWNER}:root", True),
    (f"{OWNER}:role/administrator", True), (f"{OWNER}:role/auditor", False), (f"{OTHER}:*", False)])
def test_whom_a_deny_means(principal, denied):
    who = caller(OWNER, "dora", "administrator")
    assert permitted(who, "TagResources", document(("Deny", [f"acs:ram::{principal}"], ["kms:*"]))) is not denied


def test_the_product_itself_is_nobodys_stranger():
    everybody = document(("Deny", [f"acs:ram::{OWNER}:*"], ["kms:*"]))
    assert permitted(Caller.system(clock.now()), "DestroyKey", everybody)


def test_a_policy_that_cannot_be_read_denies():
    assert not permitted(caller(OWNER, "dora", "administrator"), "Encrypt", "{")
    assert not permitted(caller(OTHER, "dora", "administrator"), "Encrypt", "{")


PRINCIPALS = st.lists(st.sampled_from([f"acs:ram::{account}:{name}" for account in (OWNER, OTHER) for name in (
    "*", "root", "user/dora", "user/emil", "role/auditor", "role/administrator")]), min_size=1, max_size=3)
ACTIONS = st.lists(st.sampled_from(["kms:*", "kms:Encrypt", "kms:D*", "kms:SetKeyPolicy"]), min_size=1, max_size=2)
STATEMENTS = st.tuples(st.sampled_from(["Allow", "Deny"]), PRINCIPALS, ACTIONS)
CALLERS = st.builds(lambda account, name, roles: caller(account, name, *roles), st.sampled_from([OWNER, OTHER]),
                    st.sampled_from(["dora", "emil"]), st.sampled_from([(), ("auditor",), ("administrator",)]))
ASKED = st.sampled_from(["Encrypt", "Decrypt", "DescribeKey", "SetKeyPolicy", "TagResources"])


@given(st.lists(STATEMENTS, min_size=1, max_size=4), PRINCIPALS, ACTIONS, CALLERS, ASKED)
def test_one_more_allow_never_removes_a_right(statements, principals, actions, who, action):
    before = permitted(who, action, document(*statements))
    assert permitted(who, action, document(*statements, ("Allow", principals, actions))) or not before


@given(st.lists(STATEMENTS, max_size=4), CALLERS, ASKED, st.sampled_from(["own", "*"]), st.data())
def test_a_deny_of_the_caller_always_wins(statements, who, action, whom, data):
    principal = who.arn if whom == "own" else f"acs:ram::{who.account}:*"
    statements.insert(data.draw(st.integers(0, len(statements))), ("Deny", [principal], ["kms:*"]))
    assert not permitted(who, action, document(*statements))


@given(st.lists(STATEMENTS, min_size=1, max_size=4), st.sampled_from(["dora", "emil"]), ASKED)
def test_another_account_without_permissions_of_its_own_gets_nothing(statements, name, action):
    assert not permitted(caller(OTHER, name), action, document(*statements))
