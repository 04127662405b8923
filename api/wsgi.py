"""The WSGI entry of the API: one request from end to end. No Django handler and no middleware runs on this path.

`application` answers JSON in the vendor's shape whatever happens; only errors of the transfer itself (a broken chunk, a
client that went away) pass through to the server, which answers them in the same shape (`api.worker`).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmsconsole.settings")
django.setup()

from django.db import OperationalError, connections  # noqa: E402 - Django has to be set up first

from api import dispatch, errors, failures, request  # noqa: E402
from api.errors import Answer  # noqa: E402
from base import ids  # noqa: E402
from base.refusal import Refused  # noqa: E402

CONTENT_TYPE = "application/json;charset=utf-8"  # exactly so: SDKs pick their parser by it
log = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    request_id = ids.request_id()
    drop_stale_connections()
    try:
        answer = respond(environ, request_id)
    finally:
        drop_stale_connections()
    payload = json.dumps(answer.body, separators=(",", ":")).encode()
    start_response(errors.status_line(answer.status), [*headers(request_id, len(payload)), *answer.headers])
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [payload]


def drop_stale_connections() -> None:
    """What Django's handler does around a request: broken and old connections end here, not in the next request. One
    inside a transaction is its owner's: a program that calls `application` directly, as tests do."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def headers(request_id: str, length: int) -> list[tuple[str, str]]:
    """The same on every answer. Nothing may keep a copy: answers hold plaintext."""
    return [("Content-Type", CONTENT_TYPE), ("Content-Length", str(length)), ("x-acs-request-id", request_id),
            ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]


def respond(environ: dict[str, Any], request_id: str) -> Answer:
    host = environ.get("HTTP_HOST", "")
    try:
        parsed = request.read(environ)
    except Refused as refused:
        return errors.answer(refused, request_id, host)
    try:
        return dispatch.answer(parsed, request_id)
    except Refused as refused:
        return errors.answer(refused, request_id, host)
    except OperationalError as error:
        # The database is locked, full or gone: trying again later is right, and clients do so on this code.
        failures.log(log, f"request {request_id}", error)
        return errors.failure(request_id, host, "ServiceUnavailableTemporary")
    except Exception as error:  # noqa: BLE001 - the outermost door: whatever it is, the client gets JSON and no text of it
        failures.log(log, f"request {request_id}", error)
        return errors.failure(request_id, host)
