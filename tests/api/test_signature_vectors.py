"""All 40 requests of the reference, 29 of them captured from real SDKs, through the pure verifier."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.request import Request
from api.signatures import headers, rpc, schemes, v4
from base.refusal import Refused
from tests.api.vectors import moment, name, request, vectors

WITH_TOKEN = [vector for vector in vectors() if vector.get("security_token")]
PLAIN = [vector for vector in vectors() if not vector.get("security_token")]
WORKED = [vector for vector in vectors() if vector.get("string_to_sign")]


def verdict(vector, given: Request, *, secret=None, later=timedelta()):
    return schemes.why_not(secret or vector["access_key_secret"], given, schemes.claim(given), moment(vector) + later)


def code(refusal):
    return refusal and refusal.code


def test_the_reference_has_forty():
    assert len(vectors()) == 40
    assert len(PLAIN) == 39


@pytest.mark.parametrize("vector", PLAIN, ids=name)
def test_it_verifies(vector):
    assert verdict(vector, request(vector)) is None


@pytest.mark.parametrize("vector", PLAIN, ids=name)
def test_it_reads_what_the_client_meant(vector):
    given = request(vector)
    claim = schemes.claim(given)
    assert claim.access_key_id == vector["access_key_id"]
    if "action" in vector:
        assert claim.action == vector["action"]
        assert vector["parameters"].items() <= given.parameters.items()


@pytest.mark.parametrize("vector", WITH_TOKEN, ids=name)
def test_security_tokens_are_refused_by_name_though_the_signature_is_good(vector):
    given = request(vector)
    assert code(verdict(vector, given)) == "InvalidSecurityToken.NotSupported"
    assert rpc.matches(vector["access_key_secret"], given, schemes.claim(given))


@pytest.mark.parametrize("vector", WORKED, ids=name)
def test_the_worked_steps_agree(vector):
    given = request(vector)
    claim = schemes.claim(given)
    if vector["scheme"] == "HMAC-SHA1":
        assert rpc.string_to_sign(given) == vector["string_to_sign"]
        return
    hash_name = "sm3" if vector["scheme"].endswith("SM3") else "sha256"
    assert vector["canonical_request"].encode() in headers.canonical_requests(given, claim.signed_headers, hash_name)
    assert claim.signature == vector["signature"]
    if "signing_key_hex" in vector:
        assert v4.signing_key(vector["access_key_secret"], claim.scope).hex() == vector["signing_key_hex"]


@pytest.mark.parametrize("vector", PLAIN, ids=name)
def test_another_secret_does_not(vector):
    assert code(verdict(vector, request(vector), secret="SKDEMO-not-a-secreT")) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("vector", PLAIN, ids=name)
@pytest.mark.parametrize("seconds, expected", [(900, None), (-900, None), (960, "InvalidTimeStamp.Expired"),
                                               (-960, "InvalidTimeStamp.Expired")])
def test_fifteen_minutes_either_way(vector, seconds, expected):
    now = schemes.window.parse(schemes.claim(request(vector)).timestamp) + timedelta(seconds=seconds)
    given = request(vector)
    assert code(schemes.why_not(vector["access_key_secret"], given, schemes.claim(given), now)) == expected


def v3_vector():
    return PLAIN[0]


def with_headers(vector, **changed):
    """The vector with headers replaced (a text), removed (None) or added."""
    names = {key.replace("_", "-"): value for key, value in changed.items()}
    kept = [[header, names.pop(header.lower(), value)] for header, value in vector["headers"]]
    return request(vector, headers=[pair for pair in [*kept, *map(list, names.items())] if pair[1] is not None])


def authorization(vector, old, new):
    value = {header.lower(): value for header, value in vector["headers"]}["authorization"]
    assert old in value
    return with_headers(vector, authorization=value.replace(old, new))


def refusal_of(given) -> str:
    with pytest.raises(Refused) as caught:
        schemes.claim(given)
    return caught.value.first.code


@pytest.mark.parametrize("header", sorted(headers.REQUIRED))
def test_v3_each_required_header_must_be_signed(header):
    vector = v3_vector()
    listed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
    fewer = ";".join(name for name in listed.split(";") if name != header)
    assert refusal_of(authorization(vector, listed, fewer)) == "IncompleteSignature"


def test_v3_an_unsigned_acs_header_is_refused():
    assert refusal_of(with_headers(v3_vector(), x_acs_retry_delay="3")) == "IncompleteSignature"


def test_v3_a_listed_header_that_is_missing_is_a_mismatch():
    assert code(verdict(v3_vector(), with_headers(v3_vector(), host=None))) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("old, new", [("host;x-acs-action", "x-acs-action;host"), ("host;", "Host;"),
                                      ("host;", "host;host;"), ("host;", ";host;"), ("Signature=", "Signature=x"),
                                      ("ACS3-HMAC-SHA256 Credential=", "ACS3-HMAC-SHA256 ")])
def test_v3_malformed_authorization(old, new):
    assert refusal_of(authorization(v3_vector(), old, new)) == "IncompleteSignature"


def test_v3_a_body_needs_its_type_signed():
    vector = next(vector for vector in PLAIN if vector["name"] == "ACS3-HMAC-SHA256 CreateSecret with form body")
    assert refusal_of(authorization(vector, "content-type;", "")) == "IncompleteSignature"


def test_v3_the_body_is_hashed_again():
    vector = next(vector for vector in PLAIN if vector["name"] == "ACS3-HMAC-SHA256 CreateSecret with form body")
    assert code(verdict(vector, request(vector, body="SecretData=other"))) == "SignatureDoesNotMatch"


def test_v3_the_message_shows_the_digest_and_nothing_else():
    refusal = verdict(v3_vector(), request(v3_vector()), secret="wrong")
    assert refusal.facts["string_to_sign"] == v3_vector()["string_to_sign"]


def test_v4_the_day_of_the_credential_counts():
    vector = next(vector for vector in PLAIN if vector["scheme"] == "ACS4-HMAC-SHA256")
    assert refusal_of(authorization(vector, "/20260102/", "/20260103/")) == "IncompleteSignature"


def test_names_are_accepted_encoded_and_raw_but_raw_only_where_it_is_unambiguous():
    from api.signatures.encoding import canonical_queries

    assert canonical_queries((("a:b", "c d"),)) == ("a%3Ab=c%20d", "a:b=c%20d")
    for dangerous in ("a&b", "a=b", "a%3Db", "a+b", "a#b", "a b", "a\nb"):
        assert len(canonical_queries(((dangerous, "x"),))) == 1


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "2026-01-02T03:04:05.0Z", "2026-01-02 03:04:05Z", "2026-13-02T03:04:05Z",
                                  "2026-01-02T03:04:05+00:00", "１026-01-02T03:04:05Z", "2026-01-02T03:04:05Z "])
def test_one_time_format(text):
    assert schemes.window.parse(text) is None
    assert code(schemes.window.why_not(text, moment(v3_vector()))) == "InvalidTimeStamp.Format"


def rpc_request(**renamed):
    """(an RPC vector, its query with parameters renamed)."""
    vector = next(vector for vector in PLAIN if vector["name"] == "RPC HMAC-SHA1 POST, query")
    query = vector["query"]
    for old, new in renamed.items():
        assert f"{old}=" in query
        query = query.replace(f"{old}=", f"{new}=")
    return vector, query


@pytest.mark.parametrize("absent, expected", [
    ("AccessKeyId", "MissingAccessKeyId"), ("SignatureNonce", "MissingSignatureNonce"), ("Timestamp", "IllegalTimestamp"),
    ("SignatureMethod", "MissingSignatureMethod"), ("SignatureVersion", "MissingSignatureVersion")])
def test_rpc_says_which_system_parameter_is_missing(absent, expected):
    vector, query = rpc_request(**{absent: "Else"})
    assert refusal_of(request(vector, query=query)) == expected


@pytest.mark.parametrize("old, new, expected", [
    ("SignatureMethod=HMAC-SHA1", "SignatureMethod=HMAC-MD5", "InvalidSignatureMethod"),
    ("SignatureMethod=HMAC-SHA1", "SignatureMethod=SHA256withRSA", "UnsupportedOperation"),
    ("SignatureVersion=1.0", "SignatureVersion=2.0", "InvalidSignatureMethod")])
def test_rpc_methods(old, new, expected):
    vector, query = rpc_request()
    assert old in query
    assert refusal_of(request(vector, query=query.replace(old, new))) == expected


def test_without_any_signature():
    vector = v3_vector()
    assert refusal_of(with_headers(vector, authorization=None)) == "MissingAccessKeyId"
    assert refusal_of(with_headers(vector, authorization="Basic abc")) == "IncompleteSignature"
    assert refusal_of(with_headers(vector, authorization="ACS3-RSA-SHA256 Credential=x")) == "InvalidSignatureMethod"
    bearer = with_headers(vector, authorization=None, x_acs_bearer_token="t")
    assert refusal_of(bearer) == "UnsupportedOperation"
