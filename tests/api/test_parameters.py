"""Text in, values out; everything else is refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json_parameters import CONTEXT_LIMIT, Context, Filters, Tags
from api.parameters import Bool, Int, Page, Text, pages
from base.refusal import Refused


def refused(parameter, given_):
    with pytest.raises(Refused) as caught:
        parameter.read(given_)
    refusal = caught.value.first
    assert refusal.facts["name"] == parameter.name
    return refusal.code, refusal.reason


def test_absent():
    assert refused(Text("A"), {"a": "1"}) == ("MissingParameter", "")
    assert Text("A", default="d").read({}) == "d"


def test_empty_is_present():
    assert Text("A").read({"A": ""}) == ""
    assert Text("A", default="d").read({"A": ""}) == ""


def test_text_is_what_databases_store():
    assert refused(Text("A"), {"A": "a\0"})[1] == "not_text"


@pytest.mark.parametrize("text, value", [("7", 7), ("-3", -3), ("007", 7)])
def test_integers(text, value):
    assert Int("N").read({"N": text}) == value


@pytest.mark.parametrize("text", ["", " 7", "7.0", "1e1", "0x7", "٧", "７", "--1", "+1", "1_0", "9" * 400])
def test_other_text_is_no_integer(text):
    assert refused(Int("N"), {"N": text}) == ("InvalidParameter", "not_an_integer")


def test_bounds():
    assert [Int("N", 1, 3).read({"N": str(number)}) for number in (1, 3)] == [1, 3]
    assert {refused(Int("N", 1, 3), {"N": number})[1] for number in ("0", "4")} == {"out_of_range"}


@pytest.mark.parametrize("text, value", [("true", True), ("True", True), ("FALSE", False), ("false", False)])
def test_booleans(text, value):
    assert Bool("B").read({"B": text}) is value


@pytest.mark.parametrize("text", ["", "1", "0", "yes", "t", "None", "ｔrue"])
def test_other_text_is_no_boolean(text):
    assert refused(Bool("B"), {"B": text})[1] == "not_a_boolean"


def test_pages():
    size = pages()["page_size"]
    assert isinstance(size, Page)
    assert [size.read(given_) for given_ in ({}, {"PageSize": "0"}, {"PageSize": "100"})] == [10, 10, 100]
    assert refused(size, {"PageSize": "101"})[1] == "out_of_range"
    assert refused(pages()["page_number"], {"PageNumber": "-1"})[1] == "out_of_range"
    assert pages(size=20)["page_size"].read({}) == 20


CONTEXTS = st.dictionaries(st.text(max_size=10), st.text(max_size=10), min_size=1, max_size=5)


@given(CONTEXTS)
def test_both_forms_of_a_context_are_one_map(context):
    dotted = {f"EncryptionContext.{name}": value for name, value in context.items()}
    assert Context().read(dotted) == context
    for ascii_only in (True, False):
        assert Context().read({"EncryptionContext": json.dumps(context, ensure_ascii=ascii_only)}) == context


@given(st.text(max_size=60))
def test_any_text_is_a_map_of_strings_or_refused(text):
    try:
        context = Context().read({"EncryptionContext": text})
    except Refused:
        return
    assert all(isinstance(part, str) for pair in context.items() for part in pair)


@pytest.mark.parametrize("text, reason", [
    ("", "not_json"), ("{", "not_json"), ('{"a":"1","a":"1"}', "not_json"), ("[" * 8000, "not_json"),
    ("[]", "not_a_map_of_strings"),
    ('{"a":1}', "not_a_map_of_strings"), ('{"a":null}', "not_a_map_of_strings"), ('{"a":{"b":"c"}}', "not_a_map_of_strings"),
    ('{"a":["b"]}', "not_a_map_of_strings"), ('{"a":"\\ud800"}', "not_a_map_of_strings"),
    ('{"\\udfff":"a"}', "not_a_map_of_strings"),
    ('"a"', "not_a_map_of_strings"), ("NaN", "not_a_map_of_strings"), ('{"a":"' + CONTEXT_LIMIT * "b" + '"}', "too_long"),
])
def test_bad_contexts(text, reason):
    assert refused(Context(), {"EncryptionContext": text}) == ("InvalidParameter", reason)


def test_the_longest_context():
    text = json.dumps({"a": "b" * (CONTEXT_LIMIT - len('{"a": ""}'))})
    assert len(text) == CONTEXT_LIMIT
    assert Context().read({"EncryptionContext": text})
    assert refused(Context(), {"EncryptionContext.a": "b" * CONTEXT_LIMIT})[1] == "too_long"


def test_an_empty_object_is_no_context():
    assert Context().read({"EncryptionContext": "{}"}) == Context().read({}) == {}


def test_both_forms_at_once():
    assert refused(Context(), {"EncryptionContext": "{}", "EncryptionContext.a": "b"})[1] == "two_forms"


def filters(*entries):
    return Filters().read({"Filters": json.dumps([{"Key": key, "Values": values} for key, values in entries])})


def test_filters_of_one_key_come_together():
    assert filters(("KeyState", ["Enabled"]), ("keyId", []), ("KeyState", ["Disabled", "Enabled"])) == {
        "KeyState": ["Enabled", "Disabled"], "keyId": []}
    assert Filters().read({}) == {}


@pytest.mark.parametrize("text", [
    "", "{}", "[1]", '[{"Key":"KeyState"}]', '[{"Key":"KeyState","Values":"Enabled"}]', '[{"Key":"KeyState","Values":[1]}]',
    '[{"Key":["KeyState"],"Values":[]}]', '[{"Key":"KeyId","Values":[]}]', '[{"Key":"KeyState","Values":[],"More":1}]',
    '[{"Key":"TagKey","Values":["\\u0000"]}]', json.dumps([{"Key": "KeyState", "Values": ["a"] * 11}]),
    json.dumps([{"Key": "KeyState", "Values": []}] * 11)])
def test_bad_filters(text):
    assert refused(Filters(), {"Filters": text})[0] == "InvalidParameter"


def test_tags():
    assert Tags().read({"Tags": '[{"TagKey":"k","TagValue":"v"},{"TagKey":"n"}]'}) == (("k", "v"), ("n", ""))
    assert Tags().read({}) == ()


@pytest.mark.parametrize("text", ["", "{}", "[[]]", '[{"TagValue":"v"}]', '[{"TagKey":1}]', '[{"TagKey":"k","More":""}]',
                                  '[{"TagKey":"\\u0000"}]'])
def test_bad_tags(text):
    assert refused(Tags(), {"Tags": text})[0] == "InvalidParameter"
