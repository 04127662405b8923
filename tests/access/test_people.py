"""People: role, on and off, password, second factor. Nobody locks the last administrator out, and nobody sees strangers."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from access import operations, people, people_gate
from access.models import Account, Role, User
from audit.models import Event
from base.refusal import Refused
from tests import make
from tests.racing import race

DENY_ALL = json.dumps({"Version": "1", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
ALLOW_ALL = json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def slugs(call):
    """The reasons of a refusal; empty where the call worked."""
    try:
        call()
    except Refused as refused:
        return [reason.slug for reason in refused.refusals]
    return []


def test_a_role_counts_from_the_next_request_on(alice, bob):
    people.set_user_role(alice(), bob.user, role=Role.AUDITOR)
    assert User.objects.get(username="bob").caller("api", alice().at, request_id="").roles == ("auditor",)
    event = Event.objects.get(action="SetUserRole")
    assert (event.object_id, json.loads(event.detail)) == ("bob", {"before": "key-user", "role": "auditor"})


def test_switched_off_people_and_their_access_keys_do_nothing(alice, bob):
    key_id, _ = make.access_key(bob)
    UserSession.objects.create(user=bob.user, ip="127.0.0.1", session_key="s" * 32, user_agent="x")
    people.deactivate_user(alice(), bob.user)
    assert not operations.open_access_key(key_id).active
    assert not UserSession.objects.filter(user=bob.user).exists()
    assert slugs(lambda: people.deactivate_user(alice(), bob.user)) == ["user_inactive"]
    assert slugs(lambda: operations.create_access_key(alice(), bob.user)) == ["user_inactive"]
    people.reactivate_user(alice(), bob.user)
    assert operations.open_access_key(key_id).active
    assert slugs(lambda: people.reactivate_user(alice(), bob.user)) == ["user_active"]


def test_a_new_password_must_be_changed_and_stands_in_no_event(alice, bob):
    fresh = people.reset_password(alice(), bob.user)
    found = User.objects.get(username="bob")
    assert found.check_password(fresh)
    assert found.must_change_password
    assert fresh not in repr(list(Event.objects.values()))


def test_a_lost_second_factor_is_removed_whole(alice, bob):
    assert slugs(lambda: people.reset_second_factor(alice(), bob.user)) == ["no_second_factor"]
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=bob.user, type=kind, data={})
    people.reset_second_factor(alice(), bob.user)
    assert not Authenticator.objects.exists()
    assert json.loads(Event.objects.get(action="UnbindMFADevice", outcome="ok").detail)["factors"] == ["recovery_codes", "totp"]


@pytest.mark.parametrize("change", [
    lambda alice: people.set_user_role(alice(), alice.user, role=Role.KEY_USER),
    lambda alice: operations.attach_policy(alice(), alice.user, name="stop", document=DENY_ALL),
], ids=["role", "policy"])
def test_the_last_administrator_stays_one(alice, bob, change):
    assert slugs(lambda: change(alice)) == ["last_administrator"]
    people.set_user_role(alice(), bob.user, role=Role.ADMINISTRATOR)
    assert slugs(lambda: change(alice)) == []


def test_whoever_administers_by_a_policy_counts_too(alice, bob):
    operations.attach_policy(alice(), bob.user, name="all", document=ALLOW_ALL)
    people.set_user_role(alice(), alice.user, role=Role.AUDITOR)
    assert slugs(lambda: operations.detach_policy(bob(), bob.user, name="all")) == ["last_administrator"]
    assert slugs(lambda: people.deactivate_user(bob(), bob.user)) == ["not_yourself", "last_administrator"]


def test_one_who_is_switched_off_does_not_count(alice, bob):
    people.set_user_role(alice(), bob.user, role=Role.ADMINISTRATOR)
    people.deactivate_user(alice(), bob.user)
    assert slugs(lambda: people.set_user_role(alice(), alice.user, role=Role.AUDITOR)) == ["last_administrator"]


def test_the_operator_can_do_what_nobody_in_the_account_can(alice):
    assert slugs(lambda: people.set_user_role(make.operator(), alice.user, role=Role.AUDITOR)) == []


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_take_it_from_each_other_at_once(alice, bob):
    people.set_user_role(alice(), bob.user, role=Role.ADMINISTRATOR)
    pairs = [(alice(), "bob"), (bob(), "alice")]

    def demote(number):
        caller, name = pairs[number]
        return slugs(lambda: people.set_user_role(caller, User.objects.get(username=name), role=Role.AUDITOR))

    assert sorted(map(len, race(demote))) == [0, 1]
    assert User.objects.filter(role=Role.ADMINISTRATOR).count() == 1


CHANGES = {
    "GetUser": lambda who, user: people.get_user(who(), user),
    "SetUserRole": lambda who, user: people.set_user_role(who(), user, role=Role.AUDITOR),
    "DeactivateUser": lambda who, user: people.deactivate_user(who(), user),
    "ReactivateUser": lambda who, user: people.reactivate_user(who(), user),
    "UpdateLoginProfile": lambda who, user: people.reset_password(who(), user),
    "UnbindMFADevice": lambda who, user: people.reset_second_factor(who(), user),
    "AttachPolicyToUser": lambda who, user: operations.attach_policy(who(), user, name="x", document=ALLOW_ALL),
    "DetachPolicyFromUser": lambda who, user: operations.detach_policy(who(), user, name="x"),
    "CreateAccessKey": lambda who, user: operations.create_access_key(who(), user),
}


@pytest.mark.parametrize("action", CHANGES)
def test_only_permitted_people_and_only_in_their_account(alice, bob, carol, charlie, action):
    assert slugs(lambda: CHANGES[action](bob, carol.user))[0] == "Forbidden.NoPermission"
    assert slugs(lambda: CHANGES[action](charlie, carol.user)) == ["EntityNotExist.User"]
    assert Event.objects.filter(action=action).exclude(outcome="ok").count() == 2


def test_a_stranger_is_not_found_by_name_either(alice, charlie):
    assert slugs(lambda: people_gate.user_for(alice(), "charlie")) == slugs(lambda: people_gate.user_for(alice(), "nobody"))
    assert [one.username for one in people.get_users(alice()).items] == ["alice"]


def test_auditors_may_look_and_key_users_may_not(alice, bob, carol):
    assert slugs(lambda: people.get_users(carol())) == []
    assert slugs(lambda: people.get_users(bob())) == ["Forbidden.NoPermission"]


@pytest.mark.parametrize("action", ["SetUserRole", "DeactivateUser", "UpdateLoginProfile", "UnbindMFADevice"])
def test_an_administrator_does_not_become_a_superuser_by_a_password(alice, bob, action):
    User.objects.filter(pk=bob.user.pk).update(is_superuser=True)
    bob.user.refresh_from_db()
    Authenticator.objects.create(user=bob.user, type="totp", data={})
    assert slugs(lambda: CHANGES[action](alice, bob.user)) == ["superuser_guarded"]
    User.objects.filter(pk=alice.user.pk).update(is_superuser=True)
    assert slugs(lambda: CHANGES[action](alice, bob.user)) == []


def test_one_changes_ones_own_ways_in_on_ones_own_page(alice):
    assert slugs(lambda: people.reset_password(alice(), alice.user)) == ["own_password"]
    assert slugs(lambda: people.reset_second_factor(alice(), alice.user)) == ["own_factor", "no_second_factor"]


def test_names(alice, bob):
    def create(name):
        return slugs(lambda: operations.create_user(alice(), alice.account, name=name, password=make.PASSWORD))

    assert create("bob") == ["EntityAlreadyExists.User"]
    assert create("a b") == create("") == create("x" * 65) == ["user_name_syntax"]
    assert create("eve@example.com") == []
    elsewhere = Account.objects.exclude(pk=alice.account.pk).first() or make.account("Elsewhere")
    assert slugs(lambda: operations.create_user(alice(), elsewhere, name="mallory", password="x")) == ["Forbidden.NoPermission"]


def test_a_page_that_is_not_new_changes_nothing(alice, bob):
    people.set_user_role(alice(), bob.user, role=Role.AUDITOR)
    assert slugs(lambda: people.set_user_role(alice(), bob.user, role=Role.ADMINISTRATOR, revision=0)) == ["changed_meanwhile"]
    assert User.objects.get(username="bob").role == Role.AUDITOR


def test_asking_about_everybody_costs_two_queries(alice, bob, carol, django_assert_num_queries):
    caller = alice()
    with django_assert_num_queries(2):
        list(people_gate.everybody_after(caller, bob.user, role=Role.AUDITOR))
