"""What breaks inside: JSON outside, one line in the log, and none of what was in the exception."""

from __future__ import annotations

import io
import json
import logging

import pytest
from django.db import OperationalError

from api import dispatch, failures, responding, wsgi

WORD = "cGxhaW50ZXh0"


def answered(caplog):
    seen = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "a=1", "wsgi.input": io.BytesIO(), "HTTP_HOST": "h"}
    with caplog.at_level(logging.DEBUG):
        body = b"".join(wsgi.application(environ, lambda status, headers: seen.extend((status, dict(headers)))))
    return seen[0], seen[1], json.loads(body)


@pytest.mark.parametrize("error, status, code", [
    (ValueError(WORD), "500 Internal Server Error", "InternalFailure"),
    (RecursionError(WORD), "500 Internal Server Error", "InternalFailure"),
    (OperationalError(WORD), "503 Service Unavailable", "ServiceUnavailableTemporary")])
def test_it_is_answered_and_logged_without_its_text(monkeypatch, caplog, error, status, code):
    def broken(request, request_id):
        plaintext = WORD
        try:
            raise KeyError(plaintext)
        except KeyError:
            raise error  # noqa: B904 - the context is what is tested

    monkeypatch.setattr(dispatch, "answer", broken)
    monkeypatch.setattr(responding, "drop_stale_connections", lambda: None)
    line, headers, body = answered(caplog)
    assert (line, body["Code"], body["HostId"]) == (status, code, "h")
    assert headers["Content-Type"] == "application/json;charset=utf-8"
    assert headers["x-acs-request-id"] == body["RequestId"]
    assert "Refusals" not in body
    assert WORD not in caplog.text + json.dumps(body)
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert f"{type(error).__name__} from KeyError at " in message
    assert body["RequestId"] in message
    assert "tests/api/test_failures.py:" in message


def test_frames_without_a_traceback():
    assert failures.frames(None) == ""
