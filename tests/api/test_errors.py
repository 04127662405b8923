"""Every code that anything in the source can raise has a status and a message, and every answer the vendor's shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import errors
from base.refusal import Refusal, Refused
from keys.states import State

ROOT = Path(__file__).parents[2]
FLOORS = ["base", "crypto", "audit", "access", "instances", "keys", "api", "kmsconsole"]
FAMILIES = {
    "Rejected.": [f"Rejected.{state}" for state in State if state not in (State.ENABLED, State.DESTROYED)],
    "Missing": [f"Missing{name}" for name in ("AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion",
                                              "SignatureNonce", "Action", "Version")],
}


def codes_of(node: ast.expr) -> Iterator[str]:
    """The codes an expression can be: a text, one of two, or an f-string of a known family."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from codes_of(node.body)
        yield from codes_of(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield from FAMILIES[str(node.values[0].value)]  # type: ignore[attr-defined]


def raised() -> set[tuple[str, str]]:
    """(code, file) of every Refusal built, and of every ``code=`` handed to a function that builds one."""
    found = set()
    for path in sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if isinstance(node.func, ast.Name) and node.func.id == "Refusal":
                given += node.args[:1]
            found |= {(code, str(path.relative_to(ROOT))) for one in given for code in codes_of(one)}
    return found


@pytest.mark.parametrize("code, path", sorted(raised()))
def test_it_has_a_status_and_a_message(code, path):
    status, message = errors.ERRORS[code]
    assert 400 <= status <= 503
    assert message


def test_the_search_finds_codes():
    codes = {code for code, _ in raised()}
    assert {"Rejected.PendingDeletion", "Forbidden.DKMSInstanceStateInvalid", "MissingSignatureNonce",
            "SignatureNonceUsed", "Rejected.Unavailable"} <= codes


# Typed a second time from the reference (keys.md 11.2), to lie beside the table.
@pytest.mark.parametrize("code, status, message", [
    ("Forbidden.KeyNotFound", 404, "The specified Key is not found."),
    ("Forbidden.AliasNotFound", 404, "The specified Alias is not found."),
    ("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found."),
    ("Forbidden.NoPermission", 403, "This operation is forbidden by permission system."),
    ("Rejected.Disabled", 409, "The request was rejected because the key state is Disabled."),
    ("Rejected.PendingDeletion", 409, "The request was rejected because the key state is PendingDeletion."),
    ("Rejected.PendingImport", 409, "The request was rejected because the key state is PendingImport."),
    ("Rejected.Unavailable", 409, "The request was rejected because the key state is Unavailable."),
    ("Rejected.StateModifiedFailed", 409, "Keystate modified failed."),
    ("Rejected.LimitExceeded", 400, "The request was rejected because user create resource limit was exceeded."),
    ("AliasAlreadyExists", 400, "AliasName Already Exists."),
    ("UnsupportedOperation", 400, "This action is not supported."),
    ("Rejected.UnsupportedOperation", 400, "Unsupported operation."),
    ("Unsupported.Alias", 400, "Alias is not valid for this api."),
    ("UnsupportedHTTPMethod", 403, "This http method is not supported."),
    ("InvalidAccessKeyId.NotFound", 404, "The Access Key ID provided does not exist in our records."),
    ("IncompleteSignature", 400, "The request signature does not conform to Alibaba Cloud standards."),
    ("IllegalTimestamp", 400, 'The input parameter "Timestamp" that is mandatory for processing this request is not supplied.'),
    ("InternalFailure", 500, "Internal Failure."),
    ("ServiceUnavailableTemporary", 503, "Service Unavailable Temporary."),
])
def test_the_vendors_words(code, status, message):
    assert errors.ERRORS[code] == (status, message)


def test_the_shape():
    refused = Refused(Refusal("Rejected.Disabled", {"key": "key-1", "since": datetime(2026, 1, 2, tzinfo=UTC), "ids": ("a",)},
                              who="administrator", lifted_by="EnableKey"),
                      Refusal("Forbidden.NoPermission", reason="not_permitted"))
    answer = errors.answer(refused, "R", "host:1", explained=True)
    assert answer.status == 409
    assert answer.body == {
        "HttpStatus": 409, "RequestId": "R", "HostId": "host:1", "Code": "Rejected.Disabled",
        "Message": "The request was rejected because the key state is Disabled.",
        "Refusals": [
            {"Code": "Rejected.Disabled", "Reason": "Rejected.Disabled", "Who": "administrator", "LiftedBy": "EnableKey",
             "Facts": {"key": "key-1", "since": "2026-01-02T00:00:00Z", "ids": ["a"]}},
            {"Code": "Forbidden.NoPermission", "Reason": "not_permitted", "Who": "nobody", "LiftedBy": "", "Facts": {}}]}


def test_strangers_get_no_reasons():
    assert "Refusals" not in errors.answer(Refused(Refusal("Rejected.Disabled")), "R").body


def test_a_wrong_rpc_signature_shows_nothing_behind_the_colon():
    message = errors.message_of(Refusal("SignatureDoesNotMatch"))
    assert message.endswith("is:")


@pytest.mark.parametrize("facts, message", [({"name": "KeyId"}, 'The specified parameter "KeyId" is not valid.'),
                                            ({"name": "{x}"}, 'The specified parameter "{x}" is not valid.'),
                                            ({}, "The specified parameter is not valid.")])
def test_messages_name_parameters(facts, message):
    assert errors.message_of(Refusal("InvalidParameter", facts)) == message


def test_a_code_of_no_table_is_a_mistake_of_ours():
    with pytest.raises(errors.UnknownCode):
        errors.answer(Refused(Refusal("No.Such")), "R")


@pytest.mark.parametrize("host, shown", [("h:1", "h:1"), ("a\r\nb\x00é c", "abc"), ("x" * 300, "x" * 255)])
def test_host_id(host, shown):
    assert errors.host_id(host) == shown


def test_every_status_has_a_phrase():
    assert {errors.status_line(status) for status, _ in errors.ERRORS.values()} >= {"400 Bad Request", "409 Conflict"}
