"""Policy documents: what is read, what is refused and how clearly, and that nothing whatever breaks the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import operations, policies
from access.models import UserPolicy
from access.statements import DENY
from audit.models import Event
from base.refusal import Refused
from keys import operations as keys
from tests.keys.calls import TEXT, outcome

STATEMENT = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}
PRINCIPAL = {"RAM": ["acs:ram::1234567890123456:user/bob"]}


def document(*statements, **more) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements or [STATEMENT]), **more})


def slugs(text, kind=policies.USER):
    return [reason.slug for reason in policies.why_not(text, kind)]


def test_it_works():
    [one] = policies.parse(document({
        "Sid": "1", "Effect": "Deny", "Action": ["kms:Describe*", "kms:Encrypt"], "Resource": ["acs:kms:*:*:key/*"],
        "Condition": {"StringEquals": {"kms:tag/team": ["red", "blue"]}, "StringNotEquals": {"kms:tag/env": "prod"}}}),
        policies.USER, "name")
    assert (one.effect, one.actions, one.resources) == (DENY, ("kms:Describe*", "kms:Encrypt"), ("acs:kms:*:*:key/*",))
    assert [(c.operator, c.tag, c.values) for c in one.conditions] == [
        ("StringEquals", "team", ("red", "blue")), ("StringNotEquals", "env", ("prod",))]
    assert (one.policy, one.sid) == ("name", "1")


@pytest.mark.parametrize(("change", "element"), [
    ({"Effect": "allow"}, "Effect"), ({"Effect": None}, "Effect"), ({"Effect": ["Allow"]}, "Effect"),
    ({"Action": []}, "Action"), ({"Action": "oss:GetObject"}, "Action"), ({"Action": [1]}, "Action"), ({"Action": {}}, "Action"),
    ({"Action": "kms:En crypt"}, "Action"), ({"Action": "kms:" + "A" * 65}, "Action"),
    ({"Action": ["kms:Encrypt", ""]}, "Action"),
    ({"Resource": []}, "Resource"), ({"Resource": "key-1"}, "Resource"), ({"Resource": "acs:oss:*:*:bucket"}, "Resource"),
    ({"Sid": ""}, "Sid"), ({"Sid": "x" * 129}, "Sid"), ({"Sid": "semi;colon"}, "Sid"), ({"Sid": 1}, "Sid"),
    ({"Condition": {}}, "Condition"), ({"Condition": {"StringEquals": {}}}, "Condition"),
    ({"Condition": {"NumericLessThan": {"kms:tag/a": "1"}}}, "Condition"),
    ({"Condition": {"StringEquals": {"acs:SourceIp": "10.0.0.0/8"}}}, "Condition"),
    ({"Condition": {"StringEquals": {"kms:tag/": "x"}}}, "Condition"),
    ({"Condition": {"StringEquals": {"kms:tag/a": []}}}, "Condition"), ({"Condition": "x"}, "Condition")])
def test_a_bad_element_is_named(change, element):
    [reason] = policies.why_not(document(STATEMENT, {"Sid": "second", **STATEMENT, **change}), policies.USER)
    assert (reason.code, reason.slug, reason.facts["element"]) == ("InvalidParameter", "policy_element", element)
    assert reason.facts["statement"] == ("2" if element == "Sid" else "2 (second)")


@pytest.mark.parametrize("missing", ["Effect", "Action", "Resource"])
def test_a_missing_element_is_named(missing):
    [reason] = policies.why_not(document({name: value for name, value in STATEMENT.items() if name != missing}), policies.USER)
    assert reason.facts["element"] == missing


@pytest.mark.parametrize("name", ["NotAction", "NotResource", "NotPrincipal", "Principal", "Surprise"])
def test_what_is_not_understood_is_refused(name):
    [reason] = policies.why_not(document({**STATEMENT, name: "kms:Encrypt"}), policies.USER)
    assert (reason.slug, reason.facts["element"], reason.facts["statement"]) == ("policy_unknown_element", name, "1")


@pytest.mark.parametrize(("text", "slug"), [
    ("", "policy_not_json"), ("{", "policy_not_json"), ("[]", "policy_version"), ("{}", "policy_version"),
    ('{"Version":1,"Statement":[]}', "policy_version"), ('{"Version":"2012-10-17","Statement":[]}', "policy_version"),
    ('{"Version":"1","Statement":[]}', "policy_statements"), ('{"Version":"1"}', "policy_statements"),
    ('{"Version":"1","Statement":{}}', "policy_statements"), (document(Id="x"), "policy_statements"),
    ('{"Version":"1","Version":"1","Statement":[]}', "policy_not_json"), ("[" * 30_000, "policy_not_json"),
    ("\ud800", "policy_not_json"), (document() + " " * 32_768, "policy_too_large"), ("é" * 16_385, "policy_too_large"),
    ('{"Version":"1","Statement":[1]}', "policy_element")])
def test_a_bad_document_is_refused(text, slug):
    assert slugs(text) == [slug]


def test_the_limit_is_32768_bytes():
    assert slugs(document().ljust(32_768)) == []


def test_every_statement_that_is_wrong_is_named_up_to_twenty():
    assert len(slugs(document({}, {}))) == 6
    assert len(slugs(document(*[{}] * 50))) == 20


@pytest.mark.parametrize(("principal", "fine"), [
    ({"RAM": ["acs:ram::1234567890123456:*"]}, True), ({"RAM": ["acs:ram::1234567890123456:root"]}, True),
    ({"RAM": ["acs:ram::1234567890123456:user/bob", "acs:ram::1234567890123456:role/auditor"]}, True),
    ({"RAM": []}, False), ({}, False), (None, False), ("*", False), ({"RAM": "*"}, False), ({"RAM": ["acs:ram::*:*"]}, False),
    ({"RAM": ["acs:ram::1234567890123456:user/*"]}, False), ({"RAM": ["acs:ram::1234567890123456:group/a"]}, False),
    ({"RAM": ["acs:ram::1234567890123456:user/"]}, False), ({"RAM": PRINCIPAL["RAM"], "Service": ["ecs"]}, False)])
def test_principals_of_a_key_policy(principal, fine):
    assert slugs(document({**STATEMENT, "Principal": principal}), policies.KEY) == ([] if fine else ["policy_element"])


@pytest.mark.parametrize("resource", ["acs:kms:*:*:key/*", ["*", "*a"]])
def test_a_key_policy_speaks_of_its_key_alone(resource):
    [reason] = policies.why_not(document({**STATEMENT, "Principal": PRINCIPAL, "Resource": resource}), policies.KEY)
    assert reason.facts["element"] == "Resource"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4))
NEARLY = st.dictionaries(
    st.sampled_from(["Sid", "Effect", "Action", "Resource", "Condition", "Principal", "NotAction"]),
    JSON | st.sampled_from(["Allow", "Deny", "*", "kms:*", ["kms:*"], ["*"], PRINCIPAL, {"StringEquals": {"kms:tag/a": "b"}},
                            {"StringLike": {"kms:tag/a": ["b", "*"]}}]))


@given(st.one_of(st.text(), JSON.map(json.dumps), st.lists(NEARLY | JSON, max_size=4).map(
    lambda statements: json.dumps({"Version": "1", "Statement": statements}))), st.sampled_from([policies.USER, policies.KEY]))
def test_the_reader_never_breaks(text, kind):
    try:
        found = policies.parse(text, kind)
    except Refused as refused:
        assert {reason.code for reason in refused.refusals} == {"InvalidParameter"}
    else:
        assert found


@pytest.mark.parametrize("text", [
    '{"Version":"1","Statement":' + "9" * 20_000 + "}", '{"Version":"1","Statement":[' + "{}," * 10_000 + "{}]}",
    document({**STATEMENT, "Action": ["kms:" + "*" * 60] * 400}),
    document({**STATEMENT, "Resource": "acs:kms:*:*:" + "*a" * 150})])
def test_monsters_take_no_time(text):
    policies.why_not(text, policies.USER)


class TestAttaching:
    def test_it_works(self, alice, bob, make_key):
        """Bob may use keys by his role. A document takes one key away, another gives him what his role does not."""
        key, other = make_key(), make_key()
        operations.attach_policy(alice(), bob.user, name="not-this-one", document=document(
            {"Effect": "Deny", "Action": "kms:*", "Resource": key.arn},
            {"Effect": "Allow", "Action": "kms:DisableKey", "Resource": other.arn}))
        assert outcome(lambda: keys.encrypt(bob(), key, plaintext=TEXT)) == "Forbidden.NoPermission"
        assert outcome(lambda: keys.encrypt(bob(), other, plaintext=TEXT)) == "ok"
        assert outcome(lambda: keys.disable_key(bob(), other)) == "ok"
        assert outcome(lambda: keys.enable_key(bob(), other)) == "Forbidden.NoPermission"
        operations.detach_policy(alice(), bob.user, name="not-this-one")
        assert outcome(lambda: keys.encrypt(bob(), key, plaintext=TEXT)) == "ok"

    def test_tags_decide(self, alice, carol, make_key):
        red, blue = make_key(tags=(("team", "red"),)), make_key(tags=(("team", "blue"),))
        operations.attach_policy(alice(), carol.user, name="red", document=document(
            {**STATEMENT, "Condition": {"StringEquals": {"kms:tag/team": "red"}}}))
        assert outcome(lambda: keys.encrypt(carol(), red, plaintext=TEXT)) == "ok"
        assert outcome(lambda: keys.encrypt(carol(), blue, plaintext=TEXT)) == "Forbidden.NoPermission"

    def test_aliases_need_the_alias_and_the_key(self, alice, bob, make_key):
        key = make_key()
        for resource, answer in ((key.arn, "Forbidden.NoPermission"), ([key.arn, "acs:kms:*:*:alias/bobs-*"], "ok")):
            operations.attach_policy(alice(), bob.user, name="aliases", document=document(
                {"Effect": "Allow", "Action": "kms:*Alias", "Resource": resource}))
            assert outcome(lambda: keys.create_alias(bob(), key, alias_name="alias/bobs-1")) == answer
        assert outcome(lambda: keys.create_alias(bob(), key, alias_name="alias/alices")) == "Forbidden.NoPermission"
        assert outcome(lambda: keys.delete_alias(bob(), alias_name="alias/bobs-1")) == "ok"

    def test_the_same_name_replaces(self, alice, bob):
        for action in ("kms:Encrypt", "kms:Decrypt"):
            operations.attach_policy(alice(), bob.user, name="one", document=document({**STATEMENT, "Action": action}))
        assert "Decrypt" in UserPolicy.objects.get(user=bob.user).document
        assert Event.objects.filter(action="AttachPolicyToUser", outcome="ok").count() == 2

    @pytest.mark.parametrize(("name", "text", "slugs"), [
        ("no spaces", document(), ["user_policy_name"]), ("", document(), ["user_policy_name"]),
        ("fine", "{", ["policy_not_json"]), ("x" * 129, "{", ["user_policy_name", "policy_not_json"])])
    def test_it_refuses(self, alice, bob, name, text, slugs):
        with pytest.raises(Refused) as error:
            operations.attach_policy(alice(), bob.user, name=name, document=text)
        assert [reason.slug for reason in error.value.refusals] == slugs
        assert not UserPolicy.objects.exists()

    def test_bob_cannot(self, bob):
        for call in (lambda: operations.attach_policy(bob(), bob.user, name="a", document=document()),
                     lambda: operations.detach_policy(bob(), bob.user, name="a")):
            assert outcome(call) == "Forbidden.NoPermission"

    def test_detaching_what_is_not_there(self, alice, bob):
        assert outcome(lambda: operations.detach_policy(alice(), bob.user, name="a")) == "Forbidden.ResourceNotFound"
