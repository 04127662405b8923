"""Any change of a signed byte must fail: whatever the request then is, it never verifies."""

from __future__ import annotations

import string
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from api.signatures import schemes
from base.refusal import Refused
from tests.api.vectors import Vector, moment, name, request, vectors

PLAIN = [vector for vector in vectors() if not vector.get("security_token")]
FAST = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def verifies(vector: Vector, **changed) -> bool:
    try:
        given = request(vector, **changed)
        claim = schemes.claim(given)
    except Refused:
        return False
    if claim.access_key_id != vector["access_key_id"]:
        return False  # the id is not signed: it chooses the secret, and another id has another one
    return schemes.why_not(vector["access_key_secret"], given, claim, moment(vector)) is None


def replaced(text: str, at: int, character: str) -> str:
    return text[:at] + character + text[at + 1:]


def signed(vector: Vector, header: str) -> bool:
    """Whether a change of this header must be noticed: RPC signs none, V3 and V4 those they list."""
    if vector["scheme"] == "HMAC-SHA1":
        return False
    if header == "authorization":
        return True
    authorization = next(value for key, value in vector["headers"] if key.lower() == "authorization")
    listed = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    return header in listed or header.startswith("x-acs-")


@pytest.mark.parametrize("vector", PLAIN, ids=name)
@FAST
@given(data=st.data())
def test_a_changed_byte_of_the_query(vector, data):
    query = vector["query"]
    if not query:
        return
    at = data.draw(st.integers(0, len(query) - 1))
    character = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = replaced(query, at, character)
    # Another spelling of the same decoded values is the same request: only decoded values are signed.
    try:
        assume(sorted(request(vector, query=changed).query) != sorted(request(vector).query))
    except Refused:
        return
    assert not verifies(vector, query=changed)


@pytest.mark.parametrize("vector", [vector for vector in PLAIN if vector["body"]], ids=name)
@FAST
@given(data=st.data())
def test_a_changed_byte_of_the_body(vector, data):
    body = vector["body"]
    at = data.draw(st.integers(0, len(body) - 1))
    changed = replaced(body, at, data.draw(st.characters(min_codepoint=33, max_codepoint=126)))
    assume(changed != body)
    if vector["scheme"] == "HMAC-SHA1":
        try:
            assume(sorted(request(vector, body=changed).form) != sorted(request(vector).form))
        except Refused:
            return
    assert not verifies(vector, body=changed)


@pytest.mark.parametrize("vector", [vector for vector in PLAIN if vector["scheme"] != "HMAC-SHA1"], ids=name)
@FAST
@given(data=st.data())
def test_a_changed_byte_of_a_signed_header(vector, data):
    candidates = [index for index, (header, value) in enumerate(vector["headers"])
                  if signed(vector, header.lower()) and value]
    index = data.draw(st.sampled_from(candidates))
    header, value = vector["headers"][index]
    at = data.draw(st.integers(0, len(value) - 1))
    changed = replaced(value, at, data.draw(st.characters(min_codepoint=32, max_codepoint=126)))
    assume(changed.strip(" \t") != value)
    headers = [*vector["headers"][:index], [header, changed], *vector["headers"][index + 1:]]
    assert not verifies(vector, headers=headers)


@pytest.mark.parametrize("vector", PLAIN, ids=name)
@FAST
@given(extra=st.from_regex(r"\A[A-Za-z.]{1,20}\Z"), value=st.text(max_size=5))
def test_an_added_parameter(vector, extra, value):
    added = f"{extra}={quote(value)}"
    assert not verifies(vector, query=f"{vector['query']}&{added}" if vector["query"] else added)
    if vector["body"]:
        assert not verifies(vector, body=f"{vector['body']}&{added}")


@pytest.mark.parametrize("vector", PLAIN, ids=name)
def test_another_method(vector):
    assert not verifies(vector, method="GET" if vector["method"] == "POST" else "POST")


@pytest.mark.parametrize("vector", [vector for vector in PLAIN if vector["query"]], ids=name)
def test_a_removed_or_moved_parameter(vector):
    pairs = vector["query"].split("&")
    for index in range(len(pairs)):
        assert not verifies(vector, query="&".join(pairs[:index] + pairs[index + 1:]))


@pytest.mark.parametrize("vector", [vector for vector in PLAIN if vector["scheme"] != "HMAC-SHA1"], ids=name)
@pytest.mark.parametrize("header", ["x-acs-accesskey-id", "x-acs-security-token", "x-acs-retry-delay", "x-acs-anything"])
def test_an_added_acs_header(vector, header):
    assert not verifies(vector, headers=[*vector["headers"], [header, "1"]])


@FAST
@given(st.sampled_from([vector for vector in PLAIN if vector["scheme"] == "HMAC-SHA1" and vector["query"]]), st.data())
def test_another_spelling_of_a_base64_signature(vector, data):
    """Stray bits in the last character: the same bytes, decoded, but not the same text."""
    before, _, rest = vector["query"].partition("Signature=")
    signature, ampersand, after = rest.partition("&")
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits))
    assume(unquote(signature)[-2] != character)
    other = quote(unquote(signature)[:-2] + character + "=", safe="")
    assert not verifies(vector, query=f"{before}Signature={other}{ampersand}{after}")
