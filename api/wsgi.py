"""The WSGI entry of the API: one request from end to end. No Django handler and no middleware runs on this path.

`application` answers JSON in the vendor's shape whatever happens; only errors of the transfer itself (a broken chunk, a
client that went away) pass through to the server, which answers them in the same shape (`api.worker`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kmsconsole.settings")
django.setup()

from api import dispatch, errors, request, responding  # noqa: E402 - Django has to be set up first
from api.errors import Answer  # noqa: E402
from base import ids  # noqa: E402

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    request_id = ids.request_id()
    responding.drop_stale_connections()
    try:
        answer = respond(environ, request_id)
    finally:
        responding.drop_stale_connections()
    payload = json.dumps(answer.body, separators=(",", ":")).encode()
    start_response(errors.status_line(answer.status), [
        *responding.HEADERS, ("Content-Length", str(len(payload))), ("x-acs-request-id", request_id), *answer.headers])
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [payload]


def respond(environ: dict[str, Any], request_id: str) -> Answer:
    return responding.guarded(lambda: dispatch.answer(request.read(environ), request_id), request_id,
                              environ.get("HTTP_HOST", ""))
