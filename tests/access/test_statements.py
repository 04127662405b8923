"""What statements decide: typed from the reference (`keys.md` 12.1, 12.2), and properties over random ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.rules import PRESETS, own_statements, why_not_permitted
from access.statements import ALLOW, DENY, Condition, Request, Statement, like
from base import clock
from base.caller import Caller
from tests import make

ARN = "acs:kms:cn-local:1234567890123456:key/key-1"


def allow(*actions: str, resources=("*",), conditions=()) -> Statement:
    return Statement(ALLOW, actions, resources, conditions, policy="p", sid="1")


def deny(*actions: str, resources=("*",), conditions=()) -> Statement:
    return Statement(DENY, actions, resources, conditions, policy="p", sid="1")


def caller(*roles: str) -> Caller:
    return Caller("1234567890123456", "user/dora", "api", clock.now(), roles, region="cn-local")


def tag(operator: str, *values: str) -> Condition:
    return Condition(operator, "team", values)


@pytest.mark.parametrize(("statement", "action", "tags", "fits"), [
    (allow("kms:*"), "kms:Encrypt", {}, True),
    (allow("kms:Describe*"), "kms:DescribeKey", {}, True),
    (allow("kms:Describe*"), "kms:Encrypt", {}, False),
    (allow("kms:Encrypt", "kms:Decrypt"), "kms:Decrypt", {}, True),
    (allow("kms:encrypt"), "kms:Encrypt", {}, True),
    (allow("kms:Encrypt"), "kms:EncryptMore", {}, False),
    (allow("*"), "kms:Encrypt", {}, True),
    (allow("kms:*", resources=("acs:kms:*:*:key/*",)), "kms:Encrypt", {}, True),
    (allow("kms:*", resources=("acs:kms:*:1234567890123456:key/key-1",)), "kms:Encrypt", {}, True),
    (allow("kms:*", resources=("acs:kms:*:*:key/key-2", "acs:kms:*:*:alias/*")), "kms:Encrypt", {}, False),
    (allow("kms:*", resources=("acs:kms:cn-hangzhou:*:key/*",)), "kms:Encrypt", {}, False),
    (allow("kms:*", conditions=(tag("StringEquals", "red", "blue"),)), "kms:Encrypt", {"team": "blue"}, True),
    (allow("kms:*", conditions=(tag("StringEquals", "red"),)), "kms:Encrypt", {"team": "blue"}, False),
    (allow("kms:*", conditions=(tag("StringEquals", "red"),)), "kms:Encrypt", {}, False),
    (allow("kms:*", conditions=(tag("StringEquals", "r*"),)), "kms:Encrypt", {"team": "red"}, False),
    (allow("kms:*", conditions=(tag("StringLike", "r*"),)), "kms:Encrypt", {"team": "red"}, True),
    (allow("kms:*", conditions=(tag("StringLike", "r?d"),)), "kms:Encrypt", {"team": "red"}, True),
    (allow("kms:*", conditions=(tag("StringLike", "*"),)), "kms:Encrypt", {}, False),
    (allow("kms:*", conditions=(tag("StringNotEquals", "red", "blue"),)), "kms:Encrypt", {"team": "green"}, True),
    (allow("kms:*", conditions=(tag("StringNotEquals", "red", "blue"),)), "kms:Encrypt", {"team": "blue"}, False),
    (allow("kms:*", conditions=(tag("StringNotEquals", "red"),)), "kms:Encrypt", {}, True),
    (allow("kms:*", conditions=(tag("StringLike", "r*"), tag("StringNotEquals", "red"))), "kms:Encrypt", {"team": "red"}, False)])
def test_what_fits(statement, action, tags, fits):
    assert statement.fits(Request(action, ARN, tags)) is fits


@pytest.mark.parametrize(("own", "attached", "foreign", "permitted"), [
    # inside the account: an Allow in the key policy or in RAM suffices, explicit Deny anywhere wins
    ([], [], False, False),
    ([allow("kms:Encrypt")], [], False, True),
    ([], [allow("kms:Encrypt")], False, True),
    ([allow("kms:Encrypt")], [allow("kms:Encrypt")], False, True),
    ([deny("kms:Encrypt")], [allow("kms:Encrypt")], False, False),
    ([allow("kms:Encrypt")], [deny("kms:*")], False, False),
    ([allow("kms:Encrypt"), deny("kms:Encrypt")], [], False, False),
    ([allow("kms:Decrypt")], [allow("kms:Decrypt")], False, False),
    # across accounts: Allow needed in both
    ([], [], True, False),
    ([allow("kms:Encrypt")], [], True, False),
    ([], [allow("kms:Encrypt")], True, False),
    ([allow("kms:Encrypt")], [allow("kms:Encrypt")], True, True),
    ([allow("kms:Encrypt"), deny("kms:Encrypt")], [allow("kms:Encrypt")], True, False),
    ([allow("kms:Encrypt")], [allow("kms:Encrypt"), deny("kms:Encrypt")], True, False)])
def test_who_is_permitted(monkeypatch, own, attached, foreign, permitted):
    monkeypatch.setitem(PRESETS, "made-up", tuple(own))
    reasons = why_not_permitted(caller("made-up"), "Encrypt", ARN, attached=tuple(attached), foreign=foreign)
    assert (not reasons) is permitted
    assert permitted or reasons[0].code == "Forbidden.NoPermission"


def test_a_denial_names_its_statement(monkeypatch):
    monkeypatch.setitem(PRESETS, "made-up", (allow("kms:*"), deny("kms:Encrypt")))
    [reason] = why_not_permitted(caller("made-up"), "Encrypt", ARN)
    assert (reason.slug, reason.facts["policy"], reason.facts["statement"]) == ("denied_by_policy", "p", "1")


def test_a_document_that_cannot_be_read_denies_everything(alice):
    broken = alice.user.caller("api", clock.now(), request_id="", documents=[("broken", "{")])
    assert own_statements(broken)[-1].effect == DENY
    assert why_not_permitted(broken, "Encrypt", ARN)[0].slug == "denied_by_policy"


@pytest.mark.parametrize(("action", "resource", "permitted"), [
    ("CreateKey", "acs:kms:*:*:key", True), ("CreateKey", "acs:kms:*:*:key/*", False), ("ListKeys", "acs:kms:*:*:key", True),
    ("ListAliases", "acs:kms:*:*:alias", True), ("ListAliases", "acs:kms:*:*:key", False),
    ("ListKmsInstances", "acs:kms:cn-local:*:keystore", True), ("OpenKmsService", "acs:kms:*:*:*", True),
    ("OpenKmsService", "acs:kms:*:*:key/*", False), ("OpenKmsService", "*", True)])
def test_calls_without_a_resource_are_about_their_container(action, resource, permitted):
    document = f'{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"kms:*","Resource":"{resource}"}}]}}'
    who = Caller("1234567890123456", "user/dora", "api", clock.now(), (), region="cn-local", policies=(("p", document),))
    assert (not why_not_permitted(who, action)) is permitted


WORDS = st.sampled_from(["kms:*", "kms:Encrypt", "kms:Decrypt", "kms:De*", "kms:*Key", "kms:ENCRYPT"])
CONDITIONS = st.builds(Condition, st.sampled_from(["StringEquals", "StringLike", "StringNotEquals"]),
                       st.sampled_from(["team", "env"]), st.tuples(st.sampled_from(["red", "r*", "blue", "?"])))
STATEMENTS = st.builds(Statement, st.sampled_from([ALLOW, DENY]), st.tuples(WORDS),
                       st.tuples(st.sampled_from(["*", ARN, "acs:kms:*:*:alias/*"])), st.lists(CONDITIONS, max_size=2).map(tuple))
ASKED = st.builds(Request, st.sampled_from(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]), st.just(ARN),
                  st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["red", "blue", "x"])))


def permitted(own, attached, asked, foreign) -> bool:
    PRESETS["random"] = tuple(own)
    try:
        return not why_not_permitted(caller("random"), asked.action.removeprefix("kms:"), asked.resource, asked.tags,
                                     attached=tuple(attached), foreign=foreign)
    finally:
        del PRESETS["random"]


@given(st.lists(STATEMENTS), st.lists(STATEMENTS), STATEMENTS, ASKED, st.booleans(), st.booleans(), st.data())
def test_an_explicit_deny_always_wins(own, attached, extra, asked, foreign, on_the_key, data):
    no = Statement(DENY, extra.actions, extra.resources, extra.conditions)
    side = attached if on_the_key else own
    side.insert(data.draw(st.integers(0, len(side))), no)
    assert not (no.fits(asked) and permitted(own, attached, asked, foreign))


@given(st.lists(STATEMENTS), st.lists(STATEMENTS), STATEMENTS, ASKED, st.booleans(), st.booleans())
def test_one_more_allow_never_removes_a_right(own, attached, extra, asked, foreign, on_the_key):
    before = permitted(own, attached, asked, foreign)
    yes = Statement(ALLOW, extra.actions, extra.resources, extra.conditions)
    after = permitted(own if on_the_key else [*own, yes], [*attached, yes] if on_the_key else attached, asked, foreign)
    assert after or not before


@given(st.lists(STATEMENTS), st.lists(STATEMENTS), ASKED, st.booleans(), st.randoms())
def test_the_order_does_not_matter(own, attached, asked, foreign, random):
    before = permitted(own, attached, asked, foreign)
    random.shuffle(own)
    random.shuffle(attached)
    assert permitted(own, attached, asked, foreign) is before


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_stars_are_what_a_regular_expression_makes_of_them(pattern, text):
    assert like(pattern, text) is bool(re.fullmatch(re.sub(r"\*+", "*", pattern).replace("*", ".*"), text))


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_so_are_stars_and_marks_in_a_condition(pattern, text):
    wanted = bool(re.fullmatch(re.sub(r"\*+", "*", pattern).replace("*", ".*").replace("?", "."), text))
    assert tag("StringLike", pattern).holds({"team": text}) is wanted


@pytest.mark.parametrize("what", [
    lambda: like("*a" * 5000 + "b", "a" * 300),
    lambda: tag("StringLike", *(f"{number}*" + "*a" * 120 + "b" for number in range(100))).holds({"team": "a" * 128}),
    lambda: tag("StringLike", "*a" * 120 + "b", "*" + "?" * 100 + "b", "*" + "a" * 60 + "*b").holds({"team": "a" * 128})])
def test_many_stars_cost_no_time(what):
    """Tried every way, each of these would not end within anybody's patience."""
    assert not what()


def test_the_system_is_permitted_everything(db):
    assert not why_not_permitted(make.operator(), "DestroyKey", ARN)
