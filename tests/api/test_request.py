"""Reading HTTP: strict where leniency would give two spellings of one signed request."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import request
from api.signatures.encoding import enc
from base.refusal import Refused


def environ(method="POST", query="", body=b"", content_type="", path="/", **more):
    found = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
             "wsgi.input": io.BytesIO(body), "HTTP_HOST": "h", "REMOTE_ADDR": "127.0.0.1", **more}
    return found | ({"CONTENT_TYPE": content_type} if content_type else {})


def refused(**given_):
    with pytest.raises(Refused) as caught:
        request.read(environ(**given_))
    return caught.value.first


def test_it_works():
    made = request.read(environ(query="a=b+c&d=&e=%C3%A9%2B", body=b"f=g&h", content_type=f"{request.FORM}; charset=utf-8"))
    assert made.parameters == {"a": "b c", "d": "", "e": "é+", "f": "g", "h": ""}
    assert made.headers == {"host": "h", "content-type": f"{request.FORM}; charset=utf-8", "content-length": "5"}


def test_its_repr_tells_nothing():
    made = request.read(environ(query="Plaintext=c2VjcmV0", body=b"SecretData=x", content_type=request.FORM,
                                HTTP_AUTHORIZATION="sig"))
    assert repr(made) == "Request('POST', address='127.0.0.1')"


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_encoding_and_decoding_agree(pairs):
    raw = "&".join(f"{enc(name)}={enc(value)}" for name, value in pairs.items())
    assert dict(request.decode_form(raw.encode())) == pairs


@given(st.binary(max_size=200))
def test_any_bytes_are_pairs_or_refused(raw):
    try:
        pairs = request.decode_form(raw)
    except Refused as error:
        assert error.first.code == "ParseRequestParameterException"
    else:
        assert all(isinstance(part, str) for pair in pairs for part in pair)


@pytest.mark.parametrize("query", ["a=%", "a=%4", "a=%zz", "%=a", "a=%FF", "a=%C3%28", "a=%ED%A0%80", "a=%C0%80"])
def test_broken_encodings(query):
    assert refused(query=query).code == "ParseRequestParameterException"


def test_too_many_parameters():
    assert refused(query="&".join(f"a{number}=" for number in range(1001))).reason == "too_many_parameters"


@pytest.mark.parametrize("query, body, name", [("a=1&a=1", b"", "a"), ("a=1", b"a=2", "a"), ("", b"%61=1&a=1", "a")])
def test_a_parameter_twice(query, body, name):
    refusal = refused(query=query, body=body, content_type=request.FORM)
    assert (refusal.code, refusal.reason, dict(refusal.facts)) == ("InvalidParameter", "parameter_twice", {"name": name})


def test_a_name_that_is_no_name_is_not_repeated_in_the_answer():
    assert dict(refused(query="my+secret=1&my+secret=2").facts) == {}


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "DELETE", "get", ""])
def test_methods(method):
    assert refused(method=method).code == "UnsupportedHTTPMethod"


@pytest.mark.parametrize("path", ["/x", "//", "/ ", "x", "*"])
def test_paths(path):
    assert refused(path=path).code == "InvalidApi.NotFound"


def test_a_query_has_a_limit():
    assert refused(query="a" * (request.QUERY_LIMIT + 1)).reason == "query_too_large"


def test_a_body_has_a_limit_and_is_not_read_beyond_it():
    body = b"a" * (request.BODY_LIMIT + 1)
    assert refused(body=body, content_type=request.FORM).reason == "body_too_large"
    source = io.BytesIO(body * 4)
    with pytest.raises(Refused):
        request.read(environ(content_type=request.FORM) | {"CONTENT_LENGTH": "", "wsgi.input": source,
                                                           "wsgi.input_terminated": True})
    assert source.tell() == request.BODY_LIMIT + 1


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "٣", "99999999999999999999999999"])
def test_lengths(length):
    assert refused(CONTENT_LENGTH=length).code in ("ParseRequestParameterException", "RequestTooLarge")


def test_a_body_cut_short():
    assert refused(body=b"a=1", content_type=request.FORM, CONTENT_LENGTH="9").reason == "body_cut_short"


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_a_body_that_is_no_form(content_type):
    assert refused(body=b"a=1", content_type=content_type).reason == "body_is_no_form"


@pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain"])
def test_without_a_body_its_type_does_not_matter(content_type):
    """The asyncio client sends one with no body; wsgiref invents one."""
    assert request.read(environ(content_type=content_type)).body == b""


def test_a_body_without_length_or_end_is_not_waited_for():
    assert request.read(environ(body=b"a=1", CONTENT_LENGTH="")).body == b""
