"""SetKeyPolicy, GetKeyPolicy, ListKeyPolicies, and what a policy does to callers of the same and of other accounts."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import operations as access
from access.models import Role
from audit.models import Event
from base.refusal import Refused
from keys import gate, key_policies, lookup, operations, showing
from keys.models import Key
from keys.states import CRYPTOGRAPHY, GATE, State
from tests import make
from tests.keys.calls import TEXT, outcome


def ram(who, name="") -> str:
    return f"acs:ram::{who.account.pk}:{name or f'user/{who.name}'}"


def statement(effect, principals, actions, **more):
    return {"Effect": effect, "Principal": {"RAM": principals}, "Action": actions, "Resource": ["*"], **more}


def policy(*statements) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def allow(who, *actions, **more):
    return statement("Allow", [who if isinstance(who, str) else ram(who)], list(actions), **more)


def deny(who, *actions, **more):
    return statement("Deny", [who if isinstance(who, str) else ram(who)], list(actions), **more)


@pytest.fixture
def shared(alice, make_key):
    """``shared(allow(bob, "kms:Encrypt"), …)``: a key of Alice's with this policy."""

    def build(*statements, **more) -> Key:
        key = make_key(**more)
        operations.set_key_policy(alice(), key, policy=policy(*statements))
        return key

    return build


def encrypt(who, key) -> str:
    return outcome(lambda: operations.encrypt(who(), key, plaintext=TEXT))


def test_it_works(alice, carol, make_key):
    key, text = make_key(), policy(allow(carol, "kms:Encrypt"))
    operations.set_key_policy(alice(), key, policy=text)
    assert operations.get_key_policy(alice(), key) == Key.objects.get(pk=key.pk).policy == text
    event = Event.objects.get(action="SetKeyPolicy")
    assert json.loads(event.detail) == {"accounts": [alice.account.pk], "statements": 1}
    assert operations.list_key_policies(carol(), key) == ["default"]


def test_the_default_policy(alice, make_key):
    key = make_key()
    text = operations.get_key_policy(alice(), key)
    assert json.loads(text) == {"Version": "1", "Statement": [{
        "Sid": "kms default key policy", "Effect": "Allow", "Principal": {"RAM": [f"acs:ram::{alice.account.pk}:*"]},
        "Action": ["kms:*"], "Resource": ["*"]}]}
    assert outcome(lambda: operations.set_key_policy(alice(), key, policy=text)) == "ok"


def test_the_default_policy_leaves_roles_their_meaning(alice, bob, carol, shared):
    for key in (shared(allow(ram(alice, "*"), "kms:*")), shared(allow(ram(alice, "root"), "kms:*"))):
        assert [encrypt(who, key) for who in (alice, bob, carol)] == ["ok", "ok", "Forbidden.NoPermission"]
        assert outcome(lambda key=key: operations.disable_key(bob(), key)) == "Forbidden.NoPermission"


def test_another_name_is_not_found(alice, make_key):
    key = make_key()
    assert outcome(lambda: operations.get_key_policy(alice(), key, policy_name="other")) == "Not Found"
    assert outcome(lambda: operations.set_key_policy(alice(), key, policy="{}", policy_name="other")) == "Not Found"


def test_only_keys_of_instances_have_policies(alice):
    key = make.key(alice)
    code = "Forbidden.KeyPolicyUnSupported"
    assert outcome(lambda: operations.get_key_policy(alice(), key)) == code
    assert outcome(lambda: operations.set_key_policy(alice(), key, policy=policy(allow(alice, "kms:*")))) == code
    eve = make.person(make.account(), "eve")
    assert outcome(lambda: operations.create_key(eve(), policy=policy(allow(alice, "kms:*")))) == code


def test_a_bad_document_changes_nothing(alice, make_key):
    key, text = make_key(), policy(allow(alice, "kms:*"), allow(alice, "kms:*", NotAction=["kms:Get*"]))
    with pytest.raises(Refused) as error:
        operations.set_key_policy(alice(), key, policy=text)
    [reason] = error.value.refusals
    assert (reason.code, reason.slug, reason.facts["name"], reason.facts["statement"], reason.facts["element"]) == (
        "InvalidParameter", "policy_unknown_element", "Policy", "2", "NotAction")
    assert Key.objects.get(pk=key.pk).policy == ""


def test_all_reasons_at_once(bob, make_key):
    with pytest.raises(Refused) as error:
        operations.set_key_policy(bob(), make_key(State.PENDING_DELETION), policy="{", policy_name="x")
    assert [one.code for one in error.value.refusals] == [
        "Not Found", "InvalidParameter", "Forbidden.NoPermission", "Rejected.PendingDeletion"]


def test_bob_cannot_set_it_but_may_look(bob, make_key):
    key = make_key()
    assert outcome(lambda: operations.set_key_policy(bob(), key, policy="{}")) == "InvalidParameter"
    assert outcome(lambda: operations.set_key_policy(bob(), key, policy=policy(allow(bob, "kms:*")))) == "Forbidden.NoPermission"
    assert outcome(lambda: operations.get_key_policy(bob(), key)) == "ok"


class TestInsideTheAccount:
    def test_an_allow_of_the_key_is_enough(self, carol, shared):
        key = shared(allow(carol, "kms:Encrypt", "kms:Disable*"))
        assert encrypt(carol, key) == "ok"
        assert outcome(lambda: operations.generate_data_key(carol(), key)) == "Forbidden.NoPermission"
        assert outcome(lambda: operations.disable_key(carol(), key)) == "ok"

    def test_a_role_can_be_named(self, carol, shared):
        assert encrypt(carol, shared(allow(ram(carol, "role/auditor"), "kms:Encrypt"))) == "ok"
        assert encrypt(carol, shared(allow(ram(carol, "role/key-user"), "kms:Encrypt"))) == "Forbidden.NoPermission"

    @pytest.mark.parametrize("whom", ["user/bob", "role/key-user", "*", "root"])
    def test_a_deny_wins(self, alice, bob, shared, whom):
        key = shared(deny(ram(bob, whom), "kms:Encrypt"), allow(bob, "kms:*"))
        assert encrypt(bob, key) == "Forbidden.NoPermission"
        assert [one.slug for one in gate.reasons("Encrypt", bob(), key)] == ["denied_by_policy"]
        assert (encrypt(alice, key) == "ok") is (whom in ("user/bob", "role/key-user"))

    def test_a_deny_counts_for_every_action(self, bob, shared):
        key = shared(deny(bob, "kms:*"))
        assert all("Forbidden.NoPermission" in {one.code for one in gate.reasons(action, bob(), key)}
                   for action in GATE if action not in ("ListKeys", "ListAliases"))

    def test_only_actions_that_count(self, alice, carol, shared):
        """Neither in the administrators' nor in the users' set: the Allow has no effect."""
        key = shared(allow(carol, "kms:*"))
        assert outcome(lambda: operations.untag_resource(carol(), key, tag_keys=("a",))) == "ok"
        assert not key_policies.counts("UntagResources", foreign=False)
        assert "Forbidden.NoPermission" in {one.code for one in gate.reasons("TagResources", carol(), key)}

    def test_tags_of_the_key_decide(self, carol, shared):
        said = allow(carol, "kms:Encrypt", Condition={"StringLike": {"kms:tag/team": "r*"}})
        assert encrypt(carol, shared(said, tags=(("team", "red"),))) == "ok"
        assert encrypt(carol, shared(said, tags=(("team", "blue"),))) == "Forbidden.NoPermission"
        assert encrypt(carol, shared(said)) == "Forbidden.NoPermission"

    def test_a_policy_set_meanwhile_stops_a_use_at_work(self, alice, bob, shared):
        key = shared(allow(bob, "kms:Encrypt"))
        stale = Key.objects.select_related("instance").get(pk=key.pk)
        operations.set_key_policy(alice(), key, policy=policy(deny(bob, "kms:Encrypt")))
        assert encrypt(bob, stale) == "Forbidden.NoPermission"


class TestAcrossAccounts:
    def test_a_shared_key_is_found_by_its_arn_and_used(self, alice, charlie, shared):
        key = shared(allow(charlie, "kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"))
        found = lookup.key_for(charlie(), key.arn)
        blob = operations.encrypt(charlie(), found, plaintext=TEXT).ciphertext_blob
        assert operations.decrypt(charlie(), ciphertext_blob=blob).plaintext == TEXT
        assert operations.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
        assert operations.describe_key(charlie(), found).key == key
        assert outcome(lambda: lookup.key_for(charlie(), key.pk)) == "Forbidden.KeyNotFound"

    def test_an_alias_arn_leads_there_too(self, alice, charlie, shared):
        key = shared(allow(charlie, "kms:Encrypt"))
        alias = operations.create_alias(alice(), key, alias_name="alias/shared")
        assert lookup.key_for(charlie(), alias.arn) == key
        assert outcome(lambda: lookup.key_for(charlie(), alias.arn + "-not")) == "Forbidden.KeyNotFound"

    @pytest.mark.parametrize("whom", ["*", "root", "role/administrator"])
    def test_a_whole_account_can_be_meant(self, charlie, shared, whom):
        assert lookup.key_for(charlie(), shared(allow(ram(charlie, whom), "kms:Encrypt")).arn)

    def test_without_an_allow_it_is_not_there(self, alice, bob, charlie, shared, make_key):
        blob = operations.encrypt(alice(), key := make_key(), plaintext=TEXT).ciphertext_blob
        never = f"acs:kms:cn-local:{alice.account.pk}:key/key-lcl000000000000000000"
        answers = []
        for text in (key.arn, shared(allow(bob, "kms:*")).arn, shared(allow(charlie, "kms:SetKeyPolicy")).arn, never,
                     shared(allow(charlie, "kms:Encrypt"), deny(charlie, "kms:*")).arn,
                     make.destroyed_key(alice, home=key.instance).arn):
            with pytest.raises(Refused) as error:
                lookup.key_for(charlie(), text)
            answers.append((error.value.first.code, dict(error.value.first.facts) == {"key": text}, error.value.first.slug))
        assert set(answers) == {("Forbidden.KeyNotFound", True, "Forbidden.KeyNotFound")}
        assert outcome(lambda: operations.decrypt(charlie(), ciphertext_blob=blob)) == "Forbidden.KeyNotFound"

    def test_his_own_permissions_must_allow_it_too(self, charlie, shared):
        eve = make.person(charlie.account, "eve", Role.AUDITOR)
        key = shared(allow(ram(charlie, "*"), "kms:*"))
        assert encrypt(charlie, key) == "ok"
        assert encrypt(eve, key) == "Forbidden.KeyNotFound"
        assert outcome(lambda: operations.describe_key(eve(), lookup.key_for(eve(), key.arn))) == "ok"
        access.attach_policy(make.operator(), charlie.user, name="none-of-theirs", document=json.dumps({
            "Version": "1", "Statement": [{"Effect": "Deny", "Action": "kms:*", "Resource": key.arn}]}))
        assert encrypt(charlie, key) == "Forbidden.KeyNotFound"

    def test_what_is_not_granted_is_refused_as_absent(self, charlie, alice, shared):
        key = shared(allow(charlie, "kms:Encrypt"))
        blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
        assert outcome(lambda: operations.decrypt(charlie(), ciphertext_blob=blob)) == "Forbidden.KeyNotFound"

    @pytest.mark.parametrize("action", sorted(set(GATE) - CRYPTOGRAPHY - key_policies.FOR_OTHER_ACCOUNTS))
    def test_nobody_manages_the_key_of_another_account(self, charlie, shared, action):
        key = shared(allow(charlie, "kms:*"))
        assert [one.code for one in gate.reasons(action, charlie(), key)] == ["Forbidden.KeyNotFound"]

    def test_nothing_is_told_about_a_key_that_is_not_shared(self, alice, charlie, make_key):
        for state in (State.DISABLED, State.PENDING_DELETION):
            assert [one.code for one in gate.reasons("Encrypt", charlie(), make_key(state))] == ["Forbidden.KeyNotFound"]

    def test_the_state_is_told_to_who_may_use_it(self, alice, charlie, shared):
        key = shared(allow(charlie, "kms:Encrypt"))
        operations.disable_key(alice(), key)
        assert encrypt(charlie, lookup.key_for(charlie(), key.arn)) == "Rejected.Disabled"

    def test_re_encrypting_between_accounts(self, alice, charlie, shared):
        key = shared(allow(charlie, "kms:ReEncryptFrom"))
        mine = make.key(charlie, home=make.instance(charlie))
        blob = operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
        moved = operations.re_encrypt(charlie(), mine, ciphertext_blob=blob).ciphertext_blob
        assert operations.decrypt(charlie(), ciphertext_blob=moved).plaintext == TEXT
        assert outcome(lambda: operations.re_encrypt(charlie(), key, ciphertext_blob=moved)) == "Forbidden.KeyNotFound"


class TestLockingOut:
    @pytest.mark.parametrize("whom", ["*", "root", "user/alice", "role/administrator"])
    @pytest.mark.parametrize("actions", [["kms:*"], ["kms:SetKeyPolicy"], ["kms:Schedule*"], ["kms:Describe*", "kms:Encrypt"]])
    def test_somebody_must_keep_the_last_word(self, alice, bob, make_key, whom, actions):
        key = make_key()
        with pytest.raises(Refused) as error:
            operations.set_key_policy(alice(), key, policy=policy(deny(ram(alice, whom), *actions)))
        assert [(one.code, one.slug) for one in error.value.refusals] == [("InvalidParameter", "policy_locks_everybody_out")]
        assert Key.objects.get(pk=key.pk).policy == ""

    def test_a_second_administrator_is_enough(self, alice, make_key):
        dora, key = make.person(alice.account, "dora"), make_key()
        operations.set_key_policy(alice(), key, policy=policy(deny(alice, "kms:*")))
        for who, code in ((alice, "Forbidden.NoPermission"), (dora, "ok")):
            assert outcome(lambda who=who: operations.set_key_policy(who(), key, policy=policy(allow(alice, "kms:*")))) == code

    def test_but_not_one_who_cannot_log_in(self, alice, make_key):
        dora = make.person(alice.account, "dora").user
        dora.is_active = False
        dora.save()
        text = policy(deny(alice, "kms:*"))
        assert outcome(lambda: operations.set_key_policy(alice(), make_key(), policy=text)) == "InvalidParameter"

    def test_nor_one_of_another_account(self, alice, charlie, make_key):
        text = policy(deny(alice, "kms:*"), allow(charlie, "kms:*"))
        assert outcome(lambda: operations.set_key_policy(alice(), make_key(), policy=text)) == "InvalidParameter"

    def test_a_condition_that_a_tag_could_fulfil_counts_as_fulfilled(self, alice, make_key):
        text = policy(deny(alice, "kms:*", Condition={"StringEquals": {"kms:tag/locked": "yes"}}))
        assert outcome(lambda: operations.set_key_policy(alice(), make_key(), policy=text)) == "InvalidParameter"

    def test_denying_cryptography_to_all_is_fine(self, alice, make_key):
        assert outcome(lambda: operations.set_key_policy(
            alice(), make_key(), policy=policy(deny(ram(alice, "*"), "kms:Encrypt", "kms:Decrypt")))) == "ok"

    def test_a_new_key_neither(self, alice, carol, instance):
        def create(text):
            return operations.create_key(alice(), instance=instance, policy=text)

        with pytest.raises(Refused) as error:
            create(policy(deny(alice, "kms:*")))
        assert (error.value.first.slug, Key.objects.count()) == ("policy_locks_everybody_out", 0)
        assert outcome(lambda: create("{")) == "InvalidParameter"
        assert encrypt(carol, create(policy(allow(carol, "kms:Encrypt")))) == "ok"


def queries(what) -> int:
    with CaptureQueriesContext(connection) as captured:
        what()
    return len(captured)


def test_asking_about_many_keys_takes_as_many_queries_as_about_one(bob, alice, make_key, shared):
    for number in range(4):
        shared(allow(bob, "kms:EnableKey", Condition={"StringEquals": {"kms:tag/n": str(number)}}), tags=(("n", "2"),))
    found = list(Key.objects.select_related("instance"))
    caller = bob()
    assert queries(lambda: showing.rows(caller, found[:1])) == queries(lambda: showing.rows(caller, found)) == 3
    plain = make_key()
    assert queries(lambda: lookup.facts(caller, plain, "Encrypt")) == 0
