"""HTTP as clients really speak it, and as they should not: every answer is JSON in the vendor's shape."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket

import pytest

from tests.api.live.clients import SDK_WARNINGS, call, send, signed_v3

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()
KIB = 1024


@pytest.fixture(scope="module")
def key_id(live_api):
    return call(live_api, "CreateKey", {}).body["KeyMetadata"]["KeyId"]


def raw(live_api, data: bytes) -> tuple[int, dict]:
    """(status, body) of the answer to bytes that need not be HTTP."""
    with socket.create_connection(("127.0.0.1", live_api.port), timeout=30) as connection:
        with contextlib.suppress(OSError):  # the server may have answered before it had read all
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json;charset=utf-8" in head.lower(), answer[:300]
    parsed = json.loads(body)
    assert {"HttpStatus", "RequestId", "HostId", "Code", "Message"} <= set(parsed)
    assert int(head.split()[1]) == parsed["HttpStatus"]
    return parsed["HttpStatus"], parsed


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("form", [False, True])
def test_query_and_form(live_api, key_id, method, form):
    assert call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}, method=method, form=form).status == 200


def test_a_chunked_body(live_api, key_id):
    reply = call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}, form=True, chunked=True)
    assert reply.body["KeyId"] == key_id


def test_one_connection_for_many(live_api, key_id):
    connection = http.client.HTTPConnection(live_api.host, timeout=30)
    connection.connect()
    first = connection.sock
    for number in range(6):
        path, headers, body = signed_v3(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": HELLO}, form=number % 2 == 1,
                                        secret="wrong" if number == 3 else "")
        connection.request("POST", path, body=body or None, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (400 if number == 3 else 200)
        assert connection.sock is first
    connection.close()


@pytest.mark.parametrize("size", [100, 250, 500])
def test_long_request_lines(live_api, key_id, size):
    """The size of an old SDK's secret in the query and beyond: unknown parameters are read, signed, and ignored."""
    reply = call(live_api, "DescribeKey", {"KeyId": key_id, "Unknown": "%" + "x" * size * KIB})
    assert reply.status == 200, reply.body


def test_too_long_a_request_line(live_api):
    reply = send(live_api, "GET", f"/?a={'x' * 600 * KIB}")
    assert (reply.status, reply.code) == (414, "RequestTooLarge")


def test_context_dotted_and_json_are_one_map(live_api, key_id):
    for dotted in ({"EncryptionContext.a": "b c", "EncryptionContext.x&=%": "é"}, {"EncryptionContext.": ""}):
        context = {name.partition(".")[2]: value for name, value in dotted.items()}
        blob = call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": HELLO, **dotted}, method="GET").body["CiphertextBlob"]
        given = {"CiphertextBlob": blob, "EncryptionContext": json.dumps(context)}
        assert call(live_api, "Decrypt", given).body["Plaintext"] == HELLO
    both = {"KeyId": key_id, "Plaintext": HELLO, "EncryptionContext": "{}", "EncryptionContext.a": "b"}
    assert call(live_api, "Encrypt", both).code == "InvalidParameter"


@pytest.mark.parametrize("action, given, code, message", [
    ("Encrypt", {"KeyId": "x"}, "MissingParameter", 'The parameter "Plaintext" is needed but not provided.'),
    ("Encrypt", {}, "MissingParameter", 'The parameter "KeyId" is needed but not provided.'),
    ("DescribeKey", {"KeyId": ""}, "InvalidParameter", 'The specified parameter "KeyId" is not valid.'),
    ("DescribeKey", {"KeyId": "a\0b"}, "InvalidParameter", 'The specified parameter "KeyId" is not valid.'),
    ("ListKeys", {"PageSize": "ten"}, "InvalidParameter", 'The specified parameter "PageSize" is not valid.'),
    ("ListKeys", {"PageNumber": "1e1"}, "InvalidParameter", 'The specified parameter "PageNumber" is not valid.'),
    ("ListKeys", {"PageNumber": "٣"}, "InvalidParameter", 'The specified parameter "PageNumber" is not valid.'),
    ("CreateKey", {"EnableAutomaticRotation": "yes"}, "InvalidParameter",
     'The specified parameter "EnableAutomaticRotation" is not valid.'),
    ("CreateKey", {"KeySpec": "AES"}, "InvalidParameter", 'The specified parameter "KeySpec" is not valid.'),
    ("CreateKey", {"Tags": "["}, "InvalidParameter", 'The specified parameter "Tags" is not valid.'),
    ("CreateKey", {"Tags": '[{"TagKey":"\\ud800"}]'}, "InvalidParameter", 'The specified parameter "Tags" is not valid.'),
    ("Decrypt", {"CiphertextBlob": "%%%"}, "InvalidParameter", "The specified parameter is not valid."),
    ("Decrypt", {"CiphertextBlob": HELLO, "Recipient": "r"}, "UnsupportedOperation",
     "This action is not supported for attested enclaves: Recipient."),
    ("ScheduleKeyDeletion", {"KeyId": "key-x", "PendingWindowInDays": "7", "DryRun": "True"}, "UnsupportedOperation",
     "This action cannot be tried with DryRun: ScheduleKeyDeletion."),
    ("GetRandomPassword", {}, "UnsupportedOperation", "This action is not supported yet: GetRandomPassword."),
    ("AdvanceEncrypt", {}, "UnsupportedOperation", "This action is not supported: AdvanceEncrypt."),
    ("MakeCoffee", {}, "InvalidAction.NotFound", "The specified action is not found."),
    ("DescribeKey", {"KeyId": "key-x", "Format": "YAML"}, "InvalidParameter.Format",
     'The specified parameter "Format" is not valid.'),
])
def test_refusals(live_api, action, given, code, message):
    reply = call(live_api, action, given)
    assert (reply.code, reply.body["Message"]) == (code, message)
    assert reply.status == (404 if code == "InvalidAction.NotFound" else 400)
    assert reply.body["HostId"] == live_api.host
    assert reply.body["Refusals"][0]["Code"] == code


def test_all_refused_parameters_at_once(live_api):
    reply = call(live_api, "ListKeys", {"PageSize": "x", "PageNumber": "y", "Filters": "z"})
    assert [one["Facts"]["name"] for one in reply.body["Refusals"]] == ["Filters", "PageNumber", "PageSize"]


@pytest.mark.parametrize("text", ["no base64", "aGVsbG8", "aGVsbG8=\n", "", "ä===", "aGVs-G8_"])
def test_bad_base64(live_api, key_id, text):
    reply = call(live_api, "Encrypt", {"KeyId": key_id, "Plaintext": text})
    assert (reply.code, reply.body["Message"]) == ("InvalidParameter", 'The specified parameter "Plaintext" is not valid.')


def test_another_version(live_api):
    assert call(live_api, "ListKeys", version="2015-01-01").code == "InvalidVersion"


@pytest.mark.parametrize("path", ["/?a=%FF", "/?%C3%28=1", "/?a=%", "/?a=%4", "/?a=%zz"])
def test_broken_encodings(live_api, path):
    reply = send(live_api, "POST", path)
    assert (reply.status, reply.code) == (400, "ParseRequestParameterException")


def test_a_parameter_twice(live_api):
    for path, body in (("/?a=1&a=1", None), ("/?a=1", "a=2"), ("/", "KeyId=1&%4BeyId=1")):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        reply = send(live_api, "POST", path, headers, body)
        assert (reply.status, reply.code) == (400, "InvalidParameter")
    assert reply.body["Message"] == 'The specified parameter "KeyId" is not valid.'


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_methods(live_api, method):
    reply = send(live_api, method, "/")
    assert (reply.status, reply.code) == (403, "UnsupportedHTTPMethod")


@pytest.mark.parametrize("path", ["/x", "/healthz", "/kms/", "//", "/%2e%2e"])
def test_paths(live_api, path):
    reply = send(live_api, "GET", path)
    assert (reply.status, reply.code) == (404, "InvalidApi.NotFound")


def test_a_megabyte_of_body(live_api):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for chunked in (False, True):
        body = iter([b"x" * 64 * KIB] * 16) if chunked else b"x" * KIB * KIB
        headers = form | ({"Transfer-Encoding": "chunked"} if chunked else {})
        reply = send(live_api, "POST", "/", headers, body, chunked=chunked)
        assert (reply.status, reply.code) == (413, "RequestTooLarge")


@pytest.mark.parametrize("data, status", [
    (b"\x00\xff" * 512 * KIB, 400), (b"GET /?" + b"x" * KIB * KIB, 414), (b"garbage\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\n\r\n", 400), (b"get / HTTP/1.1\r\n\r\n", 403), (b"GET /?\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400), (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20 * KIB + b"\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na=1", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=1", 400),
], ids=range(13))
def test_what_is_hardly_http(live_api, data, status):
    assert raw(live_api, data)[0] == status


def test_host_is_not_judged_but_cleaned(live_api):
    odd = b"GET / HTTP/1.1\r\nHost: http://a/\x80<b> " + b"c" * 400 + b"\r\nConnection: close\r\n\r\n"
    body = raw(live_api, odd)[1]
    assert body["HostId"].startswith("http://a/<b>ccc")
    assert len(body["HostId"]) == 255
